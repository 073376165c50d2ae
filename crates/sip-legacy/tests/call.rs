//! The call state machine, message by message.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use omnigate_sip_legacy::message::{Method, Request, Response, StatusCode};
use omnigate_sip_legacy::{Call, CallEnd, Input, LocalMedia, Output, TransactionId, header};
use std::net::IpAddr;

const FIRST: TransactionId = TransactionId(0);
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

fn request(method: &str, cseq: u32, to_tag: &str, extra: &str, body: &str) -> Request {
    let kind = if body.is_empty() || extra.contains("Content-Type") {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    let text = format!(
        "{method} sip:07012345678@gw SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK{cseq}\r\nFrom: <sip:a@c>;tag=theirs\r\nTo: <sip:b@gw>{to_tag}\r\nCall-ID: id\r\nCSeq: {cseq} {method}\r\nContact: <sip:a@198.51.100.7:5062>\r\nRecord-Route: <sip:proxy.example;lr>\r\n{extra}{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Request::try_from(text).unwrap()
}

fn in_dialog(method: &str, cseq: u32, body: &str) -> Request {
    request(method, cseq, ";tag=ours", "", body)
}

fn incoming(invite: &Request) -> Result<Call, Response> {
    let media = LocalMedia {
        ip: IpAddr::from([192, 0, 2, 9]),
        port: 20_000,
    };
    Call::incoming(FIRST, invite, "ours", "sip:omnigate@192.0.2.9:5060", media, 7).map_err(|r| *r.response)
}

fn outputs(call: &mut Call) -> Vec<Output> {
    std::iter::from_fn(|| call.poll()).collect()
}

fn statuses(outputs: &[Output]) -> Vec<(u64, u16)> {
    let status = |o: &Output| match o {
        Output::Respond(id, r) => Some((id.0, r.status_code.code())),
        _ => None,
    };
    outputs.iter().filter_map(status).collect()
}

fn ended(outputs: &[Output]) -> Option<CallEnd> {
    outputs
        .iter()
        .find_map(|o| if let Output::Ended(e) = o { Some(*e) } else { None })
}

fn confirmed() -> Call {
    let mut call = incoming(&request("INVITE", 1, "", "", SDP)).unwrap();
    call.answer();
    outputs(&mut call);
    call.handle(Input::Acknowledged(FIRST, b""));
    outputs(&mut call);
    call
}

#[test]
fn an_invite_rings_is_answered_and_confirmed() {
    let mut call = incoming(&request("INVITE", 1, "", "", SDP)).unwrap();
    call.ring();
    call.answer();
    let out = outputs(&mut call);
    assert!(statuses(&out).contains(&(0, 180)) && statuses(&out).contains(&(0, 200)));
    assert!(
        out.iter()
            .any(|o| matches!(o, Output::Media(m) if m.remote_rtp.port() == 4000))
    );
    let ok = out
        .iter()
        .find_map(|o| {
            if let Output::Respond(_, r) = o {
                (r.status_code == StatusCode::OK).then_some(r)
            } else {
                None
            }
        })
        .unwrap();
    assert_eq!(
        header::value(&ok.headers, "Contact"),
        Some("<sip:omnigate@192.0.2.9:5060>")
    );
    assert_eq!(
        header::value(&ok.headers, "Record-Route"),
        Some("<sip:proxy.example;lr>")
    );
    assert_eq!(
        header::value(&ok.headers, "To").and_then(header::tag),
        Some("ours")
    );
    call.handle(Input::Acknowledged(FIRST, b""));
    assert!(matches!(outputs(&mut call)[..], [Output::Confirmed]));
}

#[test]
fn cancel_before_the_answer_is_487_and_after_it_nothing() {
    let mut call = incoming(&request("INVITE", 1, "", "", SDP)).unwrap();
    call.ring();
    outputs(&mut call);
    call.handle(Input::Cancelled(FIRST));
    let out = outputs(&mut call);
    assert_eq!(
        (statuses(&out), ended(&out)),
        (vec![(0, 487)], Some(CallEnd::Cancelled))
    );
    let mut late = incoming(&request("INVITE", 1, "", "", SDP)).unwrap();
    late.answer();
    outputs(&mut late);
    late.handle(Input::Cancelled(FIRST));
    assert!(outputs(&mut late).is_empty() && late.is_alive());
}

#[test]
fn a_hang_up_before_the_ack_waits_for_it() {
    let mut call = incoming(&request("INVITE", 1, "", "", SDP)).unwrap();
    call.answer();
    outputs(&mut call);
    call.hang_up(vec![]);
    assert!(outputs(&mut call).is_empty());
    call.handle(Input::Acknowledged(FIRST, b""));
    let out = outputs(&mut call);
    assert!(
        out.iter()
            .any(|o| matches!(o, Output::Send(r) if r.method == Method::Bye))
    );
    assert_eq!(ended(&out), Some(CallEnd::LocalHungUp));
}

#[test]
fn a_2xx_that_is_never_acknowledged_ends_in_a_bye() {
    let mut call = incoming(&request("INVITE", 1, "", "", SDP)).unwrap();
    call.answer();
    outputs(&mut call);
    call.handle(Input::Unacknowledged(FIRST));
    let out = outputs(&mut call);
    let bye = out
        .iter()
        .find_map(|o| if let Output::Send(r) = o { Some(r) } else { None })
        .unwrap();
    assert_eq!(
        header::value(&bye.headers, "Route"),
        Some("<sip:proxy.example;lr>")
    );
    assert_eq!(bye.uri.to_string(), "sip:a@198.51.100.7:5062");
    assert!(header::value(&bye.headers, "Reason").unwrap().contains("408"));
    assert_eq!(ended(&out), Some(CallEnd::NoAck));
}

#[test]
fn an_invite_without_offer_gets_ours_and_needs_an_answer_in_the_ack() {
    let mut call = incoming(&request("INVITE", 1, "", "", "")).unwrap();
    call.answer();
    assert!(!outputs(&mut call).iter().any(|o| matches!(o, Output::Media(_))));
    call.handle(Input::Acknowledged(FIRST, SDP.as_bytes()));
    assert!(outputs(&mut call).iter().any(|o| matches!(o, Output::Media(_))));
    let mut mute = incoming(&request("INVITE", 1, "", "", "")).unwrap();
    mute.answer();
    outputs(&mut mute);
    mute.handle(Input::Acknowledged(FIRST, b""));
    assert_eq!(ended(&outputs(&mut mute)), Some(CallEnd::NoAnswer));
}

#[test]
fn a_re_invite_moves_media_and_target_and_a_second_one_before_its_ack_is_refused() {
    let mut call = confirmed();
    let moved = SDP.replace("4000", "4100");
    call.handle(Input::Request(TransactionId(1), &in_dialog("INVITE", 2, &moved)));
    let out = outputs(&mut call);
    assert_eq!(statuses(&out), vec![(1, 200)]);
    assert!(
        out.iter()
            .any(|o| matches!(o, Output::Media(m) if m.remote_rtp.port() == 4100))
    );
    call.handle(Input::Request(TransactionId(2), &in_dialog("INVITE", 3, SDP)));
    assert_eq!(statuses(&outputs(&mut call)), vec![(2, 500)]);
    call.handle(Input::Acknowledged(TransactionId(1), b""));
    call.handle(Input::Request(TransactionId(3), &in_dialog("INVITE", 4, "")));
    assert_eq!(statuses(&outputs(&mut call)), vec![(3, 200)], "an offer of ours");
    call.handle(Input::Request(TransactionId(4), &in_dialog("INVITE", 5, SDP)));
    assert_eq!(
        statuses(&outputs(&mut call)),
        vec![(4, 491)],
        "while ours is open"
    );
}

#[test]
fn a_bad_re_invite_leaves_the_call_as_it_was() {
    let mut call = confirmed();
    let before = call.media().cloned();
    call.handle(Input::Request(
        TransactionId(1),
        &in_dialog("INVITE", 2, &SDP.replace("AVP 0", "AVP 18")),
    ));
    assert_eq!(statuses(&outputs(&mut call)), vec![(1, 488)]);
    call.handle(Input::Request(
        TransactionId(2),
        &in_dialog("UPDATE", 3, "garbage"),
    ));
    assert_eq!(statuses(&outputs(&mut call)), vec![(2, 400)]);
    assert!(call.is_alive());
    assert_eq!(call.media().cloned(), before);
}

#[test]
fn old_sequence_numbers_unknown_extensions_and_methods_are_refused_one_by_one() {
    let mut call = confirmed();
    for (id, message, status) in [
        (1, in_dialog("OPTIONS", 5, ""), 200),
        (2, in_dialog("OPTIONS", 5, ""), 500),
        (3, in_dialog("MESSAGE", 6, ""), 405),
        (
            4,
            request("UPDATE", 7, ";tag=ours", "Require: precondition\r\n", ""),
            420,
        ),
        (5, in_dialog("PRACK", 8, ""), 481),
        (
            6,
            request("INFO", 9, ";tag=ours", "Content-Type: text/plain\r\n", "x"),
            415,
        ),
        (
            7,
            request(
                "INFO",
                10,
                ";tag=ours",
                "Content-Type: application/dtmf\r\n",
                "55",
            ),
            400,
        ),
        (8, in_dialog("BYE", 11, ""), 200),
        (9, in_dialog("INFO", 12, ""), 481),
    ] {
        call.handle(Input::Request(TransactionId(id), &message));
        assert_eq!(
            statuses(&outputs(&mut call)),
            vec![(id, status)],
            "{}",
            message.method
        );
    }
    assert!(!call.is_alive());
}

#[test]
fn an_invite_that_cannot_be_served_is_refused_before_it_is_a_call() {
    let status = |r: &Request| incoming(r).unwrap_err().status_code.code();
    assert_eq!(status(&request("INVITE", 1, "", "Require: 100rel\r\n", SDP)), 420);
    assert_eq!(
        status(&request("INVITE", 1, "", "Content-Type: text/html\r\n", "x")),
        415
    );
    assert_eq!(status(&request("INVITE", 1, "", "", "garbage")), 400);
    assert_eq!(
        status(&request("INVITE", 1, "", "", &SDP.replace("AVP 0", "AVP 9"))),
        488
    );
    let refused = incoming(&request("INVITE", 1, "", "", &SDP.replace("AVP 0", "AVP 9"))).unwrap_err();
    assert!(
        header::value(&refused.headers, "Warning")
            .unwrap()
            .contains("offered G722/8000; allowed PCMU")
    );
}
