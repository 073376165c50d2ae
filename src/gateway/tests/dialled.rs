//! What becomes of a call from an app to a telephone.

use super::calls::{seconds, stopped};
use super::world::{World, now};
use crate::rooms::ToTelephone;
use omnigate_omnitalk::{DialRefusal, TelephoneEnd, TelephoneNotice};
use omnigate_sip::CallEnd;
use omnigate_sip::message::{Name, Status};

const NUMBER: &str = "02-123-4567";

/// The app has gone.
fn gone() -> ToTelephone {
    ToTelephone::Notice(TelephoneNotice::Ended(TelephoneEnd::AppLeft))
}

/// A telephone that rings.
async fn ringing() -> World {
    rings(World::new()).await
}

async fn rings(mut world: World) -> World {
    world.dial(NUMBER);
    world.until("it is called", |w| w.phone.is_called()).await;
    world.phone.progress(Status::RINGING, now());
    world.until("it is told", |w| w.state() == Some("ringing")).await;
    world
}

/// A telephone that talks.
async fn talking() -> World {
    picked_up(ringing().await).await
}

async fn picked_up(mut world: World) -> World {
    world.phone.pick_up(now());
    world.until("it is told", |w| w.desk.answered() == 1).await;
    assert_eq!(world.state(), Some("talking"));
    world
}

#[test]
fn a_telephone_rings_is_answered_and_hangs_up() {
    stopped(async {
        let mut world = talking().await;
        let invite = world.phone.invite().unwrap();
        assert_eq!(invite.uri.to_string(), "sip:021234567@198.51.100.1");
        let from = invite.headers.get(Name::From).unwrap();
        assert!(from.contains("07012345678@"), "{from}");
        world.run(seconds(2)).await;
        world.phone.hang_up(now());
        world.until("it has ended", |w| w.reason().is_some()).await;
        assert_eq!(world.reason(), Some("callee_hung_up"));
        assert_eq!(world.desk.failed(), ["callee_hung_up"]);
        world.nothing_left().await;
    });
}

#[test]
fn a_telephone_talks_until_the_minutes_of_its_service_are_used_up() {
    stopped(async {
        let world = World::with("", "minutes_a_day = 1");
        let mut world = picked_up(rings(world).await).await;
        world.run(seconds(58)).await;
        assert_eq!(world.reason(), None, "it talks");
        world.until("it is let go", |w| w.phone.end.is_some()).await;
        world.until("it has ended", |w| w.reason().is_some()).await;
        assert_eq!(world.reason(), Some("too_long"));
        world.nothing_left().await;
    });
}

#[test]
fn what_the_network_says_is_the_end() {
    stopped(async {
        for (status, rings, reason) in [
            (486, true, "busy"),
            (404, false, "unassigned"),
            (603, true, "declined"),
            (480, true, "no_answer"),
            (403, false, "barred"),
            (488, false, "rejected"),
        ] {
            let mut world = World::new();
            world.dial(NUMBER);
            world.until("it is called", |w| w.phone.is_called()).await;
            if rings {
                world.phone.progress(Status::RINGING, now());
            }
            world.phone.reject(Status::new(status).unwrap(), now());
            world.until("it has ended", |w| w.reason().is_some()).await;
            assert_eq!(world.reason(), Some(reason), "{status}");
            assert_eq!((world.desk.failed(), world.desk.answered()), (vec![reason], 0));
            world.nothing_left().await;
        }
    });
}

#[test]
fn a_call_is_sent_elsewhere_five_times_at_the_most() {
    stopped(async {
        let mut world = World::with("longest_minutes = 1\nredirects = true", "");
        world.dial(NUMBER);
        for number in 1..=6 {
            world.until("it is called", |w| w.phone.is_called()).await;
            world.phone.progress(Status::RINGING, now());
            world.phone.send_to(&format!("03110000{number:02}"), now());
        }
        world.until("it has ended", |w| w.reason().is_some()).await;
        assert_eq!(world.reason(), Some("rejected"));
        assert_eq!(world.desk.failed(), ["rejected"]);
        world.nothing_left().await;
    });
}

