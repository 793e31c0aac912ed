use super::*;

fn places(connections: usize, per_address: Option<usize>) -> Places {
    Places::new(ConnectionLimits { connections, per_address, ..ConnectionLimits::default() })
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
        assert_eq!(places.establish(id(number), from, None), Ok(()));
    }
}

#[test]
fn one_address_takes_half_of_the_places_and_leaves_the_rest() {
    let mut places = places(10, None);
    settle(&mut places, remote(1), 0..5);
    assert_eq!(places.room_for(remote(1)), Err(Cut::Address));
    settle(&mut places, remote(2), 5..9);
    // Once somebody has left there is room again, and nothing is kept of those who have gone.
    places.leave(id(0), remote(1), None);
    settle(&mut places, remote(1), 9..10);
    assert_eq!(places.room_for(remote(1)), Err(Cut::Address));
    (5..9).for_each(|number| places.leave(id(number), remote(2), None));
    (1..5).chain(9..10).for_each(|number| places.leave(id(number), remote(1), None));
    assert!(places.origins.is_empty() && places.established == 0);
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
    places.leave(id(2), remote(1), None);
    settle(&mut places, remote(1), 4..5);
    assert_eq!(places.room_for(remote(1)), Ok(Some((id(3), Cut::Address))));
    assert_eq!(places.establish(id(3), remote(1), None), Ok(()));
    assert_eq!(places.room_for(remote(1)), Err(Cut::Address));
}

#[test]
fn handshakes_have_places_of_their_own_and_a_newcomer_always_finds_one() {
    let mut places = places(4, None);
    settle(&mut places, remote(1), 0..1);
    settle(&mut places, remote(2), 1..3);
    for (number, slowest) in [(3, None), (4, None), (5, Some(3)), (6, Some(4)), (7, Some(5))] {
        let room = places.room_for(LOOPBACK);
        assert_eq!(room, Ok(slowest.map(|slowest| (id(slowest), Cut::Handshake))));
        if let Some(slowest) = slowest {
            places.leave(id(slowest), LOOPBACK, None);
        }
        places.come(id(number), LOOPBACK);
    }
    assert_eq!(places.establish(id(7), LOOPBACK, None), Ok(()));
    // Nobody has room once the last place is taken, whoever was in between.
    assert_eq!(places.room_for(remote(3)), Err(Cut::TooMany));
    assert_eq!(places.establish(id(6), LOOPBACK, None), Err(Cut::TooMany));
    places.leave(id(6), LOOPBACK, None);
    places.leave(id(0), remote(1), None);
    settle(&mut places, remote(3), 8..9);
    assert_eq!((places.established, places.half_open), (4, 0));
}

#[test]
fn whoever_opens_most_makes_room_for_the_others() {
    let mut places = places(8, None);
    places.come(id(0), remote(1));
    (1..4).for_each(|number| places.come(id(number), remote(2)));
    for (number, from, slowest) in [(4, 2, 1), (5, 1, 2), (6, 3, 0)] {
        assert_eq!(places.room_for(remote(from)), Ok(Some((id(slowest), Cut::Handshake))));
        places.leave(id(slowest), remote(if slowest == 0 { 1 } else { 2 }), None);
        places.come(id(number), remote(from));
    }
}

#[test]
fn one_key_has_half_of_the_places_or_as_many_as_somebody_said() {
    for (connections, per_key) in [(4, None), (3, Some(2))] {
        let limits = ConnectionLimits { connections, per_key, ..ConnectionLimits::default() };
        two_of_a_key(Places::new(limits));
    }
}

fn two_of_a_key(mut places: Places) {
    let [one, other] = [1, 2].map(|byte| CurveKey::from_bytes([byte; 32]));
    let establish = |places: &mut Places, number: usize, key: CurveKey| {
        places.come(id(number), LOOPBACK);
        places.establish(id(number), LOOPBACK, Some(key))
    };
    assert_eq!(establish(&mut places, 0, one), Ok(()));
    assert_eq!(establish(&mut places, 1, one), Ok(()));
    assert_eq!(establish(&mut places, 2, one), Err(Cut::Key));
    places.leave(id(2), LOOPBACK, Some(one));
    assert_eq!(establish(&mut places, 3, other), Ok(()));
    places.leave(id(0), LOOPBACK, Some(one));
    assert_eq!(establish(&mut places, 4, one), Ok(()));
    for (number, key) in [(1, one), (3, other), (4, one)] {
        places.leave(id(number), LOOPBACK, Some(key));
    }
    assert!(places.keys.is_empty() && places.origins.is_empty());
}
