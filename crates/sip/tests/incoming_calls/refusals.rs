//! INVITEs that are not taken, and INVITEs that come twice.

use super::*;

#[test]
fn what_is_required_and_not_there_is_named() {
    let mut wire = Wire::udp();
    wire.send(&invite(
        "1",
        "Require: precondition, 100rel\r\nRequire: x\r\n",
        OFFER,
    ));
    let refused = wire.next_response();
    assert_eq!(
        (refused.status.code(), refused.headers.get(Name::Unsupported)),
        (420, Some("precondition, x"))
    );
    wire.nothing_left();
}

#[test]
fn the_same_call_by_two_ways_is_one_call() {
    let mut wire = Wire::udp();
    ringing(&mut wire, "", OFFER);
    wire.send(&invite("2", "", OFFER));
    assert_eq!(wire.next_status(), 482);
    wire.no_event();
}

#[test]
fn who_was_refused_may_try_the_same_by_another_way() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "", OFFER);
    wire.act(|e, now| e.refuse(now, call, Status::SERVICE_UNAVAILABLE, &none()))
        .unwrap();
    wire.next();
    wire.events.clear();
    wire.send(&invite("2", "", OFFER));
    assert_eq!(wire.next_status(), 100);
    wire.incoming();
}

#[test]
fn an_invite_that_replaces_a_call_names_it() {
    let mut wire = Wire::udp();
    let (call, tag) = up(&mut wire);
    let replaces = format!("Replaces: call1;to-tag={tag};from-tag=from1\r\n");
    let second = |more: &str| invite("9", more, OFFER).replace("Call-ID: call1", "Call-ID: call2");
    wire.send(&second(&replaces));
    wire.next();
    assert_eq!(wire.incoming().replaces, Some(call));
    let mut wire = Wire::udp();
    wire.send(&second("Replaces: call1;to-tag=none;from-tag=from1\r\n"));
    assert_eq!(wire.next_status(), 481);
    wire.events.clear();
    let (_, tag) = up(&mut wire);
    wire.send(
        &second(&format!(
            "Replaces: call1;to-tag={tag};from-tag=from1;early-only\r\n"
        ))
        .replace("call2", "call3")
        .replace("z9hG4bK9", "z9hG4bK10"),
    );
    assert_eq!(wire.next_status(), 486);
}

#[test]
fn a_call_that_rings_here_is_not_replaced() {
    for only in ["", ";early-only"] {
        let mut wire = Wire::udp();
        let call = ringing(&mut wire, "", OFFER);
        wire.act(|e, now| e.progress(now, call, Status::RINGING, None, false, &none()))
            .unwrap();
        let tag = wire.next_response().headers.to_tag().unwrap().to_owned();
        let replaces = format!("Replaces: call1;to-tag={tag};from-tag=from1{only}\r\n");
        wire.events.clear();
        wire.send(&invite("9", &replaces, OFFER).replace("Call-ID: call1", "Call-ID: call2"));
        assert_eq!(wire.next_status(), 481);
    }
}
