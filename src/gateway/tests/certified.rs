//! Certifications of a trunk: when they end, and which calls they leave alone.

use super::calls::{seconds, stopped};
use super::world::{World, now};
use crate::gateway::{CertificationOrder, Part, Progress};

fn waits_for(world: &World) -> Option<Part> {
    world.gateway.certification("carrier")?.part
}

/// A call out in which nobody speaks for long.
fn quiet_call() -> CertificationOrder {
    CertificationOrder {
        call: Some("02-123-4567".to_owned()),
        silence_seconds: 600,
        ..CertificationOrder::default()
    }
}

#[test]
fn one_that_nobody_asks_after_hangs_up_and_ends() {
    stopped(async {
        let mut world = World::new();
        let began = now();
        world.gateway.certify("carrier", &quiet_call()).unwrap();
        world.until("it is called", |w| w.phone.is_called()).await;
        world.phone.pick_up(now());
        world.until("it has ended", |w| w.reason().is_some()).await;
        assert_eq!(world.reason(), Some("certified"));
        let lived = now() - began;
        assert!((seconds(60)..seconds(62)).contains(&lived), "{lived:?}");
        let told = world.gateway.certification("carrier").unwrap();
        assert_eq!((told.state, told.passed()), (Progress::Stopped, false));
        world.nothing_left().await;
    });
}

#[test]
fn one_that_is_ended_gives_a_call_up_that_rings() {
    stopped(async {
        let mut world = World::new();
        world.gateway.certify("carrier", &quiet_call()).unwrap();
        world.until("it is called", |w| w.phone.is_called()).await;
        assert!(world.gateway.end_certification("carrier"));
        world.until("it has ended", |w| w.reason().is_some()).await;
        world.run(seconds(1)).await;
        assert!(!world.gateway.end_certification("carrier"), "it is over");
        world.nothing_left().await;
    });
}

#[test]
fn calls_to_other_numbers_come_to_the_menu_while_one_is_waited_for() {
    stopped(async {
        let mut world = World::new();
        let order = CertificationOrder {
            inbound: Some("070-9999-9999".to_owned()),
            ..CertificationOrder::default()
        };
        world.gateway.certify("carrier", &order).unwrap();
        world.run(seconds(10)).await;
        assert_eq!(waits_for(&world), Some(Part::CallIn));
        world.up().await;
        assert_eq!(world.state(), Some("ivr"));
        assert_eq!(waits_for(&world), Some(Part::CallIn), "it goes on waiting");
        world.phone.hang_up(now());
        world.until("it has ended", |w| w.reason().is_some()).await;
        world.nothing_left().await;
    });
}

/// The call was forwarded from the number that is waited for, and is to another trunk's.
#[test]
fn a_call_to_a_number_of_another_trunk_is_that_trunks() {
    stopped(async {
        let other =
            "[[trunk]]\nname = \"other\"\nallow = [\"198.51.100.0/24\"]\nnumbers = [\"070-2222-2222\"]";
        let mut world = World::with("numbers = [\"070-1111-1111\"]", other);
        let order = CertificationOrder {
            inbound: Some("070-1111-1111".to_owned()),
            ..CertificationOrder::default()
        };
        world.gateway.certify("carrier", &order).unwrap();
        world.run(seconds(10)).await;
        let invite = |user: &str| {
            format!(
                "INVITE sip:{user}@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK{user}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: {user}\r\nCSeq: 1 INVITE\r\nContact: <sip:a@198.51.100.1>\r\nDiversion: <sip:07011111111@d>\r\nContent-Length: 0\r\n\r\n"
            )
        };
        let newest = |world: &World| {
            let all = world.calls.all();
            all.iter()
                .max_by_key(|call| call.id)
                .map(|call| call.trunk.clone())
        };
        world.raw(invite("07022222222"));
        world.run(seconds(1)).await;
        assert_eq!(newest(&world).as_deref(), Some("other"));
        assert_eq!(waits_for(&world), Some(Part::CallIn), "it goes on waiting");
        // Where no trunk takes it, that field is what it is known by.
        world.raw(invite("07033333333"));
        world.run(seconds(1)).await;
        assert_eq!(newest(&world).as_deref(), Some("carrier"));
        assert!(world.gateway.end_certification("carrier"));
        world.until("both are over", |w| w.calls.live() == 0).await;
        world.nothing_left().await;
    });
}
