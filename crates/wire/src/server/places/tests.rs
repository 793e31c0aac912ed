use super::*;

fn places(connections: usize, per_address: Option<usize>) -> Places {
    Places::new(ConnectionLimits { connections, per_address, subscriptions: 1 })
}

fn id(number: usize) -> ConnectionId {
    ConnectionId::from_number(number)
}

fn remote(last: u8) -> Origin {
    Origin::Remote([192, 0, 2, last].into())
}

const LOOPBACK: Origin = Origin::Loopback(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

/// So many come from there and finish their handshakes, from this number on.
fn settle(places: &mut Places, from: Origin, numbers: std::ops::Range<usize>) {
    for number in numbers {
        assert_eq!(places.room_for(from), Ok(None), "{number}");
        places.come(id(number), from);
        places.is_ready(id(number), from);
    }
}

#[test]
fn one_address_takes_half_of_the_places_and_leaves_the_rest() {
    let mut places = places(10, None);
    settle(&mut places, remote(1), 0..5);
    assert_eq!(places.room_for(remote(1)), Err(Cut::Address));
    settle(&mut places, remote(2), 5..9);
    // Once somebody has left there is room again, and nothing is kept of those who have gone.
    places.leave(id(0), remote(1));
    settle(&mut places, remote(1), 9..10);
    assert_eq!(places.room_for(remote(1)), Err(Cut::Address));
    (5..9).for_each(|number| places.leave(id(number), remote(2)));
    (1..5).chain(9..10).for_each(|number| places.leave(id(number), remote(1)));
    assert!(places.origins.is_empty() && places.open == 0);
}

#[test]
fn this_machine_may_take_them_all_unless_somebody_set_a_number() {
    for own in [Origin::Local, LOOPBACK] {
        let mut places = places(10, None);
        settle(&mut places, own, 0..10);
        assert_eq!(places.room_for(own), Err(Cut::TooMany));
    }
    let mut places = places(10, Some(3));
    settle(&mut places, LOOPBACK, 0..3);
    settle(&mut places, remote(1), 3..6);
    assert_eq!(places.room_for(LOOPBACK), Err(Cut::Address));
    assert_eq!(places.room_for(remote(1)), Err(Cut::Address));
    // There is no address to count by.
    settle(&mut places, Origin::Local, 6..10);
}

#[test]
fn the_newest_handshake_of_an_address_has_the_place_of_its_oldest() {
    let mut places = places(100, Some(3));
    settle(&mut places, remote(1), 0..1);
    places.come(id(1), remote(2));
    places.come(id(2), remote(1));
    places.come(id(3), remote(1));
    assert_eq!(places.room_for(remote(1)), Ok(Some((id(2), Cut::Address))));
    places.leave(id(2), remote(1));
    settle(&mut places, remote(1), 4..5);
    assert_eq!(places.room_for(remote(1)), Ok(Some((id(3), Cut::Address))));
    places.is_ready(id(3), remote(1));
    assert_eq!(places.room_for(remote(1)), Err(Cut::Address));
}
