//! CANCEL, and what crosses it.

use super::*;

#[test]
fn a_cancel_waits_for_the_first_response() {
    let mut wire = Wire::udp();
    let (key, invite) = call(&mut wire, OFFER);
    wire.act(|e, now| e.hang_up(now, key, &none())).unwrap();
    assert_eq!(
        wire.call_event(),
        CallEvent::Ended(CallEnd::Cancelled(Vec::new()))
    );
    wire.nothing();
    wire.send(&respond(&invite, 100, "", "", ""));
    let cancel = wire.next_request();
    assert_eq!(
        (cancel.method.as_str(), cancel.headers.get(Name::Via)),
        ("CANCEL", invite.headers.get(Name::Via))
    );
    wire.pass(Duration::from_millis(500));
    assert_eq!(wire.lines(), ["0.5 CANCEL"]);
    wire.send(&respond(&cancel, 200, "t1", "", ""));
    wire.send(&respond(&invite, 487, "t1", "", ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    wire.nothing_left();
}

#[test]
fn a_200_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let mut wire = Wire::udp();
    let (key, invite) = call(&mut wire, OFFER);
    wire.send(&respond(&invite, 180, "t1", CONTACT, ""));
    wire.act(|e, now| e.hang_up(now, key, &none())).unwrap();
    assert_eq!(wire.next_request().method.as_str(), "CANCEL");
    let ok = respond(&invite, 200, "t1", CONTACT, ANSWER);
    wire.send(&ok);
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    let bye = wire.next_request();
    assert_eq!(
        (bye.method.as_str(), bye.uri.as_str(), bye.headers.to_tag()),
        ("BYE", "sip:called@192.0.2.1:5060", Some("t1"))
    );
    // It comes again: an ACK again, but no second BYE.
    wire.send(&ok);
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    wire.nothing();
    wire.nothing_left();
}

#[test]
fn a_cancel_without_any_answer_has_an_end() {
    let mut wire = Wire::udp();
    let (key, invite) = call(&mut wire, OFFER);
    wire.send(&respond(&invite, 180, "t1", CONTACT, ""));
    wire.act(|e, now| e.hang_up(now, key, &none())).unwrap();
    wire.nothing_left();
}
