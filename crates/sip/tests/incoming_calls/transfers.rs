//! REFER in calls that came in (RFC 3515).

use super::*;

#[test]
fn a_refer_is_answered_and_its_progress_told() {
    let mut wire = Wire::udp();
    let (call, tag) = up(&mut wire);
    wire.send(&in_dialog(
        "REFER",
        2,
        &tag,
        "Refer-To: <sip:third@example.com?Replaces=x>\r\nReferred-By: <sip:a@b>\r\n",
        "",
    ));
    let CallEvent::Refer(refer) = wire.call_event() else {
        panic!("a REFER")
    };
    assert_eq!(refer.uri, "sip:third@example.com?Replaces=x");
    wire.act(|e, now| e.refer_answer(now, call, Status::ACCEPTED))
        .unwrap();
    assert_eq!(wire.next_status(), 202);
    let trying = wire.next_request();
    assert_eq!(
        (trying.method.as_str(), trying.body.as_slice()),
        ("NOTIFY", &b"SIP/2.0 100 Trying\r\n"[..])
    );
    assert_eq!(trying.headers.get(Name::Event), Some("refer;id=2"));
    wire.act(|e, now| e.refer_progress(now, call, Status::OK))
        .unwrap();
    let done = wire.next_request();
    assert_eq!(
        done.headers.get(Name::SubscriptionState),
        Some("terminated;reason=noresource")
    );
    assert!(
        wire.act(|e, now| e.refer_progress(now, call, Status::OK))
            .is_err()
    );
}

#[test]
fn a_refer_that_waits_when_the_call_ends_gets_its_answer() {
    let mut wire = Wire::udp();
    let (_, tag) = up(&mut wire);
    wire.send(&in_dialog(
        "REFER",
        2,
        &tag,
        "Refer-To: <sip:c@example.com>\r\n",
        "",
    ));
    assert!(matches!(wire.call_event(), CallEvent::Refer(_)));
    wire.send(&in_dialog("BYE", 3, &tag, "", ""));
    let (bye, refer) = (wire.next_response(), wire.next_response());
    assert_eq!(
        (bye.status.code(), bye.headers.get(Name::CSeq)),
        (200, Some("3 BYE"))
    );
    assert_eq!(
        (refer.status.code(), refer.headers.get(Name::CSeq)),
        (487, Some("2 REFER"))
    );
    wire.nothing_left();
}

fn referred(number: u32, tag: &str, more: &str) -> String {
    let more = format!("Refer-To: <sip:c@example.com>\r\n{more}");
    in_dialog("REFER", number, tag, &more, "")
}

#[test]
fn a_refer_that_nobody_answers_is_declined() {
    let mut wire = Wire::udp();
    let (_, tag) = up(&mut wire);
    wire.send(&referred(2, &tag, ""));
    wire.pass(seconds(11));
    assert_eq!(wire.lines(), ["10.0 603 Decline"]);
}

#[test]
fn a_notify_that_nobody_waits_for_ends_the_subscription_and_not_the_call() {
    let mut wire = Wire::udp();
    let (call, tag) = up(&mut wire);
    wire.send(&referred(2, &tag, ""));
    wire.act(|e, now| e.refer_answer(now, call, Status::ACCEPTED))
        .unwrap();
    wire.next();
    let notify = wire.next_request();
    wire.events.clear();
    wire.send(&common::wire::respond(&notify, 481, "", "", ""));
    wire.no_event();
    assert!(
        wire.act(|e, now| e.refer_progress(now, call, Status::OK))
            .is_err()
    );
    wire.pass(seconds(180));
    wire.nothing();
    wire.act(|e, now| e.hang_up(now, call, &none())).unwrap();
    assert_eq!(wire.next_request().method.as_str(), "BYE");
}

#[test]
fn a_transfer_of_which_nothing_is_heard_is_told_to_be_over_when_its_subscription_ends() {
    let mut wire = Wire::udp();
    let (call, tag) = up(&mut wire);
    wire.send(&referred(2, &tag, ""));
    wire.act(|e, now| e.refer_answer(now, call, Status::ACCEPTED))
        .unwrap();
    assert!(wire.next_response().headers.get(Name::ReferSub).is_none());
    let notify = wire.next_request();
    assert_eq!(
        notify.headers.get(Name::SubscriptionState),
        Some("active;expires=180")
    );
    wire.send(&common::wire::respond(&notify, 200, "", "", ""));
    wire.pass(seconds(179));
    wire.nothing();
    wire.pass(seconds(1));
    let last = wire.next_request();
    assert_eq!(last.body, b"SIP/2.0 408 Request Timeout\r\n");
    assert_eq!(
        last.headers.get(Name::SubscriptionState),
        Some("terminated;reason=noresource")
    );
}

#[test]
fn a_refer_beside_another_gets_491() {
    let mut wire = Wire::udp();
    let (call, tag) = up(&mut wire);
    wire.send(&referred(2, &tag, ""));
    wire.send(&referred(3, &tag, ""));
    assert_eq!(wire.next_status(), 491);
    wire.act(|e, now| e.refer_answer(now, call, Status::ACCEPTED))
        .unwrap();
    wire.sent.clear();
    wire.send(&referred(4, &tag, ""));
    assert_eq!(wire.next_status(), 491);
    assert!(matches!(wire.call_event(), CallEvent::Refer(r) if r.subscribed));
    wire.no_event();
}

#[test]
fn a_refer_before_the_ack_gets_405() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "", OFFER);
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &none()))
        .unwrap();
    let tag = wire.next_response().headers.to_tag().unwrap().to_owned();
    wire.send(&referred(2, &tag, ""));
    assert_eq!(wire.next_status(), 405);
    wire.no_event();
}

#[test]
fn a_refer_without_a_subscription_is_answered_as_such_and_followed_by_no_notify() {
    let mut wire = Wire::udp();
    let (call, tag) = up(&mut wire);
    for (number, status, field) in [(2, Status::ACCEPTED, Some("false")), (3, Status::DECLINE, None)] {
        wire.send(&referred(number, &tag, "Refer-Sub: false\r\n"));
        assert!(matches!(wire.call_event(), CallEvent::Refer(r) if !r.subscribed));
        wire.act(|e, now| e.refer_answer(now, call, status)).unwrap();
        let answer = wire.next_response();
        assert_eq!(
            (answer.status, answer.headers.get(Name::ReferSub)),
            (status, field)
        );
        wire.nothing();
    }
    // A refusal makes no subscription, whatever was asked for.
    wire.send(&referred(4, &tag, ""));
    wire.act(|e, now| e.refer_answer(now, call, Status::DECLINE))
        .unwrap();
    assert_eq!(wire.next_status(), 603);
    wire.nothing();
}
