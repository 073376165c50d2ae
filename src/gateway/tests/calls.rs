//! What becomes of a caller.

use super::world::{World, now};
use crate::rooms::ToTelephone;
use omnigate_omnitalk::{CallNumber, LookUp, Target, TargetKind, TelephoneNotice};
use omnigate_room::{ParticipantId, RoomId};
use omnigate_sip::CallEnd;
use std::time::Duration;

/// Runs a test with the clock stopped: it moves when the test moves it.
pub(super) fn stopped(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(test);
}

pub(super) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A caller who has keyed a number and is in a room.
async fn in_a_room() -> World {
    let mut world = World::new();
    let room = RoomId(7);
    world.desk.leads_to(LookUp::Found(Target {
        call_number: CallNumber::parse("123456").unwrap(),
        service_id: "demo".into(),
        kind: TargetKind::Room(room),
    }));
    world.up().await;
    assert_eq!(world.phone.statuses, [180]);
    for key in "123456".chars() {
        world.phone.key(key, now());
        world.run(Duration::from_millis(100)).await;
    }
    world
        .until("it is connected", |w| !w.desk.connected().is_empty())
        .await;
    assert_eq!(world.desk.looked_up(), ["123456"]);
    let telephone = world.desk.telephone().unwrap();
    assert_eq!(telephone.number, "01012345678");
    let admitted = TelephoneNotice::Admitted {
        room,
        participant: ParticipantId(1),
    };
    telephone.notices.send(ToTelephone::Notice(admitted)).unwrap();
    world.run(seconds(1)).await;
    world
}

/// What it talks to from then on is a telephone that is called: for no longer than one may be.
#[test]
fn a_telephone_that_has_taken_the_place_of_a_caller_talks_for_no_longer_than_it_may() {
    stopped(async {
        let mut world = in_a_room().await;
        let call = world.calls.all()[0].id;
        let gateway = world.gateway.clone();
        let asked = tokio::spawn(async move { gateway.transfer(call, "02-123-4567").await });
        world.until("it is called", |w| w.phone.is_called()).await;
        assert_eq!(asked.await.unwrap(), Ok(()));
        world.phone.pick_up(now());
        world
            .until("the caller is let go", |w| w.phone.end.is_some())
            .await;
        assert_eq!((world.phone.end.take(), world.reason()).1, None);
        world.run(seconds(55)).await;
        assert_eq!(world.reason(), None, "it talks");
        world.until("it has ended", |w| w.reason().is_some()).await;
        assert_eq!(world.reason(), Some("too_long"));
        assert!(world.phone.end.is_some());
        world.nothing_left().await;
    });
}

#[test]
fn a_caller_rings_is_answered_keys_a_number_and_is_connected() {
    stopped(async {
        let mut world = in_a_room().await;
        world.phone.hang_up(now());
        world.until("it has ended", |w| w.reason().is_some()).await;
        assert_eq!(
            (world.reason(), world.desk.hung_up()),
            (Some("caller_hung_up"), 1)
        );
        world.nothing_left().await;
    });
}

#[test]
fn until_the_ack_nothing_is_sent_no_key_counts_and_nothing_is_looked_up() {
    stopped(async {
        let mut world = World::new();
        (world.phone.mute, world.phone.talks) = (true, false);
        world.phone.dial("07012345678", now());
        world.until("it is answered", |w| w.phone.up).await;
        for key in "123456".chars() {
            world.phone.key(key, now());
        }
        world.run(seconds(5)).await;
        assert_eq!((world.phone.heard, world.desk.looked_up().len()), (0, 0));
        world.until("it is given up", |w| w.reason().is_some()).await;
        assert_eq!(world.reason(), Some("no_ack"));
        world.nothing_left().await;
    });
}

#[test]
fn rtp_from_where_sdp_said_is_as_good_as_the_ack() {
    stopped(async {
        let mut world = World::new();
        world.phone.mute = true;
        world.phone.dial("07012345678", now());
        world.until("the menu is heard", |w| w.phone.heard > 5).await;
        world.phone.mute = false;
        world.phone.hang_up(now());
        world.until("it has ended", |w| w.reason().is_some()).await;
        world.nothing_left().await;
    });
}

#[test]
fn a_caller_that_vanishes_is_hung_up_and_one_on_hold_is_asked() {
    stopped(async {
        let mut world = World::new();
        world.up().await;
        world.phone.talks = false;
        world.until("it is noticed", |w| w.reason().is_some()).await;
        assert_eq!(world.reason(), Some("no_media"));
        world.nothing_left().await;

        let mut world = World::new();
        world.up().await;
        world.phone.offer("a=sendonly", now());
        world.run(seconds(1)).await;
        world.phone.talks = false;
        // The menu gives up long before; so the caller is put through first.
        world.run(seconds(4)).await;
        assert_eq!(world.phone.end, None, "hold is no end");
        world.phone.hang_up(now());
        world.until("it has ended", |w| w.reason().is_some()).await;
        world.nothing_left().await;
    });
}

#[test]
fn a_call_whose_answers_cannot_be_sent_ends() {
    stopped(async {
        let mut world = World::new();
        world.phone.dial("07012345678", now());
        world.air.close();
        world.until("it has ended", |w| w.reason().is_some()).await;
        assert_eq!(world.reason(), Some("lost"));
        world.nothing_left().await;
    });
}

#[test]
fn a_caller_that_gives_up_at_once_leaves_nothing() {
    stopped(async {
        let mut world = World::new();
        world.phone.dial("07012345678", now());
        world.phone.hang_up(now());
        world.until("it has ended", |w| w.phone.end.is_some()).await;
        assert_eq!(world.phone.end, Some(CallEnd::Cancelled(Vec::new())));
        world.nothing_left().await;
    });
}

#[test]
fn when_the_service_stops_the_carrier_hears_why() {
    stopped(async {
        let mut world = World::new();
        world.up().await;
        world.health.set_draining();
        let gateway = world.gateway.clone();
        let draining = tokio::spawn(async move { gateway.drain(Duration::from_secs(3)).await });
        world.until("it is hung up", |w| w.phone.end.is_some()).await;
        let Some(CallEnd::RemoteHungUp(causes)) = world.phone.end.clone() else {
            panic!("{:?}", world.phone.end)
        };
        assert_eq!(causes[0].text.as_deref(), Some("shutdown"));
        draining.await.unwrap();
        world.nothing_left().await;
    });
}

#[test]
fn what_sip_refuses_by_itself_has_an_id_like_every_call() {
    stopped(async {
        let mut world = World::new();
        world.raw(
            "INVITE sip:07012345678@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContact: <sip:a@198.51.100.1>\r\nRequire: precondition\r\nContent-Length: 0\r\n\r\n"
                .into(),
        );
        let mut answer = None;
        while answer.is_none() {
            tokio::task::yield_now().await;
            answer = world.air.catch();
        }
        let answer = String::from_utf8(answer.unwrap().to_vec()).unwrap();
        assert!(answer.starts_with("SIP/2.0 420 "), "{answer}");
        assert!(answer.contains("\r\nX-Omnigate-Call-ID: "), "{answer}");
        world.nothing_left().await;
    });
}
