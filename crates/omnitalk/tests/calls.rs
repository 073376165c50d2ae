//! Telephone calls to a person: every way in which one can go.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::{World, settings};
use omnigate_omnitalk::{CallId, Figures, HubSettings};
use serde_json::{Value, json};

const PHONE: &str = "01099998888";

/// The notice that the telephone got next, as text without ids.
fn notice(world: &mut World) -> Option<String> {
    let notice = world.notice(1).map(|notice| format!("{notice:?}"));
    notice.map(|text| text.split(' ').next().unwrap_or_default().to_owned())
}

/// The telephone rings Bob on these sockets; gives the room.
fn ringing(sockets: &[u64]) -> (World, String) {
    let mut world = World::new();
    for socket in sockets {
        world.login(*socket, "bob");
    }
    let notice = world
        .ring(1, "bob", PHONE)
        .map(|notice| format!("{notice:?}"))
        .unwrap();
    assert!(notice.starts_with("Ringing"), "{notice}");
    let mut room = Value::Null;
    for socket in sockets {
        let told = world.drain(*socket);
        assert_eq!(told[0]["cmd"], "WS_RINGING_NOTI");
        assert_eq!(told[1]["cmd"], "WS_RINGBACK_NOTI");
        room = told[0]["room_id"].clone();
    }
    (world, room.as_str().unwrap().to_owned())
}

fn answer() -> Value {
    json!({ "call_type": "sipcall", "caller": PHONE, "callee": "bob" })
}

/// Bob (1) has answered and joined.
fn joined() -> (World, String) {
    let (mut world, room) = ringing(&[1]);
    world.ok(1, "WS_ANSWER_CALL_REQ", answer());
    world.join(1, &room);
    (world, room)
}

/// Bob (1) talks with the telephone.
fn bridged() -> (World, String) {
    let (mut world, room) = joined();
    world.publish(1);
    assert_eq!(notice(&mut world), None, "not before the audio is up");
    world.up(1);
    assert_eq!(notice(&mut world).as_deref(), Some("Bridged"));
    assert_eq!(world.cmds(1), ["WS_CALL_CONNECTED_NOTI"]);
    (world, room)
}

fn nothing_but_sessions(world: &World, sessions: usize) {
    let expected = Figures {
        sockets: sessions,
        sessions,
        ..Figures::default()
    };
    assert_eq!(world.hub.figures(), expected);
}

#[test]
fn ringback_can_be_switched_off() {
    let mut world = World::with(HubSettings {
        ringback_notification: false,
        ..settings()
    });
    world.login(1, "bob");
    world.ring(1, "bob", PHONE);
    assert_eq!(world.cmds(1), ["WS_RINGING_NOTI"]);
}

#[test]
fn a_user_without_a_session_or_with_busy_ones_is_not_rung() {
    let mut world = World::new();
    assert_eq!(
        format!("{:?}", world.ring(1, "bob", PHONE).unwrap()),
        "Refused(NoSession)"
    );
    world.login(1, "bob");
    world.ring(2, "bob", PHONE);
    assert_eq!(
        format!("{:?}", world.ring(3, "bob", PHONE).unwrap()),
        "Refused(Busy)"
    );
    world.login(2, "carol");
    let room = world.create(2, json!({}));
    world.join(2, &room);
    assert_eq!(
        format!("{:?}", world.ring(4, "carol", PHONE).unwrap()),
        "Refused(Busy)"
    );
    let effects = world.hub.ring(CallId(5), "NOPE", "bob", PHONE, world.now);
    world.apply(None, effects);
    assert_eq!(format!("{:?}", world.notice(5).unwrap()), "Refused(NoSession)");
}

#[test]
fn only_the_idle_sessions_of_a_user_ring() {
    let mut world = World::new();
    world.login(1, "bob");
    world.login(2, "bob");
    let room = world.create(1, json!({}));
    world.join(1, &room);
    world.ring(1, "bob", PHONE);
    assert!(world.drain(1).is_empty());
    assert_eq!(world.cmds(2), ["WS_RINGING_NOTI", "WS_RINGBACK_NOTI"]);
}

#[test]
fn a_withheld_number_is_anonymous() {
    let mut world = World::new();
    world.login(1, "bob");
    world.ring(1, "bob", " ");
    assert_eq!(world.drain(1)[0]["caller"], "anonymous");
    world.ok(
        1,
        "WS_ANSWER_CALL_REQ",
        json!({ "caller": "anonymous", "call_type": "sipcall" }),
    );
}

