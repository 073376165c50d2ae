//! What belongs to a call that came in, in which order, and what belongs to none.

use super::*;

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
fn an_options_within_a_call_says_what_we_have() {
    let mut wire = Wire::udp();
    let (_, tag) = up(&mut wire);
    wire.send(&in_dialog("OPTIONS", 2, &tag, "", ""));
    let ok = wire.next_response();
    assert_eq!(
        (ok.status.code(), ok.headers.get(Name::Accept)),
        (200, Some("application/sdp"))
    );
    assert!(ok.headers.lists(Name::Allow, "UPDATE") && ok.headers.lists(Name::Supported, "replaces"));
    wire.send(&in_dialog("SUBSCRIBE", 3, &tag, "", ""));
    assert_eq!(wire.next_status(), 405);
    wire.no_event();
}

#[test]
fn an_encoding_that_we_do_not_have_is_named_unless_there_is_no_body() {
    let mut wire = Wire::udp();
    let (_, tag) = up(&mut wire);
    wire.send(&in_dialog("UPDATE", 2, &tag, "Content-Encoding: gzip\r\n", OFFER));
    let refused = wire.next_response();
    assert_eq!(
        (refused.status.code(), refused.headers.get(Name::AcceptEncoding)),
        (415, Some("identity"))
    );
    wire.send(&in_dialog("INFO", 3, &tag, "Content-Encoding: gzip\r\n", ""));
    assert_eq!(wire.next_status(), 200);
    wire.send(&in_dialog(
        "UPDATE",
        4,
        &tag,
        "Content-Encoding: Identity\r\n",
        OFFER,
    ));
    assert_eq!(wire.call_event(), CallEvent::Offer(OFFER.into()));
}

#[test]
fn contact_stands_where_it_refreshes_the_target_and_nowhere_else() {
    let mut wire = Wire::udp();
    let (call, tag) = up(&mut wire);
    let answered = |wire: &mut Wire, message: &str| wire.send(message);
    let contact = |wire: &mut Wire| wire.next_response().headers.get(Name::Contact).is_some();
    answered(&mut wire, &in_dialog("INFO", 2, &tag, "", ""));
    assert!(!contact(&mut wire));
    answered(&mut wire, &in_dialog("UPDATE", 3, &tag, "", ""));
    assert!(contact(&mut wire));
    answered(&mut wire, &in_dialog("UPDATE", 4, &tag, "", OFFER));
    wire.act(|e, now| e.reject(now, call, Status::NOT_ACCEPTABLE_HERE, &none()))
        .unwrap();
    assert!(!contact(&mut wire));
    let sent = |wire: &mut Wire| wire.next_request().headers.get(Name::Contact).is_some();
    wire.act(|e, now| e.refer(now, call, "<sip:c@example.com>", &none()))
        .unwrap();
    assert!(sent(&mut wire));
    wire.act(|e, now| e.info(now, call, "application/dtmf", b"5".to_vec()))
        .unwrap();
    assert!(!sent(&mut wire));
    answered(&mut wire, &in_dialog("BYE", 5, &tag, "", ""));
    assert!(!contact(&mut wire));

    let mut wire = Wire::udp();
    let call = ringing(&mut wire, "Record-Route: <sip:192.0.2.9;lr>\r\n", OFFER);
    wire.act(|e, now| e.refuse(now, call, Status::BUSY_HERE, &none()))
        .unwrap();
    let refused = wire.next_response();
    assert_eq!(refused.headers.get(Name::Contact), None);
    assert_eq!(refused.headers.get(Name::RecordRoute), None);
}
