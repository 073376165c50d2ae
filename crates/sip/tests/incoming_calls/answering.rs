//! A call that comes in: rung, answered, refused, cancelled, hung up.

use super::*;

#[test]
fn a_call_rings_is_answered_talks_and_is_hung_up() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "Record-Route: <sip:192.0.2.9;lr>\r\n", OFFER);
    wire.act(|e, now| e.progress(now, call, Status::RINGING, None, false, &none()))
        .unwrap();
    let ringing = wire.next_response();
    assert_eq!(
        (ringing.status.code(), ringing.headers.get(Name::RecordRoute)),
        (180, Some("<sip:192.0.2.9;lr>"))
    );
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &none()))
        .unwrap();
    let ok = wire.next_response();
    assert_eq!(ok.status, Status::OK);
    assert_eq!(ok.headers.to_tag(), ringing.headers.to_tag());
    assert_eq!(
        ok.headers.get(Name::Contact),
        Some("<sip:omnigate@192.0.2.2:5060>")
    );
    assert_eq!(ok.body, ANSWER.as_bytes());
    let tag = ok.headers.to_tag().unwrap().to_owned();
    wire.send(&in_dialog("ACK", 1, &tag, "", ""));
    assert_eq!(wire.call_event(), CallEvent::Confirmed);
    wire.send(&in_dialog("BYE", 2, &tag, "Reason: Q.850;cause=16\r\n", ""));
    assert_eq!(wire.next_status(), 200);
    let CallEvent::Ended(CallEnd::RemoteHungUp(causes)) = wire.call_event() else {
        panic!("hung up")
    };
    assert_eq!(
        (causes[0].protocol.as_str(), causes[0].cause),
        ("Q.850", Some(16))
    );
    wire.nothing();
    wire.nothing_left();
}

#[test]
fn the_200_comes_again_until_its_ack_and_a_bye_ends_what_is_never_acknowledged() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "", OFFER);
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &none()))
        .unwrap();
    wire.pass(seconds(40));
    let lines = wire.lines();
    let expected = [
        "0.0 200 OK",
        "0.5 200 OK",
        "1.5 200 OK",
        "3.5 200 OK",
        "7.5 200 OK",
        "11.5 200 OK",
        "15.5 200 OK",
        "19.5 200 OK",
        "23.5 200 OK",
        "27.5 200 OK",
        "31.5 200 OK",
        "32.0 BYE",
    ];
    assert_eq!(lines[..expected.len()], expected);
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::NoAck));
    wire.nothing_left();
}

#[test]
fn a_repeated_invite_gets_the_last_response_again_and_none_once_it_is_answered() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "", OFFER);
    wire.send(&invite("1", "", OFFER));
    assert_eq!(wire.next_status(), 100);
    wire.act(|e, now| e.progress(now, call, Status::RINGING, None, false, &none()))
        .unwrap();
    wire.next();
    wire.send(&invite("1", "", OFFER));
    assert_eq!(wire.next_status(), 180);
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &none()))
        .unwrap();
    wire.next();
    wire.send(&invite("1", "", OFFER));
    wire.nothing();
    wire.no_event();
}

#[test]
fn a_refusal_comes_again_until_its_ack() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "", OFFER);
    wire.act(|e, now| e.refuse(now, call, Status::BUSY_HERE, &none()))
        .unwrap();
    assert_eq!(
        wire.call_event(),
        CallEvent::Ended(CallEnd::Refused(Status::BUSY_HERE))
    );
    wire.pass(seconds(4));
    assert_eq!(
        wire.lines(),
        [
            "0.0 486 Busy Here",
            "0.5 486 Busy Here",
            "1.5 486 Busy Here",
            "3.5 486 Busy Here"
        ]
    );
    wire.send(&request("ACK", "sip:called@192.0.2.2", "1", "x", 1, "", ""));
    wire.pass(seconds(40));
    wire.nothing();
    wire.nothing_left();
}