#[test]
fn the_first_answer_wins_and_the_others_are_cancelled() {
    let (mut world, room) = ringing(&[1, 2, 3]);
    assert_eq!(
        world.ok(2, "WS_ANSWER_CALL_REQ", answer())["room_id"],
        room.as_str()
    );
    for other in [1, 3] {
        assert_eq!(world.cmds(other), ["WS_CANCEL_NOTI"]);
        assert!(
            world
                .fails(other, "WS_ANSWER_CALL_REQ", answer())
                .contains("No call rings")
        );
        let join = world.fails(other, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }));
        assert!(
            join.contains("names no room"),
            "only the two parties get in: {join}"
        );
    }
    world.enter(2, &room);
    assert_eq!(notice(&mut world).as_deref(), Some("Bridged"));
}

#[test]
fn a_call_room_cannot_be_joined_without_an_answer() {
    let (mut world, room) = ringing(&[1]);
    world.fails(1, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }));
    assert_eq!(world.hub.figures().ringing_calls, 1);
}

#[test]
fn a_call_room_is_not_listed_destroyed_numbered_or_open_to_telephones() {
    let (mut world, room) = ringing(&[1]);
    world.login(2, "carol");
    assert_eq!(world.ok(2, "WS_ROOM_LIST_REQ", json!({}))["count"], 0);
    for cmd in ["WS_DESTROY_ROOM_REQ", "WS_MAKE_SIPNUM_REQ"] {
        world.fails(2, cmd, json!({ "room_id": room }));
    }
    assert_eq!(
        format!("{:?}", world.admit(2, &room, PHONE).unwrap()),
        "Refused(NoRoom)"
    );
}

#[test]
fn an_answer_must_be_about_the_call_that_rings() {
    let (mut world, _) = ringing(&[1]);
    for (field, value) in [
        ("caller", "0101"),
        ("callee", "carol"),
        ("call_type", "audiocall"),
    ] {
        let mut fields = answer();
        fields[field] = value.into();
        assert!(world.fails(1, "WS_ANSWER_CALL_REQ", fields).contains(field));
    }
    let mut own = answer();
    own["caller"] = "bob".into();
    assert!(world.fails(1, "WS_ANSWER_CALL_REQ", own).contains("caller"));
    // The synonym of older clients says less.
    world.ok(1, "WS_ACCEPT_CALL_REQ", json!({ "caller": PHONE }));
}

#[test]
fn an_answer_or_a_reject_without_a_call_fails() {
    let mut world = World::new();
    world.login(1, "bob");
    for cmd in ["WS_ANSWER_CALL_REQ", "WS_ACCEPT_CALL_REQ", "WS_REJECT_CALL_REQ"] {
        assert!(world.fails(1, cmd, answer()).contains("No call rings"), "{cmd}");
    }
}

#[test]
fn leave_while_ringing_declines_and_ends_the_session() {
    let (mut world, _) = ringing(&[1]);
    world.ok(1, "WS_LEAVE_REQ", json!({}));
    assert_eq!(world.closed[&1], 1000);
    assert_eq!(notice(&mut world).as_deref(), Some("Declined"));
    assert!(world.drain(1).is_empty());
    nothing_but_sessions(&world, 0);
}

#[test]
fn reject_while_ringing_declines_and_keeps_the_session() {
    let (mut world, _) = ringing(&[1]);
    world.ok(1, "WS_REJECT_CALL_REQ", json!({}));
    assert_eq!(notice(&mut world).as_deref(), Some("Declined"));
    assert!(world.drain(1).is_empty());
    nothing_but_sessions(&world, 1);
    world.ring(2, "bob", PHONE);
    assert_eq!(world.cmds(1), ["WS_RINGING_NOTI", "WS_RINGBACK_NOTI"]);
}

#[test]
fn one_decline_of_several_leaves_the_others_ringing() {
    let (mut world, _) = ringing(&[1, 2]);
    world.ok(1, "WS_REJECT_CALL_REQ", json!({}));
    assert_eq!(notice(&mut world), None);
    world.disconnect(2);
    assert_eq!(
        notice(&mut world).as_deref(),
        Some("Declined"),
        "somebody did decline"
    );
}

#[test]
fn when_all_ringing_sockets_die_the_telephone_is_told() {
    let (mut world, _) = ringing(&[1, 2]);
    world.disconnect(1);
    assert_eq!(notice(&mut world), None);
    world.disconnect(2);
    assert_eq!(notice(&mut world).as_deref(), Some("Ended(NoSession)"));
    nothing_but_sessions(&world, 0);
}

