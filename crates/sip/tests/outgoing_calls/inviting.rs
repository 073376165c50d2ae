//! An INVITE of ours, until it is answered or not.

use super::*;

#[test]
fn a_call_rings_is_answered_talks_and_is_hung_up_by_us() {
    let mut wire = Wire::udp();
    let (key, invite) = call(&mut wire, OFFER);
    assert_eq!(
        invite.headers.get(Name::Contact),
        Some("<sip:omnigate@192.0.2.2:5060>")
    );
    assert!(invite.headers.via().unwrap().wants_rport());
    wire.send(&respond(&invite, 100, "", "", ""));
    wire.send(&respond(&invite, 180, "t1", CONTACT, ""));
    assert_eq!(progress(&mut wire), Status::RINGING);
    let routes = "Record-Route: <sip:192.0.2.8;lr>, <sip:192.0.2.9;lr>\r\n";
    wire.send(&respond(
        &invite,
        200,
        "t1",
        &format!("{CONTACT}{routes}"),
        ANSWER,
    ));
    answered(&mut wire);
    assert_eq!(wire.call_event(), CallEvent::Answer(ANSWER.into()));
    // Both go by the route set, backwards (RFC 3261 section 12.1.2).
    let hop = wire.sent.front().unwrap().1.hop.clone();
    assert_eq!(hop.remote, "192.0.2.9:5060".parse().unwrap());
    let ack = wire.next_request();
    assert_eq!(
        (ack.method.as_str(), ack.uri.as_str()),
        ("ACK", "sip:called@192.0.2.1:5060")
    );
    assert_eq!(
        ack.headers.list(Name::Route).collect::<Vec<_>>(),
        ["<sip:192.0.2.9;lr>", "<sip:192.0.2.8;lr>"]
    );
    wire.act(|e, now| e.hang_up(now, key, &none())).unwrap();
    assert_eq!(wire.sent.front().unwrap().1.hop, hop);
    let bye = wire.next_request();
    assert_eq!((bye.method.as_str(), &bye.uri), ("BYE", &ack.uri));
    assert_eq!(bye.headers.list(Name::Route).count(), 2);
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::LocalHungUp));
    wire.send(&respond(&bye, 200, "", "", ""));
    wire.nothing_left();
}

#[test]
fn an_invite_that_nobody_answers_is_repeated_and_given_up() {
    let mut wire = Wire::udp();
    call(&mut wire, OFFER);
    wire.pass(seconds(40));
    let lines = wire.lines();
    assert_eq!(
        lines,
        [
            "0.5 INVITE",
            "1.5 INVITE",
            "3.5 INVITE",
            "7.5 INVITE",
            "15.5 INVITE",
            "31.5 INVITE"
        ]
    );
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::NoResponse));
    wire.nothing_left();
}

#[test]
fn an_invite_that_cannot_be_sent_fails_at_once() {
    let mut wire = Wire::udp();
    let invitation_sent = call(&mut wire, OFFER);
    let _ = invitation_sent;
    wire.pass(Duration::from_millis(500));
    let (_, transmit) = wire.sent.pop_front().unwrap();
    wire.fail(transmit.origin);
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::Unreachable));
    wire.nothing_left();
}

#[test]
fn a_refusal_says_why_and_gets_its_ack_each_time() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    let busy = respond(
        &invite,
        486,
        "t1",
        "Reason: Q.850;cause=17;text=\"user busy\"\r\nRetry-After: 60\r\n",
        "",
    );
    wire.send(&busy);
    let ack = wire.next_request();
    assert_eq!((ack.method.as_str(), ack.headers.to_tag()), ("ACK", Some("t1")));
    assert_eq!(ack.headers.get(Name::Via), invite.headers.get(Name::Via));
    let CallEvent::Ended(CallEnd::Rejected(rejection)) = wire.call_event() else {
        panic!("rejected")
    };
    assert_eq!((rejection.status.code(), rejection.retry_after), (486, Some(60)));
    assert_eq!(rejection.causes[0].cause, Some(17));
    wire.send(&busy);
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    wire.no_event();
    wire.nothing_left();
}

#[test]
fn a_repeated_200_gets_its_ack_again() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    let ok = respond(&invite, 200, "t1", CONTACT, ANSWER);
    wire.send(&ok);
    let ack = wire.next();
    wire.send(&ok);
    assert_eq!(wire.next(), ack);
    wire.nothing();
}

#[test]
fn a_200_without_any_answer_is_hung_up() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    wire.send(&respond(&invite, 200, "t1", CONTACT, ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    assert_eq!(wire.next_request().method.as_str(), "BYE");
    answered(&mut wire);
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::NoAnswer));
    wire.nothing_left();
}

