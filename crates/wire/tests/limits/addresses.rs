//! Many connections from one address.

use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};

use laniakea_wire::{ConnectionLimits, Endpoint, Listen, submit::SubmitServer};
use rustix::net::{AddressFamily, SocketType};

use crate::{
    PATIENCE, count, listen,
    raw::{greet, is_cut, is_up},
    until, with_submit_server,
};

pub(crate) const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Another address of this machine.
pub(crate) const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

pub(crate) fn connect_from(address: Ipv4Addr, endpoint: &str) -> TcpStream {
    let port = endpoint.rsplit_once(':').unwrap().1.parse().unwrap();
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddrV4::new(address, 0)).unwrap();
    rustix::net::connect(&socket, &SocketAddrV4::new(HERE, port)).unwrap();
    let stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn limited(per_address: Option<usize>, endpoints: &[&str]) -> Listen {
    let endpoints: Vec<_> = endpoints.iter().map(|text| Endpoint((*text).to_owned())).collect();
    let limits = ConnectionLimits { connections: 8, per_address, ..ConnectionLimits::default() };
    Listen { limits, ..Listen::plain(endpoints) }
}

fn counter(server: &SubmitServer, name: &str) -> u64 {
    count(&server.connections().snapshot(), name)
}

#[test]
fn an_address_has_as_many_connections_as_it_may_and_others_have_theirs() {
    // Both spellings of an IPv4 address are one.
    let listen = limited(Some(3), &["tcp://127.0.0.1:*", "tcp://*:*"]);
    with_submit_server(&listen, |server, endpoint| {
        let endpoints: Vec<_> = server.endpoints().iter().map(|Endpoint(text)| text).collect();
        let mut first = Vec::new();
        for endpoint in [endpoints[0], endpoints[1], endpoints[0]] {
            first.push(greet(connect_from(THERE, endpoint), "DEALER"));
        }
        until("the first", || counter(server, "connections") == 3);
        for (number, endpoint) in (1..).zip(endpoints) {
            assert!(is_cut(&mut connect_from(THERE, endpoint)));
            assert_eq!(counter(server, "cut_address"), number);
        }
        let other = greet(connect_from(HERE, endpoint), "DEALER");
        // There is room again once one has left.
        drop(first.pop());
        until("one to have left", || counter(server, "connections") == 3);
        first.push(greet(connect_from(THERE, endpoint), "DEALER"));
        assert!(first.iter().chain([&other]).all(is_up));
        assert_eq!(counter(server, "cut_address"), 2);
        first.clear();
    });
}

#[test]
fn this_machine_is_not_limited_unless_somebody_says_so() {
    let listen = limited(None, &["tcp://127.0.0.1:*"]);
    with_submit_server(&listen, |server, endpoint| {
        let all: Vec<_> = (0..7).map(|_| greet(connect_from(HERE, endpoint), "DEALER")).collect();
        assert!(all.iter().all(is_up));
        assert_eq!(counter(server, "cut_address"), 0);
    });
}

#[test]
fn handshakes_that_are_not_finished_keep_out_nobody_from_the_same_address() {
    let listen = Listen { limits: limited(Some(3), &[]).limits, ..listen(8, 250) };
    with_submit_server(&listen, |server, endpoint| {
        let mut silent: Vec<_> = (0..3).map(|_| connect_from(HERE, endpoint)).collect();
        until("them", || counter(server, "connections") == 3);
        let modest = greet(connect_from(HERE, endpoint), "DEALER");
        assert!(is_cut(&mut silent[0]));
        assert!(is_up(&silent[1]) && is_up(&modest));
        assert_eq!(counter(server, "cut_address"), 1);
    });
}