#[test]
fn a_session_that_begins_while_its_user_is_rung_rings_too() {
    let (mut world, _) = ringing(&[1]);
    world.login(2, "bob");
    assert_eq!(world.cmds(2), ["WS_RINGING_NOTI", "WS_RINGBACK_NOTI"]);
    world.ok(2, "WS_ANSWER_CALL_REQ", answer());
    assert_eq!(world.cmds(1), ["WS_CANCEL_NOTI"]);
}

#[test]
fn joining_another_room_while_ringing_declines() {
    let (mut world, _) = ringing(&[1]);
    world.login(2, "carol");
    let other = world.create(2, json!({}));
    world.join(1, &other);
    assert_eq!(notice(&mut world).as_deref(), Some("Declined"));
    assert!(world.drain(1).is_empty());
}

#[test]
fn joining_another_room_after_the_answer_ends_the_call() {
    let (mut world, _) = ringing(&[1]);
    world.login(2, "carol");
    let other = world.create(2, json!({}));
    world.ok(1, "WS_ANSWER_CALL_REQ", answer());
    world.join(1, &other);
    assert_eq!(notice(&mut world).as_deref(), Some("Ended(AppLeft)"));
    assert!(world.drain(1).is_empty());
    assert_eq!(world.hub.figures().rooms, 1);
}

#[test]
fn after_the_ring_time_the_apps_are_told_and_idle_again() {
    let (mut world, _) = ringing(&[1, 2]);
    world.wait(59);
    assert_eq!(notice(&mut world), None);
    world.wait(1);
    assert_eq!(notice(&mut world).as_deref(), Some("NoAnswer"));
    assert_eq!(world.cmds(1), ["WS_LEAVE_NOTI"]);
    assert_eq!(world.cmds(2), ["WS_LEAVE_NOTI"]);
    nothing_but_sessions(&world, 2);
}

#[test]
fn a_caller_who_hangs_up_while_ringing_stops_the_ringing() {
    let (mut world, room) = ringing(&[1]);
    world.hang_up(1);
    assert_eq!(world.cmds(1), ["WS_LEAVE_NOTI"]);
    assert_eq!(notice(&mut world), None);
    nothing_but_sessions(&world, 1);
    world.fails(1, "WS_ANSWER_CALL_REQ", answer());
    world.fails(1, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }));
}

#[test]
fn an_app_that_answers_and_never_joins_loses_the_call_after_ten_seconds() {
    let (mut world, _) = ringing(&[1]);
    world.ok(1, "WS_ANSWER_CALL_REQ", answer());
    world.wait(9);
    assert_eq!(notice(&mut world), None);
    world.wait(1);
    assert_eq!(notice(&mut world).as_deref(), Some("Ended(NotJoined)"));
    assert_eq!(world.cmds(1), ["WS_LEAVE_NOTI"]);
    nothing_but_sessions(&world, 1);
}

#[test]
fn an_app_that_answers_and_dies_ends_the_call() {
    let (mut world, _) = ringing(&[1]);
    world.ok(1, "WS_ANSWER_CALL_REQ", answer());
    world.disconnect(1);
    assert_eq!(notice(&mut world).as_deref(), Some("Ended(AppLeft)"));
    nothing_but_sessions(&world, 0);
}

#[test]
fn an_app_that_answers_and_leaves_is_not_told_of_its_own_leaving() {
    let (mut world, _) = ringing(&[1]);
    world.ok(1, "WS_ANSWER_CALL_REQ", answer());
    world.ok(1, "WS_LEAVE_REQ", json!({}));
    assert!(world.drain(1).is_empty());
    assert_eq!(notice(&mut world).as_deref(), Some("Ended(AppLeft)"));
}

#[test]
fn a_caller_who_hangs_up_between_answer_and_join_frees_the_app() {
    let (mut world, room) = ringing(&[1]);
    world.ok(1, "WS_ANSWER_CALL_REQ", answer());
    world.hang_up(1);
    assert_eq!(world.cmds(1), ["WS_LEAVE_NOTI"]);
    world.fails(1, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }));
    nothing_but_sessions(&world, 1);
}

#[test]
fn an_app_without_audio_loses_the_call_after_the_audio_time() {
    let (mut world, _) = joined();
    world.wait(20);
    assert_eq!(notice(&mut world).as_deref(), Some("Ended(NoAudio)"));
    assert_eq!(world.cmds(1), ["WS_LEAVE_NOTI"]);
    world.wait(5);
    assert_eq!(world.closed[&1], 1000);
}

