//! Certifications of a trunk: when they end, and which calls they leave alone.

use super::calls::{seconds, stopped};
use super::world::{World, now};
use crate::gateway::{CertificationOrder, Progress};

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
        world.up().await;
        assert_eq!(world.state(), Some("ivr"));
        world.phone.hang_up(now());
        world.until("it has ended", |w| w.reason().is_some()).await;
        world.nothing_left().await;
    });
}
