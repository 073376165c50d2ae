//! Offers and answers in calls that came in, and session timers (RFC 4028).

use super::*;

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

/// What the 200 says of the session timer that the INVITE asks for, and whether it must be understood.
fn agreed(more: &str) -> (Option<String>, bool) {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, more, OFFER);
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &none()))
        .unwrap();
    let ok = wire.next_response();
    let field = ok.headers.get(Name::SessionExpires).map(str::to_owned);
    (field, ok.headers.lists(Name::Require, "timer"))
}

#[test]
fn who_refreshes_is_said_in_the_200() {
    let says = |more, field: &str, required| {
        assert_eq!(agreed(more), (Some(field.to_owned()), required), "{more}");
    };
    says(
        "Supported: timer\r\nSession-Expires: 600\r\n",
        "600;refresher=uac",
        true,
    );
    says(
        "Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n",
        "600;refresher=uac",
        true,
    );
    says(
        "Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n",
        "600;refresher=uas",
        false,
    );
    // A proxy asked for it; the caller itself cannot refresh.
    says(
        "Session-Expires: 600;refresher=uac\r\n",
        "600;refresher=uas",
        false,
    );
    says("Session-Expires: 600\r\n", "600;refresher=uas", false);
    says(
        "Supported: timer\r\nSession-Expires: 90\r\n",
        "90;refresher=uac",
        true,
    );
}

#[test]
fn too_small_an_interval_is_refused_within_a_call_too() {
    for method in ["INVITE", "UPDATE"] {
        let mut wire = Wire::udp();
        let (_, tag) = up(&mut wire);
        let more = "Supported: timer\r\nSession-Expires: 60\r\n";
        wire.send(&in_dialog(method, 2, &tag, more, OFFER));
        let refused = wire.next_response();
        assert_eq!(
            (refused.status.code(), refused.headers.get(Name::MinSe)),
            (422, Some("90"))
        );
        wire.no_event();
    }
}

#[test]
fn a_reinvite_that_is_cancelled_leaves_the_session_as_it_was() {
    let mut wire = Wire::udp();
    let (call, tag) = up(&mut wire);
    wire.send(&in_dialog("INVITE", 2, &tag, "", OFFER));
    assert_eq!(wire.call_event(), CallEvent::Offer(OFFER.into()));
    wire.send(&in_dialog("CANCEL", 2, &tag, "", "").replace("CANCEL2", "INVITE2"));
    assert_eq!((wire.next_status(), wire.next_status()), (200, 487));
    assert_eq!(
        wire.call_event(),
        CallEvent::OfferRefused(Status::REQUEST_TERMINATED)
    );
    assert!(wire.act(|e, now| e.accept(now, call, ANSWER.into())).is_err());
    wire.send(&request(
        "ACK",
        "sip:omnigate@192.0.2.2",
        "INVITE2",
        &tag,
        2,
        "",
        "",
    ));
    wire.send(&in_dialog("INFO", 3, &tag, "", ""));
    assert_eq!(wire.next_status(), 200);
}

#[test]
fn an_offer_that_waits_when_the_call_ends_gets_its_answer() {
    for (method, status) in [("INVITE", 487), ("UPDATE", 481)] {
        let mut wire = Wire::udp();
        let (_, tag) = up(&mut wire);
        wire.send(&in_dialog(method, 2, &tag, "", OFFER));
        wire.send(&in_dialog("BYE", 3, &tag, "", ""));
        let (bye, offer) = (wire.next_response(), wire.next_response());
        assert_eq!(
            (bye.status.code(), offer.status.code()),
            (200, status),
            "{method}"
        );
        assert_eq!(offer.headers.get(Name::CSeq), Some(&*format!("2 {method}")));
    }
}

#[test]
fn a_body_within_a_call_in_which_there_is_no_session_gets_415_and_says_what_is_taken() {
    for method in ["INVITE", "UPDATE"] {
        let mut wire = Wire::udp();
        let (_, tag) = up(&mut wire);
        wire.send(&in_dialog(method, 2, &tag, "", "<x/>").replace("application/sdp", "text/xml"));
        let refused = wire.next_response();
        assert_eq!(
            (refused.status.code(), refused.headers.get(Name::Accept)),
            (415, Some("application/sdp"))
        );
    }
}

#[test]
fn a_body_that_need_not_be_understood_is_no_session_and_no_fault() {
    let mut wire = Wire::udp();
    let more = "Content-Disposition: signal;handling=optional\r\n";
    wire.send(&invite("1", more, "xyz").replace("application/sdp", "application/isup"));
    assert_eq!(wire.next_status(), 100);
    assert_eq!(wire.incoming().offer, None);
}

#[test]
fn offers_wait_for_each_other_in_both_directions() {
    let mut wire = Wire::udp();
    let (call, tag) = up(&mut wire);
    let offer = |wire: &mut Wire| wire.act(|e, now| e.offer(now, call, OFFER.into()));
    // Theirs waits for our answer, then the answer for its ACK.
    wire.send(&in_dialog("INVITE", 2, &tag, "", OFFER));
    assert!(offer(&mut wire).is_err());
    wire.act(|e, now| e.accept(now, call, ANSWER.into())).unwrap();
    wire.next();
    assert!(offer(&mut wire).is_err());
    wire.send(&in_dialog("INVITE", 3, &tag, "", OFFER));
    let busy = wire.next_response();
    assert_eq!(busy.status.code(), 500);
    let wait: u32 = busy.headers.get(Name::RetryAfter).unwrap().parse().unwrap();
    assert!(wait < 10, "{wait}");
    wire.send(&in_dialog("ACK", 2, &tag, "", ""));
    // Ours waits for their answer.
    wire.events.clear();
    offer(&mut wire).unwrap();
    wire.next();
    wire.send(&in_dialog("UPDATE", 4, &tag, "", OFFER));
    assert_eq!(wire.next_status(), 491);
    wire.no_event();
}

#[test]
fn an_ack_without_the_answer_to_a_reinvite_leaves_the_session_as_it_was() {
    let mut wire = Wire::udp();
    let (call, tag) = up(&mut wire);
    wire.send(&in_dialog("INVITE", 2, &tag, "", ""));
    assert_eq!(wire.call_event(), CallEvent::OfferWanted);
    wire.act(|e, now| e.accept(now, call, OFFER.into())).unwrap();
    wire.next();
    wire.send(&in_dialog("ACK", 2, &tag, "", ""));
    assert_eq!(
        wire.call_event(),
        CallEvent::OfferRefused(Status::NOT_ACCEPTABLE_HERE)
    );
    wire.no_event();
    wire.nothing();
}
