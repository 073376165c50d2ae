//! Packets of those who have no part in a call.

use super::world::World;
use std::net::SocketAddr;
use std::time::Duration;

/// The caller's address is learned in the first seconds of a call alone.
const LEARNED: Duration = Duration::from_secs(6);

#[test]
fn a_stranger_who_comes_late_changes_nothing_for_a_telephone() {
    let mut world = World::new("strangers");
    let ann = world.app("ann");
    let room = world.room(ann);
    world.join(ann, &room);
    let telephone = world.call(&room).unwrap();
    world.run(LEARNED);
    let stranger = world.place();
    let leg = world.telephones[telephone].leg.as_ref().unwrap().local();
    let leg = SocketAddr::new(leg.ip, leg.port);
    for sequence in 0..10u16 {
        let mut packet = vec![0x80, 8];
        packet.extend(sequence.to_be_bytes());
        packet.extend([0; 168]);
        stranger.send(&packet, leg);
    }
    world.run(Duration::from_secs(1));
    assert_eq!(world.plane.figures().rtp_rejected, 10);
    assert!(stranger.receive().is_none(), "the stranger hears the call");
}
