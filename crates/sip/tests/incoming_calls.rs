//! Calls that come in, as one peer sees them on the wire.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::wire::{Wire, invite, request};
use common::{ANSWER, OFFER};
use omnigate_sip::message::{Headers, Name, Status};
use omnigate_sip::transaction::Origin;
use omnigate_sip::{CallEnd, CallEvent, CallKey, Event};
use std::time::Duration;

fn none() -> Headers {
    Headers::default()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// An INVITE has come, and its 100 has gone.
fn ringing(wire: &mut Wire, more: &str, offer: &str) -> CallKey {
    wire.send(&invite("1", more, offer));
    assert_eq!(wire.next_status(), 100);
    let incoming = wire.incoming();
    assert_eq!(incoming.offer.is_some(), !offer.is_empty());
    incoming.call
}

/// A call that is up; the tag that is ours.
fn up(wire: &mut Wire) -> (CallKey, String) {
    let call = ringing(wire, "", OFFER);
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &none()))
        .unwrap();
    let tag = wire.next_response().headers.to_tag().unwrap().to_owned();
    wire.send(&request("ACK", "sip:omnigate@192.0.2.2", "ack", &tag, 1, "", ""));
    assert_eq!(wire.call_event(), CallEvent::Confirmed);
    (call, tag)
}

fn in_dialog(method: &str, number: u32, tag: &str, more: &str, body: &str) -> String {
    let branch = format!("{method}{number}");
    request(method, "sip:omnigate@192.0.2.2", &branch, tag, number, more, body)
}

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
fn a_request_right_behind_the_ack_is_served() {
    for method in ["INVITE", "UPDATE", "INFO"] {
        let mut wire = Wire::udp();
        let call = ringing(&mut wire, "", OFFER);
        wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &none()))
            .unwrap();
        let tag = wire.next_response().headers.to_tag().unwrap().to_owned();
        wire.send(&in_dialog("ACK", 1, &tag, "", ""));
        wire.send(&in_dialog(
            method,
            2,
            &tag,
            "",
            if method == "INFO" { "" } else { OFFER },
        ));
        assert_eq!(wire.call_event(), CallEvent::Confirmed);
        if method != "INFO" {
            assert_eq!(wire.call_event(), CallEvent::Offer(OFFER.into()));
            wire.act(|e, now| e.accept(now, call, ANSWER.into())).unwrap();
        }
        assert_eq!(wire.next_status(), 200, "{method}");
    }
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
fn a_request_with_another_from_tag_is_of_another_call() {
    let mut wire = Wire::udp();
    let (_, tag) = up(&mut wire);
    let bye = in_dialog("BYE", 2, &tag, "", "").replace("tag=from1", "tag=from2");
    wire.send(&bye);
    assert_eq!(wire.next_status(), 481);
    wire.no_event();
}

#[test]
fn an_old_number_gets_500_and_the_last_one_is_kept() {
    let mut wire = Wire::udp();
    let (_, tag) = up(&mut wire);
    wire.send(&in_dialog("INFO", 9, &tag, "", ""));
    assert_eq!(wire.next_status(), 200);
    wire.send(&in_dialog("INFO", 8, &tag, "", ""));
    assert_eq!(wire.next_status(), 500);
    wire.send(&in_dialog("BYE", 10, &tag, "", ""));
    assert_eq!(wire.next_status(), 200);
    wire.nothing_left();
}

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
fn an_invite_without_an_offer_gets_ours_and_the_answer_comes_in_the_ack() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "", "");
    wire.act(|e, now| e.answer(now, call, Some(OFFER.into()), &none()))
        .unwrap();
    let ok = wire.next_response();
    assert_eq!(ok.body, OFFER.as_bytes());
    let tag = ok.headers.to_tag().unwrap().to_owned();
    wire.send(&in_dialog("ACK", 1, &tag, "", ANSWER));
    assert_eq!(wire.call_event(), CallEvent::Confirmed);
    assert_eq!(wire.call_event(), CallEvent::Answer(ANSWER.into()));
}

#[test]
fn an_ack_without_the_answer_ends_the_call() {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "", "");
    wire.act(|e, now| e.answer(now, call, Some(OFFER.into()), &none()))
        .unwrap();
    let tag = wire.next_response().headers.to_tag().unwrap().to_owned();
    wire.send(&in_dialog("ACK", 1, &tag, "", ""));
    assert_eq!(wire.next_request().method.as_str(), "BYE");
    assert_eq!(wire.call_event(), CallEvent::Confirmed);
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::NoAnswer));
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

