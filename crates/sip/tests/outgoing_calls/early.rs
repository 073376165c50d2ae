//! Sessions before the answer: early media, reliable provisional responses, offers of theirs.

use super::*;

#[test]
fn early_media_is_heard_and_an_answer_in_the_183_alone_is_one() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    wire.send(&respond(&invite, 183, "t1", CONTACT, ANSWER));
    assert_eq!(progress(&mut wire), Status::SESSION_PROGRESS);
    assert_eq!(wire.call_event(), CallEvent::Answer(ANSWER.into()));
    wire.send(&respond(&invite, 200, "t1", CONTACT, ""));
    answered(&mut wire);
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    wire.nothing();
    wire.no_event();
}

#[test]
fn a_reliable_183_gets_its_prack_at_its_contact_and_only_in_order() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    let reliable = |n: u32| format!("Contact: <sip:gw@192.0.2.50:5062>\r\nRequire: 100rel\r\nRSeq: {n}\r\n");
    wire.send(&respond(&invite, 183, "t1", &reliable(7), ANSWER));
    assert_eq!(
        wire.sent.front().unwrap().1.hop.remote,
        "192.0.2.50:5062".parse().unwrap()
    );
    let prack = wire.next_request();
    let number = invite.headers.cseq().unwrap().number;
    assert_eq!(
        prack.headers.get(Name::RAck),
        Some(&*format!("7 {number} INVITE"))
    );
    assert_eq!(
        (prack.method.as_str(), prack.uri.as_str()),
        ("PRACK", "sip:gw@192.0.2.50:5062")
    );
    assert_eq!(prack.headers.cseq().unwrap().number, number + 1);
    // Again, and one that is ahead: neither is new.
    wire.send(&respond(&invite, 183, "t1", &reliable(7), ANSWER));
    wire.send(&respond(&invite, 180, "t1", &reliable(9), ""));
    wire.nothing();
    wire.send(&respond(&invite, 180, "t1", &reliable(8), ""));
    assert_eq!(
        wire.next_request().headers.get(Name::RAck),
        Some(&*format!("8 {number} INVITE"))
    );
    // The 200 is not kept waiting by a PRACK without a response.
    wire.send(&respond(
        &invite,
        200,
        "t1",
        "Contact: <sip:gw@192.0.2.50:5062>\r\n",
        "",
    ));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
}

#[test]
fn an_invite_without_an_offer_answers_theirs_in_the_ack() {
    let mut wire = Wire::udp();
    let (key, invite) = call(&mut wire, "");
    wire.send(&respond(&invite, 200, "t1", CONTACT, OFFER));
    answered(&mut wire);
    assert_eq!(wire.call_event(), CallEvent::Offer(OFFER.into()));
    wire.nothing();
    wire.act(|e, now| e.accept(now, key, ANSWER.into())).unwrap();
    let ack = wire.next_request();
    assert_eq!(
        (ack.method.as_str(), ack.body.as_slice()),
        ("ACK", ANSWER.as_bytes())
    );
    wire.nothing();
}

#[test]
fn an_offer_in_a_reliable_183_is_answered_in_its_prack() {
    let mut wire = Wire::udp();
    let (key, invite) = call(&mut wire, "");
    let reliable = format!("{CONTACT}Require: 100rel\r\nRSeq: 1\r\n");
    wire.send(&respond(&invite, 183, "t1", &reliable, OFFER));
    progress(&mut wire);
    assert_eq!(wire.call_event(), CallEvent::Offer(OFFER.into()));
    wire.act(|e, now| e.accept(now, key, ANSWER.into())).unwrap();
    let prack = wire.next_request();
    assert_eq!(
        (prack.method.as_str(), prack.body.as_slice()),
        ("PRACK", ANSWER.as_bytes())
    );
    wire.send(&respond(&prack, 200, "", "", ""));
    wire.send(&respond(&invite, 200, "t1", CONTACT, ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    answered(&mut wire);
    wire.no_event();
}

/// RFC 3262 section 5: only a PRACK with an offer has an answer in its 2xx, and ours has none.
#[test]
fn a_session_in_the_response_to_a_prack_without_an_offer_is_not_an_answer() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    let reliable = format!("{CONTACT}Require: 100rel\r\nRSeq: 1\r\n");
    wire.send(&respond(&invite, 180, "t1", &reliable, ""));
    progress(&mut wire);
    let prack = wire.next_request();
    wire.send(&respond(
        &prack,
        200,
        "",
        "",
        "v=0\r\no=- 9 9 IN IP4 192.0.2.66\r\n",
    ));
    wire.no_event();
    wire.send(&respond(&invite, 200, "t1", CONTACT, ANSWER));
    answered(&mut wire);
    assert_eq!(wire.call_event(), CallEvent::Answer(ANSWER.into()));
}

#[test]
fn the_highest_number_of_a_reliable_response_has_no_next() {
    let mut wire = Wire::udp();
    let (call, invite) = call(&mut wire, OFFER);
    for _ in 0..2 {
        let more = format!("{CONTACT}Require: 100rel\r\nRSeq: 4294967295\r\n");
        wire.send(&respond(&invite, 183, "a", &more, ""));
    }
    wire.send(&respond(
        &invite,
        183,
        "a",
        &format!("{CONTACT}Require: 100rel\r\nRSeq: 0\r\n"),
        "",
    ));
    assert_eq!(
        wire.next_request()
            .headers
            .get(Name::RAck)
            .map(|r| r.split(' ').next()),
        Some(Some("4294967295"))
    );
    wire.nothing();
    wire.act(|e, now| e.hang_up(now, call, &none())).unwrap();
    wire.nothing_left();
}

#[test]
fn a_session_in_an_unreliable_183_is_no_offer_and_the_one_in_the_200_is() {
    let mut wire = Wire::udp();
    let (key, invite) = call(&mut wire, "");
    wire.send(&respond(&invite, 183, "t1", CONTACT, OFFER));
    progress(&mut wire);
    wire.no_event();
    wire.send(&respond(&invite, 200, "t1", CONTACT, OFFER));
    answered(&mut wire);
    assert_eq!(wire.call_event(), CallEvent::Offer(OFFER.into()));
    wire.act(|e, now| e.accept(now, key, ANSWER.into())).unwrap();
    let ack = wire.next_request();
    assert_eq!(
        (ack.method.as_str(), ack.body.as_slice()),
        ("ACK", ANSWER.as_bytes())
    );
}

#[test]
fn an_offer_that_was_answered_in_a_prack_is_not_asked_about_again_in_the_200() {
    let mut wire = Wire::udp();
    let (key, invite) = call(&mut wire, "");
    let reliable = format!("{CONTACT}Require: 100rel\r\nRSeq: 1\r\n");
    wire.send(&respond(&invite, 183, "t1", &reliable, OFFER));
    progress(&mut wire);
    wire.events.clear();
    wire.act(|e, now| e.accept(now, key, ANSWER.into())).unwrap();
    let prack = wire.next_request();
    wire.send(&respond(&prack, 200, "", "", ""));
    wire.send(&respond(&invite, 200, "t1", CONTACT, OFFER));
    answered(&mut wire);
    wire.no_event();
    let ack = wire.next_request();
    assert_eq!((ack.method.as_str(), ack.body.as_slice()), ("ACK", &b""[..]));
}

#[test]
fn an_invite_without_an_offer_whose_200_has_none_is_hung_up() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, "");
    wire.send(&respond(&invite, 200, "t1", CONTACT, ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    assert_eq!(wire.next_request().method.as_str(), "BYE");
    answered(&mut wire);
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::NoAnswer));
}