#[test]
fn a_cancel_ends_what_is_not_answered_and_nothing_that_is() {
    let mut wire = Wire::udp();
    ringing(&mut wire, "", OFFER);
    let cancel = request(
        "CANCEL",
        "sip:called@192.0.2.2",
        "1",
        "",
        1,
        "Reason: SIP;cause=200;text=\"elsewhere\"\r\n",
        "",
    );
    wire.send(&cancel);
    let (ok, terminated) = (wire.next_response(), wire.next_response());
    assert_eq!((ok.status.code(), terminated.status.code()), (200, 487));
    assert_eq!(ok.headers.to_tag(), terminated.headers.to_tag());
    let CallEvent::Ended(CallEnd::Cancelled(causes)) = wire.call_event() else {
        panic!("cancelled")
    };
    assert_eq!(causes[0].cause, Some(200));
    wire.nothing_left();

    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "", OFFER);
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &none()))
        .unwrap();
    wire.next();
    wire.send(&cancel);
    assert_eq!(wire.next_status(), 200);
    wire.nothing();
    wire.no_event();
}

#[test]
fn a_cancel_of_nothing_gets_481() {
    let mut wire = Wire::udp();
    wire.send(&request("CANCEL", "sip:called@192.0.2.2", "1", "", 1, "", ""));
    assert_eq!(wire.next_status(), 481);
    wire.nothing_left();
}

#[test]
fn a_hang_up_before_the_ack_waits_for_it() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "", OFFER);
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &none()))
        .unwrap();
    let tag = wire.next_response().headers.to_tag().unwrap().to_owned();
    wire.act(|e, now| e.hang_up(now, call, &none())).unwrap();
    wire.nothing();
    wire.send(&in_dialog("ACK", 1, &tag, "", ""));
    let bye = wire.next_request();
    assert_eq!(
        (bye.method.as_str(), bye.uri.as_str()),
        ("BYE", "sip:caller@192.0.2.1:5060")
    );
    assert_eq!(wire.call_event(), CallEvent::Confirmed);
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::LocalHungUp));
    wire.nothing_left();
}

#[test]
fn a_call_whose_200_cannot_be_sent_ends() {
    let mut wire = Wire::tcp();
    let call = ringing(&mut wire, "", OFFER);
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &none()))
        .unwrap();
    let (_, transmit) = wire.sent.pop_back().unwrap();
    assert!(matches!(transmit.origin, Origin::Server(_)));
    wire.fail(transmit.origin);
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::Unreachable));
    wire.nothing_left();
}

#[test]
fn a_hang_up_of_what_rings_refuses_it() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "", OFFER);
    wire.act(|e, now| e.hang_up(now, call, &none())).unwrap();
    assert_eq!(wire.next_status(), 480);
    assert_eq!(
        wire.call_event(),
        CallEvent::Ended(CallEnd::Refused(Status::TEMPORARILY_UNAVAILABLE))
    );
}

#[test]
fn a_call_whose_ringing_cannot_be_sent_ends() {
    let mut wire = Wire::tcp();
    let call = ringing(&mut wire, "", OFFER);
    wire.act(|e, now| e.progress(now, call, Status::RINGING, None, false, &none()))
        .unwrap();
    let (_, transmit) = wire.sent.pop_back().unwrap();
    wire.fail(transmit.origin);
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::Unreachable));
    // Nobody has answered: there is no dialog to end by BYE.
    wire.nothing();
    wire.nothing_left();
}

#[test]
fn a_call_that_is_never_acknowledged_is_hung_up_with_the_reason() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "", OFFER);
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &none()))
        .unwrap();
    wire.pass(Duration::from_millis(31_900));
    wire.sent.clear();
    wire.pass(Duration::from_millis(200));
    assert_eq!(
        wire.next_request().headers.get(Name::Reason),
        Some("SIP;cause=408;text=\"no ACK\"")
    );
}

#[test]
fn what_was_said_unreliably_is_said_again_in_the_200() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "", OFFER);
    let session = Some(ANSWER.into());
    wire.act(|e, now| e.progress(now, call, Status::SESSION_PROGRESS, session, false, &none()))
        .unwrap();
    assert_eq!(wire.next_response().body, ANSWER.as_bytes());
    wire.act(|e, now| e.answer(now, call, None, &none())).unwrap();
    let ok = wire.next_response();
    assert_eq!((ok.status, ok.body.as_slice()), (Status::OK, ANSWER.as_bytes()));
}

#[test]
fn only_101_to_199_are_progress() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "", OFFER);
    for status in [Status::TRYING, Status::OK, Status::BUSY_HERE] {
        let said = wire.act(|e, now| e.progress(now, call, status, None, false, &none()));
        assert!(said.is_err(), "{status}");
    }
    wire.nothing();
}