#[test]
fn of_two_forks_that_answer_the_first_wins_and_the_other_is_hung_up() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    let contact = |n: u8| format!("Contact: <sip:fork{n}@192.0.2.1{n}>\r\n");
    wire.send(&respond(&invite, 180, "one", &contact(1), ""));
    wire.send(&respond(&invite, 183, "two", &contact(2), ANSWER));
    wire.send(&respond(&invite, 200, "one", &contact(1), ANSWER));
    let ack = wire.next_request();
    assert_eq!(
        (ack.uri.as_str(), ack.headers.to_tag()),
        ("sip:fork1@192.0.2.11", Some("one"))
    );
    wire.events.clear();
    wire.send(&respond(&invite, 200, "two", &contact(2), ANSWER));
    let (ack, bye) = (wire.next_request(), wire.next_request());
    assert_eq!((ack.method.as_str(), ack.headers.to_tag()), ("ACK", Some("two")));
    assert_eq!(
        (bye.method.as_str(), bye.uri.as_str()),
        ("BYE", "sip:fork2@192.0.2.12")
    );
    wire.no_event();
}

#[test]
fn a_telephone_that_rings_for_too_long_is_given_up() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    wire.send(&respond(&invite, 180, "t1", CONTACT, ""));
    progress(&mut wire);
    wire.pass(seconds(180));
    assert_eq!(wire.next_request().method.as_str(), "CANCEL");
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::RingLimit));
    wire.nothing_left();
}

#[test]
fn a_longer_session_interval_is_tried_once() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    wire.send(&respond(&invite, 422, "t1", "Min-SE: 3600\r\n", ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    let again = wire.next_request();
    assert_eq!(again.headers.get(Name::SessionExpires), Some("3600"));
    assert_eq!(again.headers.get(Name::MinSe), Some("3600"));
    assert_eq!(again.headers.call_id(), invite.headers.call_id());
    assert_eq!(
        again.headers.cseq().unwrap().number,
        invite.headers.cseq().unwrap().number + 1
    );
    wire.send(&respond(&again, 422, "t1", "Min-SE: 7200\r\n", ""));
    assert!(matches!(
        wire.call_event(),
        CallEvent::Ended(CallEnd::Rejected(_))
    ));
    wire.nothing_left();
}

#[test]
fn a_call_whose_ack_cannot_be_sent_is_hung_up() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    wire.send(&respond(&invite, 200, "t1", CONTACT, ANSWER));
    wire.events.clear();
    let (_, ack) = wire.sent.pop_front().unwrap();
    wire.fail(ack.origin);
    assert_eq!(wire.next_request().method.as_str(), "BYE");
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::Unreachable));
    wire.fail(ack.origin);
    wire.nothing();
    wire.no_event();
}

#[test]
fn a_call_that_is_answered_in_time_does_not_ring_for_too_long() {
    let mut settings = EndpointSettings {
        listeners: common::wire::listeners(),
        ..EndpointSettings::default()
    };
    settings.calls.ring_limit = seconds(20);
    let mut wire = Wire::with(settings);
    let (_, invite) = call(&mut wire, OFFER);
    wire.send(&respond(&invite, 200, "t1", CONTACT, ANSWER));
    wire.sent.clear();
    wire.events.clear();
    wire.pass(seconds(60));
    wire.nothing();
    wire.no_event();
}

#[test]
fn a_422_that_asks_for_nothing_is_a_refusal() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    wire.send(&respond(&invite, 422, "t1", "", ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    assert!(matches!(
        wire.call_event(),
        CallEvent::Ended(CallEnd::Rejected(_))
    ));
    wire.nothing();
}

#[test]
fn a_fork_that_answers_late_is_hung_up_after_other_requests_are_over() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    let reliable = format!("{CONTACT}Require: 100rel\r\nRSeq: 1\r\n");
    wire.send(&respond(&invite, 183, "t1", &reliable, ANSWER));
    let prack = wire.next_request();
    wire.send(&respond(&prack, 200, "", "", ""));
    wire.send(&respond(&invite, 200, "t1", CONTACT, ""));
    wire.pass(seconds(10));
    wire.sent.clear();
    wire.send(&respond(&invite, 200, "t2", CONTACT, ANSWER));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    let bye = wire.next_request();
    assert_eq!((bye.method.as_str(), bye.headers.to_tag()), ("BYE", Some("t2")));
}

#[test]
fn the_first_200_that_comes_again_after_an_offer_of_ours_does_not_end_the_call() {
    let mut wire = Wire::udp();
    let (key, invite) = call(&mut wire, OFFER);
    let ok = respond(&invite, 200, "t1", CONTACT, ANSWER);
    wire.send(&ok);
    wire.act(|e, now| e.offer(now, key, OFFER.into())).unwrap();
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    let reinvite = wire.next_request();
    wire.send(&respond(&reinvite, 200, "", CONTACT, ANSWER));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    wire.events.clear();
    // It was on its way for longer than the offer and its answer.
    wire.send(&ok);
    assert!(!wire.lines().iter().any(|l| l.ends_with("BYE")));
    wire.no_event();
    wire.act(|e, now| e.ping(now, key)).unwrap();
}