#[test]
fn a_reinvite_gets_its_answer_or_is_refused_and_the_call_goes_on() {
    let mut wire = Wire::udp();
    let (call, tag) = up(&mut wire);
    wire.send(&in_dialog("INVITE", 2, &tag, "", OFFER));
    assert_eq!(wire.call_event(), CallEvent::Offer(OFFER.into()));
    // A second one before the first is done (RFC 3261 section 14.2).
    wire.send(&in_dialog("INVITE", 3, &tag, "", OFFER));
    let busy = wire.next_response();
    assert_eq!(busy.status.code(), 500);
    assert!(busy.headers.get(Name::RetryAfter).is_some());
    wire.act(|e, now| e.reject(now, call, Status::NOT_ACCEPTABLE_HERE, &none()))
        .unwrap();
    assert_eq!(wire.next_status(), 488);
    wire.send(&request(
        "ACK",
        "sip:omnigate@192.0.2.2",
        "INVITE2",
        &tag,
        2,
        "",
        "",
    ));
    wire.send(&in_dialog("INVITE", 4, &tag, "", ""));
    assert_eq!(wire.call_event(), CallEvent::OfferWanted);
    wire.act(|e, now| e.accept(now, call, OFFER.into())).unwrap();
    assert_eq!(wire.next_response().body, OFFER.as_bytes());
    // While our offer is out, theirs has to wait.
    wire.send(&in_dialog("UPDATE", 5, &tag, "", OFFER));
    assert_eq!(wire.next_status(), 491);
    wire.send(&in_dialog("ACK", 4, &tag, "", ANSWER));
    assert_eq!(wire.call_event(), CallEvent::Answer(ANSWER.into()));
    wire.act(|e, now| e.hang_up(now, call, &none())).unwrap();
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::LocalHungUp));
    wire.nothing_left();
}

#[test]
fn an_offer_that_nobody_answers_is_refused_in_time() {
    let mut wire = Wire::udp();
    let (_, tag) = up(&mut wire);
    wire.send(&in_dialog("UPDATE", 2, &tag, "", OFFER));
    wire.pass(seconds(11));
    assert_eq!(wire.lines(), ["10.0 500 Server Internal Error"]);
}

#[test]
fn a_new_contact_is_where_the_next_request_goes() {
    let mut wire = Wire::udp();
    let (call, tag) = up(&mut wire);
    let update = in_dialog("UPDATE", 2, &tag, "", "")
        .replace("<sip:caller@192.0.2.1:5060>", "<sip:moved@192.0.2.77:5070>");
    wire.send(&update);
    assert_eq!(wire.next_status(), 200);
    wire.act(|e, now| e.hang_up(now, call, &none())).unwrap();
    assert_eq!(
        wire.sent.front().unwrap().1.hop.remote,
        "192.0.2.77:5070".parse().unwrap()
    );
    assert_eq!(wire.next_request().uri.as_str(), "sip:moved@192.0.2.77:5070");
}

#[test]
fn a_caller_who_vanished_is_found_by_the_session_timer() {
    let mut wire = Wire::udp();
    let call = ringing(
        &mut wire,
        "Supported: timer\r\nSession-Expires: 100;refresher=uac\r\n",
        OFFER,
    );
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &none()))
        .unwrap();
    let ok = wire.next_response();
    assert_eq!(ok.headers.get(Name::SessionExpires), Some("100;refresher=uac"));
    assert!(ok.headers.lists(Name::Require, "timer"));
    let tag = ok.headers.to_tag().unwrap().to_owned();
    wire.send(&in_dialog("ACK", 1, &tag, "", ""));
    wire.pass(seconds(60));
    wire.send(&in_dialog(
        "UPDATE",
        2,
        &tag,
        "Supported: timer\r\nSession-Expires: 100;refresher=uac\r\n",
        "",
    ));
    assert_eq!(wire.next_status(), 200);
    wire.pass(seconds(60));
    wire.nothing();
    wire.pass(seconds(10));
    // 32 seconds before 160.
    assert_eq!(wire.lines()[0], "128.0 BYE");
    assert_eq!(wire.call_event(), CallEvent::Confirmed);
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::Expired));
    wire.nothing_left();
}

#[test]
fn a_caller_without_session_timers_is_refreshed_by_us() {
    let mut wire = Wire::udp();
    let (_, tag) = up(&mut wire);
    wire.pass(seconds(899));
    wire.nothing();
    wire.pass(seconds(1));
    let refresh = wire.next_request();
    assert_eq!(
        (refresh.method.as_str(), refresh.body.as_slice()),
        ("INVITE", ANSWER.as_bytes())
    );
    assert_eq!(
        refresh.headers.get(Name::SessionExpires),
        Some("1800;refresher=uac")
    );
    let answer = common::wire::respond(&refresh, 200, &tag, "Contact: <sip:caller@192.0.2.1>\r\n", OFFER);
    wire.send(&answer);
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    assert_eq!(wire.call_event(), CallEvent::Answer(OFFER.into()));
    // The next one nobody answers: the caller is gone.
    wire.pass(seconds(940));
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::NoResponse));
    wire.nothing_left();
}