#[test]
fn connected_names_the_telephone() {
    let (mut world, room) = joined();
    world.publish(1);
    world.up(1);
    let told = world.drain(1);
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["user_id"], &told[0]["room_id"]),
        (&json!(PHONE), &json!(room))
    );
    assert_ne!(told[0]["session"], world.sessions[&1].as_str());
    let list = world.ok(1, "WS_PARTI_LIST_REQ", json!({}));
    assert_eq!(
        (&list["count"], &list["list"][0]["session"]),
        (&json!(1), &told[0]["session"])
    );
    assert_eq!(list["list"][0]["user_name"], PHONE);
}

#[test]
fn a_bridged_call_lasts_as_long_as_it_likes() {
    let (mut world, _) = bridged();
    world.wait(24 * 3600);
    assert_eq!(notice(&mut world), None);
    assert!(world.closed.is_empty());
}

#[test]
fn when_the_telephone_hangs_up_the_app_is_told_and_its_session_ends_after_five_seconds() {
    let (mut world, _) = bridged();
    world.hang_up(1);
    assert_eq!(world.cmds(1), ["WS_LEAVE_NOTI"]);
    world.wait(4);
    assert!(world.closed.is_empty());
    world.wait(1);
    assert_eq!(world.closed[&1], 1000);
    assert!(world.open_peers.is_empty());
    nothing_but_sessions(&world, 0);
}

#[test]
fn an_app_may_leave_within_the_five_seconds() {
    let (mut world, _) = bridged();
    world.hang_up(1);
    world.wait(2);
    world.drain(1);
    world.ok(1, "WS_LEAVE_REQ", json!({}));
    nothing_but_sessions(&world, 0);
    assert_eq!(world.hub.next_deadline(), None);
}

#[test]
fn when_the_app_leaves_or_dies_the_telephone_ends() {
    let (mut world, _) = bridged();
    world.ok(1, "WS_LEAVE_REQ", json!({}));
    assert_eq!(notice(&mut world).as_deref(), Some("Ended(AppLeft)"));
    nothing_but_sessions(&world, 0);
    let (mut world, _) = bridged();
    world.disconnect(1);
    assert_eq!(notice(&mut world).as_deref(), Some("Ended(AppLeft)"));
    nothing_but_sessions(&world, 0);
}

#[test]
fn kicking_the_telephone_out_of_a_call_ends_it() {
    let (mut world, _) = bridged();
    let list = world.ok(1, "WS_PARTI_LIST_REQ", json!({}));
    world.ok(
        1,
        "WS_KICKOUT_REQ",
        json!({ "target": list["list"][0]["session"] }),
    );
    assert_eq!(notice(&mut world).as_deref(), Some("Ended(KickedOut)"));
    assert_eq!(world.cmds(1), ["WS_LEAVE_NOTI"]);
    world.wait(5);
    assert_eq!(world.closed[&1], 1000);
}

/// The transport of the app in a bridged call is lost.
fn lost_transport() -> World {
    let (mut world, _) = bridged();
    let peer = world.peers[&1];
    let effects = world.hub.peer_gone(peer, world.now);
    assert!(effects.is_empty());
    world.open_peers.remove(&peer);
    world.wait(19);
    assert_eq!(notice(&mut world), None);
    world
}

#[test]
fn a_telephone_does_not_listen_for_ever_to_an_app_whose_transport_is_lost() {
    let mut world = lost_transport();
    world.wait(2);
    assert_eq!(notice(&mut world).as_deref(), Some("Ended(NoAudio)"));
}

#[test]
fn a_transport_that_comes_again_in_time_keeps_the_call() {
    let mut world = lost_transport();
    world.publish(1);
    world.up(1);
    world.drain(1);
    world.wait(60);
    assert_eq!(notice(&mut world), None);
}

#[test]
fn a_call_that_is_known_already_is_ignored() {
    let (mut world, room) = ringing(&[1]);
    assert_eq!(world.ring(1, "bob", PHONE), None);
    assert_eq!(world.admit(1, &room, PHONE), None);
    assert_eq!(world.hub.figures().telephones, 1);
}

#[test]
fn a_user_whose_id_is_a_telephone_number_can_be_called_from_it() {
    let mut world = World::new();
    world.login(1, PHONE);
    world.ring(1, PHONE, PHONE);
    world.ok(
        1,
        "WS_ANSWER_CALL_REQ",
        json!({ "call_type": "sipcall", "caller": PHONE, "callee": PHONE }),
    );
}
