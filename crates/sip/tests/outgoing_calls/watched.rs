//! Calls of which it is told what the other side answers.

use super::*;
use omnigate_sip::message::Method;

fn watched(wire: &mut Wire) -> (CallKey, Request) {
    let invitation = Invitation {
        terms: CallTerms {
            watched: true,
            ..CallTerms::default()
        },
        ..invitation(wire, OFFER, Vec::new())
    };
    let key = wire.act(|e, now| e.invite(now, invitation));
    (key, wire.next_request())
}

#[track_caller]
fn replied(wire: &mut Wire, method: Method, code: u16) {
    let status = Status::new(code).unwrap();
    assert_eq!(wire.call_event(), CallEvent::Replied { method, status });
}

#[test]
fn what_is_answered_to_requests_of_a_watched_call_is_told_in_its_order() {
    let mut wire = Wire::udp();
    let (key, invite) = watched(&mut wire);
    wire.send(&respond(&invite, 100, "", "", ""));
    replied(&mut wire, Method::Invite, 100);
    let reliable = format!("{CONTACT}Require: 100rel\r\nRSeq: 1\r\n");
    wire.send(&respond(&invite, 180, "t1", &reliable, ""));
    assert_eq!(progress(&mut wire).code(), 180);
    let prack = wire.next_request();
    wire.send(&respond(&prack, 200, "", "", ""));
    replied(&mut wire, Method::Prack, 200);
    let more = format!("{CONTACT}Allow: UPDATE\r\n");
    wire.send(&respond(&invite, 200, "t1", &more, ANSWER));
    answered(&mut wire);
    assert_eq!(wire.call_event(), CallEvent::Answer(ANSWER.into()));
    assert_eq!(wire.next_request().method, Method::Ack);

    wire.act(|e, now| e.refresh(now, key)).unwrap();
    assert!(wire.act(|e, now| e.refresh(now, key)).is_err(), "one at a time");
    let update = wire.next_request();
    assert_eq!(update.method, Method::Update);
    wire.send(&respond(&update, 405, "", "", ""));
    replied(&mut wire, Method::Update, 405);
    let reinvite = wire.next_request();
    assert_eq!(reinvite.method, Method::Invite);
    wire.send(&respond(&reinvite, 200, "", CONTACT, ANSWER));
    replied(&mut wire, Method::Invite, 200);
    assert_eq!(wire.call_event(), CallEvent::Answer(ANSWER.into()));
    assert_eq!(wire.next_request().method, Method::Ack);

    wire.act(|e, now| e.hang_up(now, key, &none())).unwrap();
    let bye = wire.next_request();
    wire.no_event();
    wire.send(&respond(&bye, 200, "", "", ""));
    replied(&mut wire, Method::Bye, 200);
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::LocalHungUp));
    wire.pass(seconds(60));
    wire.no_event();
    wire.nothing_left();
}

#[test]
fn a_watched_call_whose_bye_nobody_answers_ends_all_the_same() {
    let mut wire = Wire::udp();
    let (key, invite) = watched(&mut wire);
    wire.send(&respond(&invite, 200, "t1", CONTACT, ANSWER));
    wire.events.clear();
    wire.act(|e, now| e.hang_up(now, key, &none())).unwrap();
    wire.no_event();
    wire.pass(seconds(33));
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::LocalHungUp));
    wire.sent.clear();
    wire.nothing_left();
}

#[test]
fn a_call_that_is_not_watched_ends_at_once() {
    let mut wire = Wire::udp();
    let (key, _) = up(&mut wire, "");
    wire.act(|e, now| e.hang_up(now, key, &none())).unwrap();
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::LocalHungUp));
    let bye = wire.next_request();
    wire.send(&respond(&bye, 200, "", "", ""));
    wire.no_event();
}