#[test]
fn too_small_an_interval_gets_422() {
    let mut wire = Wire::udp();
    wire.send(&invite("1", "Supported: timer\r\nSession-Expires: 60\r\n", OFFER));
    let refused = wire.next_response();
    assert_eq!(
        (refused.status.code(), refused.headers.get(Name::MinSe)),
        (422, Some("90"))
    );
    assert!(matches!(wire.events.pop_front(), Some(Event::Refused(r)) if r.status.code() == 422));
    wire.nothing_left();
}

#[test]
fn a_session_in_a_multipart_body_is_heard_and_a_body_without_one_is_not() {
    let parts = format!(
        "--b\r\nContent-Type: application/sdp\r\n\r\n{OFFER}\r\n--b\r\nContent-Type: application/isup;version=itu-t92+\r\nContent-Disposition: signal;handling=required\r\n\r\nxyz\r\n--b--\r\n"
    );
    let mut wire = Wire::udp();
    let message = invite("1", "", &parts).replace(
        "application/sdp\r\nContent-Length",
        "multipart/mixed;boundary=b\r\nContent-Length",
    );
    wire.send(&message);
    assert_eq!(wire.next_status(), 100);
    assert_eq!(wire.incoming().offer.unwrap(), OFFER.as_bytes());

    let mut wire = Wire::udp();
    wire.send(&invite("1", "", "<audio>").replace("application/sdp", "application/unknownformat"));
    let refused = wire.next_response();
    assert_eq!(
        (refused.status.code(), refused.headers.get(Name::Accept)),
        (415, Some("application/sdp"))
    );
}

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
fn every_response_of_a_call_has_its_mark() {
    let mut wire = Wire::udp();
    wire.endpoint.mark_calls(|invite| {
        let mut mark = none();
        mark.push_other("X-Id", invite.headers.call_id());
        mark
    });
    let marked = |wire: &mut Wire| {
        let response = wire.next_response();
        (
            response.status.code(),
            response.headers.get_other("X-Id").map(str::to_owned),
        )
    };
    let id = || Some("call1".to_owned());
    wire.send(&invite("1", "", OFFER));
    assert_eq!(marked(&mut wire), (100, id()));
    let call = wire.incoming().call;
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &none()))
        .unwrap();
    assert_eq!(marked(&mut wire), (200, id()));
    wire.send(&invite("2", "Require: x\r\n", OFFER).replace("CSeq: 1", "CSeq: 2"));
    assert_eq!(marked(&mut wire), (420, id()));
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
fn an_info_with_a_known_body_is_told_and_another_gets_415() {
    let mut wire = Wire::udp();
    let (_, tag) = up(&mut wire);
    let info =
        in_dialog("INFO", 2, &tag, "", "Signal=5\r\n").replace("application/sdp", "Application/DTMF-Relay");
    wire.send(&info);
    assert_eq!(wire.next_status(), 200);
    let CallEvent::Info { content_type, body } = wire.call_event() else {
        panic!("an INFO")
    };
    assert_eq!(
        (content_type.as_str(), body.as_slice()),
        ("Application/DTMF-Relay", &b"Signal=5\r\n"[..])
    );
    wire.send(&in_dialog("INFO", 3, &tag, "", "v=0"));
    assert_eq!(wire.next_status(), 415);
    wire.no_event();
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
fn requests_without_a_call_are_answered() {
    let mut wire = Wire::udp();
    for (method, status) in [
        ("BYE", 481),
        ("UPDATE", 481),
        ("PRACK", 481),
        ("INFO", 481),
        ("NEWMETHOD", 501),
    ] {
        wire.send(&request(method, "sip:x@192.0.2.2", method, "", 1, "", ""));
        assert_eq!(wire.next_status(), status, "{method}");
        wire.send(&request(
            method,
            "sip:x@192.0.2.2",
            &format!("{method}2"),
            "strange",
            1,
            "",
            "",
        ));
        assert_eq!(wire.next_status(), 481, "{method}");
    }
    wire.send(&request("OPTIONS", "sip:x@192.0.2.2", "o", "", 1, "", ""));
    let Some(Event::Request(id, options, _)) = wire.events.pop_front() else {
        panic!("a request")
    };
    wire.act(|e, now| {
        let response = e.capabilities(id, &options, Status::OK);
        e.respond(now, id, response);
    });
    let ok = wire.next_response();
    assert!(ok.headers.lists(Name::Allow, "PRACK"));
    wire.nothing_left();
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