#[test]
fn a_call_that_is_sent_elsewhere_is_followed_where_the_trunk_says_so_alone() {
    stopped(async {
        for follows in [false, true] {
            let mut world = World::with(&format!("longest_minutes = 1\nredirects = {follows}"), "");
            world.dial(NUMBER);
            world.until("it is called", |w| w.phone.is_called()).await;
            world.phone.send_to("0311000001", now());
            if follows {
                world.until("it is called", |w| w.phone.is_called()).await;
                let uri = world.phone.invite().unwrap().uri.to_string();
                assert_eq!(uri, "sip:0311000001@198.51.100.1");
                world.phone.reject(Status::BUSY_HERE, now());
            }
            world.until("it has ended", |w| w.reason().is_some()).await;
            assert_eq!(world.reason(), Some(if follows { "busy" } else { "rejected" }));
            world.nothing_left().await;
        }
    });
}

#[test]
fn an_app_that_goes_lets_the_telephone_go_in_every_state() {
    stopped(async {
        for answered in [false, true] {
            let mut world = if answered {
                talking().await
            } else {
                ringing().await
            };
            world.desk.dialled().unwrap().notices.send(gone()).unwrap();
            world.until("it is let go", |w| w.phone.end.is_some()).await;
            let cancelled = matches!(world.phone.end, Some(CallEnd::Cancelled(_)));
            assert_eq!(cancelled, !answered, "{:?}", world.phone.end);
            world.until("it has ended", |w| w.reason().is_some()).await;
            let reason = if answered { "app_left" } else { "cancelled" };
            assert_eq!(world.reason(), Some(reason));
            world.nothing_left().await;
        }
    });
}

#[test]
fn a_gateway_that_says_nothing_is_given_up_and_leaves_nothing() {
    stopped(async {
        let mut world = World::new();
        world.phone.deaf = true;
        world.dial(NUMBER);
        world.until("it has ended", |w| w.reason().is_some()).await;
        assert_eq!(world.reason(), Some("unreachable"));
        world.nothing_left().await;
    });
}

#[test]
fn a_telephone_that_nobody_answers_is_cancelled_after_its_ring_time() {
    stopped(async {
        let mut world = ringing().await;
        world.run(seconds(59)).await;
        assert_eq!(world.reason(), None);
        world.until("it has ended", |w| w.reason().is_some()).await;
        assert_eq!(world.reason(), Some("no_answer"));
        assert!(matches!(world.phone.end, Some(CallEnd::Cancelled(_))));
        world.nothing_left().await;
    });
}

#[test]
fn keys_go_out_as_telephone_events() {
    stopped(async {
        let mut world = talking().await;
        let keys = ToTelephone::Press("1#".to_owned().into());
        world.desk.dialled().unwrap().notices.send(keys).unwrap();
        world.run(seconds(1)).await;
        assert_eq!(world.phone.keys, "1#");
        world.phone.hang_up(now());
        world.until("it has ended", |w| w.reason().is_some()).await;
        world.nothing_left().await;
    });
}

#[test]
fn what_may_not_be_called_is_refused_before_anything_is_sent() {
    stopped(async {
        let mut world = World::new();
        for (number, refusal) in [
            ("alice", DialRefusal::NotANumber),
            ("119", DialRefusal::Emergency),
            (
                "+1 212 555 0100",
                DialRefusal::Forbidden {
                    rule: "service.destinations",
                },
            ),
        ] {
            world.dial(number);
            world
                .until("it is refused", |w| w.desk.refused().last() == Some(&refusal))
                .await;
        }
        assert!(!world.phone.is_called());
        world.nothing_left().await;
    });
}

#[test]
fn a_service_that_stops_hangs_up_and_says_so() {
    stopped(async {
        let mut world = talking().await;
        let gateway = world.gateway.clone();
        let draining = tokio::spawn(async move { gateway.drain(seconds(3)).await });
        world.until("it is hung up", |w| w.phone.end.is_some()).await;
        draining.await.unwrap();
        assert_eq!(world.desk.failed(), ["shutdown"]);
        world.nothing_left().await;
    });
}
