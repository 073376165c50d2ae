//! Provisional responses that are acknowledged (RFC 3262), and what they carry.

use super::*;

#[test]
fn reliable_provisional_responses_go_one_after_the_other_and_the_200_behind_them() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "Supported: 100rel\r\n", OFFER);
    wire.act(|e, now| {
        e.progress(
            now,
            call,
            Status::SESSION_PROGRESS,
            Some(ANSWER.into()),
            true,
            &none(),
        )
    })
    .unwrap();
    wire.act(|e, now| e.progress(now, call, Status::RINGING, None, true, &none()))
        .unwrap();
    wire.act(|e, now| e.answer(now, call, None, &none())).unwrap();
    let first = wire.next_response();
    assert_eq!(
        (first.status.code(), first.body.as_slice()),
        (183, ANSWER.as_bytes())
    );
    wire.nothing();
    wire.pass(Duration::from_millis(1600));
    assert_eq!(
        wire.lines(),
        ["0.5 183 Session Progress", "1.5 183 Session Progress"]
    );
    let tag = first.headers.to_tag().unwrap().to_owned();
    let rseq: u32 = first.headers.get(Name::RSeq).unwrap().parse().unwrap();
    assert!(first.headers.lists(Name::Require, "100rel"));
    // One that acknowledges nothing changes nothing.
    wire.send(&in_dialog(
        "PRACK",
        2,
        &tag,
        &format!("RAck: {} 1 INVITE\r\n", rseq + 1),
        "",
    ));
    assert_eq!(wire.next_status(), 481);
    wire.send(&in_dialog(
        "PRACK",
        3,
        &tag,
        &format!("RAck: {rseq} 1 INVITE\r\n"),
        "",
    ));
    assert_eq!(wire.next_status(), 200);
    let second = wire.next_response();
    assert_eq!(
        (second.status.code(), second.headers.get(Name::RSeq)),
        (180, Some(&*(rseq + 1).to_string()))
    );
    wire.nothing();
    wire.send(&in_dialog(
        "PRACK",
        4,
        &tag,
        &format!("RAck: {} 1 INVITE\r\n", rseq + 1),
        "",
    ));
    assert_eq!(wire.next_status(), 200);
    let ok = wire.next_response();
    assert_eq!((ok.status.code(), ok.body.len()), (200, 0));
    wire.send(&in_dialog("ACK", 1, &tag, "", ""));
    assert_eq!(wire.call_event(), CallEvent::Confirmed);
    wire.no_event();
}

#[test]
fn a_call_whose_prack_never_comes_is_refused() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "Require: 100rel\r\n", OFFER);
    wire.act(|e, now| e.progress(now, call, Status::RINGING, None, false, &none()))
        .unwrap();
    assert!(wire.next_response().headers.lists(Name::Require, "100rel"));
    wire.pass(seconds(33));
    assert!(wire.lines().contains(&"32.0 504 Server Time-out".to_owned()));
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::NoPrack));
    wire.nothing_left();
}

#[test]
fn our_offer_in_a_provisional_response_is_answered_by_its_prack() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "Supported: 100rel\r\n", "");
    let unreliable = wire.act(|e, now| {
        e.progress(
            now,
            call,
            Status::SESSION_PROGRESS,
            Some(OFFER.into()),
            false,
            &none(),
        )
    });
    assert!(unreliable.is_err());
    wire.act(|e, now| {
        e.progress(
            now,
            call,
            Status::SESSION_PROGRESS,
            Some(OFFER.into()),
            true,
            &none(),
        )
    })
    .unwrap();
    let progress = wire.next_response();
    let tag = progress.headers.to_tag().unwrap().to_owned();
    let rack = format!("RAck: {} 1 INVITE\r\n", progress.headers.get(Name::RSeq).unwrap());
    wire.send(&in_dialog("PRACK", 2, &tag, &rack, ANSWER));
    assert_eq!(wire.next_status(), 200);
    assert_eq!(wire.call_event(), CallEvent::Answer(ANSWER.into()));
    wire.act(|e, now| e.answer(now, call, None, &none())).unwrap();
    assert_eq!(wire.next_response().body, b"");
}

#[test]
fn an_update_before_the_answer_changes_the_session_once_the_first_is_acknowledged() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "Supported: 100rel\r\nAllow: UPDATE, PRACK\r\n", OFFER);
    wire.act(|e, now| {
        e.progress(
            now,
            call,
            Status::SESSION_PROGRESS,
            Some(ANSWER.into()),
            true,
            &none(),
        )
    })
    .unwrap();
    let progress = wire.next_response();
    let tag = progress.headers.to_tag().unwrap().to_owned();
    wire.send(&in_dialog("UPDATE", 2, &tag, "", OFFER));
    let refused = wire.next_response();
    assert_eq!(refused.status.code(), 500);
    assert!(refused.headers.get(Name::RetryAfter).is_some());
    let rack = format!("RAck: {} 1 INVITE\r\n", progress.headers.get(Name::RSeq).unwrap());
    wire.send(&in_dialog("PRACK", 3, &tag, &rack, ""));
    assert_eq!(wire.next_status(), 200);
    wire.send(&in_dialog("UPDATE", 4, &tag, "", OFFER));
    assert_eq!(wire.call_event(), CallEvent::Offer(OFFER.into()));
    wire.act(|e, now| e.accept(now, call, ANSWER.into())).unwrap();
    let ok = wire.next_response();
    assert_eq!((ok.status.code(), ok.body.as_slice()), (200, ANSWER.as_bytes()));
}
