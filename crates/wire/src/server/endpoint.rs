//! Where a server listens: the forms of an endpoint, and the sockets that are made of them.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _},
    os::{
        fd::OwnedFd,
        linux::net::SocketAddrExt as _,
        unix::{
            fs::FileTypeExt as _,
            net::{SocketAddr as UnixAddress, UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

use crate::Endpoint;

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 1_024;
/// Bytes that the kernel keeps for one connection that is not read, before it doubles them.
const RECEIVE_BUFFER: usize = 256 << 10;
/// When a silent connection ends: the kernel asks the other host's kernel, which answers for a
/// program that hangs or does not read. No ZMTP heartbeats: they end peers that use libzmq.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_COUNT: u32 = 3;

/// A socket that listens, and where.
#[derive(Debug)]
pub(crate) enum Bound {
    Tcp(std::net::TcpListener),
    /// With the file to be removed in the end, where there is one.
    Unix(UnixListener, Option<PathBuf>),
}

/// Listens, and says where: `tcp://127.0.0.1:*` has a port then.
pub(crate) fn bind(Endpoint(endpoint): &Endpoint) -> io::Result<(Bound, Endpoint)> {
    if let Some(place) = endpoint.strip_prefix("tcp://") {
        let listener = bind_tcp(place)?;
        let resolved = format!("tcp://{}", listener.local_addr()?);
        return Ok((Bound::Tcp(listener), Endpoint(resolved)));
    }
    let Some(path) = endpoint.strip_prefix("ipc://") else {
        return Err(wrong("an endpoint begins with tcp:// or ipc://"));
    };
    let bound = match path.strip_prefix('@') {
        Some(name) => {
            let address = UnixAddress::from_abstract_name(name)?;
            Bound::Unix(UnixListener::bind_addr(&address)?, None)
        }
        None if path.is_empty() || path == "*" => return Err(wrong("ipc:// needs a path")),
        None => {
            clear(Path::new(path))?;
            Bound::Unix(UnixListener::bind(path)?, Some(path.into()))
        }
    };
    Ok((bound, Endpoint(endpoint.clone())))
}

fn wrong(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, what)
}

/// Removes the socket of a process that is gone; one that somebody listens at is in use.
fn clear(path: &Path) -> io::Result<()> {
    let is_socket = path.symlink_metadata().is_ok_and(|file| file.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(ErrorKind::AddrInUse.into()),
    }
}

fn bind_tcp(place: &str) -> io::Result<std::net::TcpListener> {
    let (host, port) = place.rsplit_once(':').ok_or(wrong("there is no port"))?;
    let port = match port {
        "*" => 0,
        port => port.parse().map_err(|_| wrong("the port is no number up to 65535"))?,
    };
    if host == "*" {
        // Both address families on one socket, or IPv4 alone where there is no other.
        let all = |ip: IpAddr| SocketAddr::new(ip, port);
        return match listen(all(Ipv6Addr::UNSPECIFIED.into())) {
            Err(error) if is_without_ipv6(&error) => listen(all(Ipv4Addr::UNSPECIFIED.into())),
            bound => bound,
        };
    }
    listen(resolve(host, port)?)
}

fn is_without_ipv6(error: &io::Error) -> bool {
    let unsupported = [rustix::io::Errno::AFNOSUPPORT, rustix::io::Errno::ADDRNOTAVAIL];
    unsupported.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// An address, the name of an interface, or that of a host.
fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Some(ip) = bare.parse().ok().or_else(|| address_of(bare)) {
        return Ok(SocketAddr::new(ip, port));
    }
    let mut found: Vec<SocketAddr> = (bare, port).to_socket_addrs()?.collect();
    // A name that means this host in both families means the older one to most peers.
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or_else(|| ErrorKind::AddrNotAvailable.into())
}

/// The address of an interface: in IPv6 if it has one.
fn address_of(interface: &str) -> Option<IpAddr> {
    let all = if_addrs::get_if_addrs().ok()?;
    let own = all.into_iter().filter(|address| address.name == interface);
    own.map(|address| address.ip()).min_by_key(IpAddr::is_ipv4)
}

/// Connections inherit what is set here.
fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket: OwnedFd = net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, false)?;
    }
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    sockopt::set_socket_keepalive(&socket, true)?;
    sockopt::set_tcp_keepidle(&socket, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(&socket, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(&socket, KEEPALIVE_COUNT)?;
    net::bind(&socket, &address)?;
    net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn resolved(endpoint: &str) -> String {
        let (_socket, Endpoint(resolved)) = bind(&Endpoint(endpoint.to_owned())).unwrap();
        let (place, port) = resolved.rsplit_once(':').unwrap();
        assert_ne!(port.parse::<u16>().unwrap(), 0);
        place.to_owned()
    }

    #[test]
    fn an_endpoint_names_an_address_an_interface_or_a_host() {
        assert_eq!(resolved("tcp://127.0.0.1:*"), "tcp://127.0.0.1");
        assert_eq!(resolved("tcp://127.0.0.1:0"), "tcp://127.0.0.1");
        assert_eq!(resolved("tcp://localhost:*"), "tcp://127.0.0.1");
        assert!(["tcp://[::1]", "tcp://127.0.0.1"].contains(&&*resolved("tcp://lo:*")));
        let all = resolved("tcp://*:*");
        if all == "tcp://[::]" {
            assert_eq!(resolved("tcp://[::1]:*"), "tcp://[::1]");
            assert_eq!(resolved("tcp://[::]:0"), "tcp://[::]");
        } else {
            assert_eq!(all, "tcp://0.0.0.0");
        }
    }

    #[test]
    fn one_socket_listens_in_both_families() {
        let (_socket, Endpoint(all)) = bind(&Endpoint("tcp://*:*".to_owned())).unwrap();
        let port: u16 = all.rsplit_once(':').unwrap().1.parse().unwrap();
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        if all.contains("[::]") {
            std::net::TcpStream::connect(("::1", port)).unwrap();
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for endpoint in [
            "",
            "tcp://",
            "tcp://127.0.0.1",
            "tcp://127.0.0.1:x",
            "tcp://127.0.0.1:70000",
            "udp://127.0.0.1:1",
            "ipc://",
            "ipc:///nowhere/at/all",
            "tcp://192.0.2.254:*",
        ] {
            assert!(bind(&Endpoint(endpoint.to_owned())).is_err(), "{endpoint}");
        }
    }

    #[test]
    fn the_socket_of_a_process_that_is_gone_makes_room_and_no_other_file_does() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let endpoint = Endpoint(format!("ipc://{}", path.display()));
        let (first, _) = bind(&endpoint).unwrap();
        assert_eq!(bind(&endpoint).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(first);
        assert!(path.exists());
        bind(&endpoint).unwrap();
        assert_ne!(path.metadata().unwrap().permissions().mode() & 0o700, 0);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        assert!(bind(&endpoint).is_err());
        assert_eq!(laniakea_files::read(&path, 100).unwrap(), b"precious");
    }
}
