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

/// A 183 of ours with the answer, sent reliably: our tag, and its RSeq.
fn reliably(wire: &mut Wire, call: CallKey, session: Option<Vec<u8>>) -> (String, u32) {
    wire.act(|e, now| e.progress(now, call, Status::SESSION_PROGRESS, session, true, &none()))
        .unwrap();
    let progress = wire.next_response();
    let rseq = progress.headers.get(Name::RSeq).unwrap().parse().unwrap();
    (progress.headers.to_tag().unwrap().to_owned(), rseq)
}

#[test]
fn nothing_is_said_behind_a_200_that_waits_for_a_prack() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "Supported: 100rel\r\n", OFFER);
    reliably(&mut wire, call, Some(ANSWER.into()));
    wire.act(|e, now| e.answer(now, call, None, &none())).unwrap();
    assert!(
        wire.act(|e, now| e.progress(now, call, Status::RINGING, None, true, &none()))
            .is_err()
    );
    assert!(wire.act(|e, now| e.answer(now, call, None, &none())).is_err());
    wire.nothing();
}

#[test]
fn the_first_rseq_cannot_be_guessed_and_a_prack_names_the_number_of_its_invite() {
    let mut wire = Wire::udp();
    let message = invite("1", "Supported: 100rel\r\n", OFFER).replace("CSeq: 1 ", "CSeq: 70 ");
    wire.send(&message);
    wire.next();
    let call = wire.incoming().call;
    let (tag, rseq) = reliably(&mut wire, call, Some(ANSWER.into()));
    // 24 bits of a random number, whose seed is known here.
    assert!(rseq > 1 && rseq < 1 << 24, "{rseq}");
    wire.send(&in_dialog(
        "PRACK",
        71,
        &tag,
        &format!("RAck: {rseq} 1 INVITE\r\n"),
        "",
    ));
    assert_eq!(wire.next_status(), 481);
    wire.send(&in_dialog(
        "PRACK",
        72,
        &tag,
        &format!("RAck: {rseq} 70 INVITE\r\n"),
        "",
    ));
    assert_eq!(wire.next_status(), 200);
    wire.act(|e, now| e.answer(now, call, None, &none())).unwrap();
    assert_eq!(wire.next_status(), 200);
    wire.send(&in_dialog("ACK", 70, &tag, "", ""));
    assert_eq!(wire.call_event(), CallEvent::Confirmed);
}

#[test]
fn eight_provisional_responses_wait_and_no_more() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "Supported: 100rel\r\n", OFFER);
    let ring = |wire: &mut Wire| {
        wire.act(|e, now| e.progress(now, call, Status::RINGING, None, true, &none()))
            .is_ok()
    };
    let taken = (0..12).filter(|_| ring(&mut wire)).count();
    assert_eq!(taken, 1 + 8);
}

#[test]
fn what_is_repeated_keeps_its_times_when_something_else_is_due() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "Supported: 100rel\r\n", OFFER);
    let (tag, rseq) = reliably(&mut wire, call, Some(ANSWER.into()));
    // The offer in the PRACK is answered by nobody, for 10 s.
    wire.send(&in_dialog(
        "PRACK",
        2,
        &tag,
        &format!("RAck: {rseq} 1 INVITE\r\n"),
        OFFER,
    ));
    assert_eq!(wire.call_event(), CallEvent::Offer(OFFER.into()));
    wire.act(|e, now| e.progress(now, call, Status::RINGING, None, true, &none()))
        .unwrap();
    wire.pass(seconds(15));
    let expected = [
        "0.0 180 Ringing",
        "0.5 180 Ringing",
        "1.5 180 Ringing",
        "3.5 180 Ringing",
        "7.5 180 Ringing",
        "10.0 500 Server Internal Error",
    ];
    assert_eq!(wire.lines(), expected);

    let mut wire = Wire::udp();
    let (call, tag) = up(&mut wire);
    wire.send(&in_dialog("INVITE", 2, &tag, "", OFFER));
    wire.act(|e, now| e.accept(now, call, ANSWER.into())).unwrap();
    wire.pass(seconds(1));
    wire.send(&in_dialog(
        "REFER",
        3,
        &tag,
        "Refer-To: <sip:c@example.com>\r\n",
        "",
    ));
    wire.pass(seconds(11));
    let expected = [
        "0.0 200 OK",
        "0.5 200 OK",
        "1.5 200 OK",
        "3.5 200 OK",
        "7.5 200 OK",
        "11.0 603 Decline",
        "11.5 200 OK",
    ];
    assert_eq!(wire.lines(), expected);
}

#[test]
fn an_update_of_ours_before_the_answer_changes_the_session_where_the_caller_has_it() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "Supported: 100rel\r\nAllow: UPDATE\r\n", OFFER);
    let offer = |wire: &mut Wire| wire.act(|e, now| e.offer(now, call, OFFER.into()));
    assert!(offer(&mut wire).is_err());
    let (tag, rseq) = reliably(&mut wire, call, Some(ANSWER.into()));
    assert!(offer(&mut wire).is_err());
    wire.send(&in_dialog(
        "PRACK",
        2,
        &tag,
        &format!("RAck: {rseq} 1 INVITE\r\n"),
        "",
    ));
    assert_eq!(wire.next_status(), 200);
    offer(&mut wire).unwrap();
    let update = wire.next_request();
    assert_eq!(
        (update.method.as_str(), update.body.as_slice()),
        ("UPDATE", OFFER.as_bytes())
    );
    wire.send(&common::wire::respond(&update, 200, &tag, "", ANSWER));
    assert_eq!(wire.call_event(), CallEvent::Answer(ANSWER.into()));

    // One without UPDATE has to be answered first.
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "Supported: 100rel\r\n", OFFER);
    let (tag, rseq) = reliably(&mut wire, call, Some(ANSWER.into()));
    wire.send(&in_dialog(
        "PRACK",
        2,
        &tag,
        &format!("RAck: {rseq} 1 INVITE\r\n"),
        "",
    ));
    wire.next();
    assert!(wire.act(|e, now| e.offer(now, call, OFFER.into())).is_err());
    wire.nothing();
}

#[test]
fn an_answer_that_is_said_twice_is_waited_for_twice() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "Supported: 100rel\r\n", OFFER);
    let (tag, rseq) = reliably(&mut wire, call, Some(ANSWER.into()));
    let session = Some(ANSWER.into());
    wire.act(|e, now| e.progress(now, call, Status::SESSION_PROGRESS, session, true, &none()))
        .unwrap();
    let prack =
        |number: u32, rseq: u32| in_dialog("PRACK", number, &tag, &format!("RAck: {rseq} 1 INVITE\r\n"), "");
    wire.send(&prack(2, rseq));
    assert_eq!((wire.next_status(), wire.next_status()), (200, 183));
    wire.send(&in_dialog("UPDATE", 3, &tag, "", OFFER));
    assert_eq!(wire.next_status(), 500);
    wire.send(&prack(4, rseq + 1));
    assert_eq!(wire.next_status(), 200);
    wire.send(&in_dialog("UPDATE", 5, &tag, "", OFFER));
    assert_eq!(wire.call_event(), CallEvent::Offer(OFFER.into()));
}