#[test]
fn a_second_offer_while_the_first_waits_is_acknowledged_and_not_told() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, "");
    let reliable = format!("{CONTACT}Require: 100rel\r\nRSeq: 1\r\n");
    wire.send(&respond(&invite, 183, "t1", &reliable, OFFER));
    progress(&mut wire);
    assert_eq!(wire.call_event(), CallEvent::Offer(OFFER.into()));
    wire.send(&respond(&invite, 183, "t2", &reliable, OFFER));
    progress(&mut wire);
    wire.no_event();
    let prack = wire.next_request();
    assert_eq!(
        (prack.method.as_str(), prack.headers.to_tag(), prack.body.len()),
        ("PRACK", Some("t2"), 0)
    );
}

#[test]
fn a_request_of_any_early_dialog_is_of_the_call_and_of_a_strange_one_is_not() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    for tag in ["one", "two"] {
        wire.send(&respond(&invite, 180, tag, CONTACT, ""));
    }
    let info = |branch: &str, tag: &str| {
        from_called(&invite, "INFO", 1, "")
            .replace("tag=t1", &format!("tag={tag}"))
            .replace("z9hG4bKINFO1", &format!("z9hG4bK{branch}"))
    };
    for (branch, tag, status) in [
        ("a", "one", 200),
        ("b", "two", 200),
        ("c", "three", 481),
        ("d", "one", 500),
    ] {
        wire.send(&info(branch, tag));
        assert_eq!(wire.next_status(), status, "{tag}");
    }
    // Once one of them is the call, the others are nobody's.
    wire.send(&respond(&invite, 200, "two", CONTACT, ANSWER));
    wire.sent.clear();
    wire.send(&info("e", "one"));
    assert_eq!(wire.next_status(), 481);
    wire.send(&info("f", "two").replace("CSeq: 1 ", "CSeq: 2 "));
    assert_eq!(wire.next_status(), 200);
}

#[test]
fn a_prack_that_nobody_answers_ends_a_call_that_rings_and_none_that_is_answered() {
    for answer in [false, true] {
        let mut wire = Wire::udp();
        let (_, invite) = call(&mut wire, OFFER);
        let reliable = format!("{CONTACT}Require: 100rel\r\nRSeq: 1\r\n");
        wire.send(&respond(&invite, 183, "t1", &reliable, ANSWER));
        if answer {
            wire.send(&respond(&invite, 200, "t1", CONTACT, ""));
        }
        wire.events.clear();
        wire.pass(Duration::from_millis(31_900));
        wire.sent.clear();
        wire.pass(Duration::from_millis(200));
        if answer {
            wire.nothing();
            wire.no_event();
        } else {
            assert_eq!(wire.next_request().method.as_str(), "CANCEL");
            assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::NoResponse));
        }
    }
}

/// RFC 3891 section 3: `early-only` names a call of ours that has not been answered.
#[test]
fn a_call_that_rings_there_may_be_replaced_as_an_early_one() {
    let mut wire = Wire::udp();
    let (key, ours) = call(&mut wire, OFFER);
    wire.send(&respond(&ours, 180, "t1", CONTACT, ""));
    progress(&mut wire);
    let (call_id, tag) = (
        ours.headers.get(Name::CallId).unwrap(),
        ours.headers.from_tag().unwrap(),
    );
    let replaces = format!("Replaces: {call_id};to-tag={tag};from-tag=t1;early-only\r\n");
    wire.send(&common::wire::invite("9", &replaces, OFFER));
    assert_eq!(wire.next_status(), 100);
    let Some(Event::Incoming(incoming)) = wire.events.pop_front() else {
        panic!("a call")
    };
    assert_eq!(incoming.replaces, Some(key));
}
