//! Streams cut into messages, however they arrive and whoever wants them to be cut elsewhere.

use omnigate_sip::framing::{Frame, Framer};
use omnigate_sip::message::limits::{MAX_HEAD, MAX_MESSAGE};
use omnigate_sip::message::{Fault, Message, Unreadable, parse};
use proptest::prelude::*;

const HEAD: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n";

fn message(more: &str, body: &str) -> String {
    format!("{HEAD}{more}\r\n{body}")
}

fn feed(framer: &mut Framer, bytes: &[u8]) -> (Vec<Frame>, Option<Unreadable>) {
    let mut out = Vec::new();
    let error = framer.feed(bytes, &mut out).err();
    (out, error)
}

fn fault(text: &str) -> Fault {
    match feed(&mut Framer::default(), text.as_bytes()) {
        (out, Some(e)) if out.is_empty() => e.fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn messages_are_found_however_the_bytes_arrive() {
    let first = message("Content-Length : 5\r\n", "hello");
    let second = message("l:\r\n 0\r\n", "");
    let text = format!("\r\n{first}\r\n\r\n{second}\r\n");
    for step in [1, 2, 3, 7, 1000] {
        let mut framer = Framer::default();
        let mut found = Vec::new();
        for chunk in text.as_bytes().chunks(step) {
            assert_eq!(framer.feed(chunk, &mut found), Ok(()));
        }
        let wanted = [
            Frame::Message(first.clone().into()),
            Frame::Ping,
            Frame::Message(second.clone().into()),
        ];
        assert_eq!(found, wanted, "step {step}");
    }
}

#[test]
fn a_ping_is_a_double_crlf_and_its_answer_a_single_one() {
    let mut framer = Framer::default();
    assert_eq!(feed(&mut framer, b"\r\n").0, []);
    assert_eq!(feed(&mut framer, b"\r").0, []);
    assert_eq!(feed(&mut framer, b"\n").0, [Frame::Ping]);
    framer.ping_sent();
    assert!(framer.awaits_pong());
    assert_eq!(feed(&mut framer, b"\r").0, []);
    assert_eq!(feed(&mut framer, b"\n").0, [Frame::Pong]);
    assert!(!framer.awaits_pong());
}

#[test]
fn crlfs_within_a_body_are_no_ping() {
    let text = message("Content-Length: 6\r\n", "\r\n\r\n\r\n");
    assert_eq!(
        feed(&mut Framer::default(), text.as_bytes()).0,
        [Frame::Message(text.into())]
    );
}

#[test]
fn a_length_that_can_be_read_in_two_ways_ends_the_stream() {
    let smuggled = "OPTIONS sip:x SIP/2.0\r\n\r\n";
    let length = |more: &str| fault(&message(more, smuggled));
    let twice = Fault::Twice("Content-Length");
    let malformed = Fault::Malformed("Content-Length");
    assert_eq!(length(""), Fault::Length);
    assert_eq!(length("Content-Length: 5\r\nContent-Length: 0\r\n"), twice);
    assert_eq!(length("Content-Length: 5\r\nl: 5\r\n"), twice);
    assert_eq!(length("L : 5\r\ncontent-length\t: 0\r\n"), twice);
    for value in ["", "-5", "+5", "5, 5", "5;x", "0x5", "five", "1\r\n 0", "5\u{a0}"] {
        assert_eq!(
            length(&format!("Content-Length: {value}\r\n")),
            malformed,
            "{value}"
        );
    }
    for value in ["65536", "18446744073709551615", "99999999999999999999999"] {
        assert_eq!(length(&format!("l: {value}\r\n")), Fault::Message, "{value}");
    }
    // Whoever does not take LF for a line end sees another Content-Length, or none.
    assert_eq!(length("X: a\nContent-Length: 0\r\n"), Fault::Control);
    assert_eq!(
        fault(&message("l: 0\r\n", "").replace("\r\n", "\n")),
        Fault::Control
    );
}

#[test]
fn what_lost_its_boundaries_is_dead_but_its_request_can_be_answered() {
    let mut framer = Framer::default();
    let whole = message("l: 0\r\n", "");
    let (out, error) = feed(&mut framer, format!("{whole}{}", message("", "")).as_bytes());
    assert_eq!(out, [Frame::Message(whole.clone().into())]);
    let request = error.unwrap().request.unwrap();
    assert_eq!(request.headers.call_id(), "1");
    let (out, error) = feed(&mut framer, whole.as_bytes());
    assert_eq!((out, error), (vec![], Some(Fault::Length.into())));
    // An ACK is not answered, nor is a response.
    let ack = message("", "").replace("OPTIONS", "ACK");
    assert_eq!(
        feed(&mut Framer::default(), ack.as_bytes()).1,
        Some(Fault::Length.into())
    );
    let response = message("", "").replace("OPTIONS sip:a@b SIP/2.0", "SIP/2.0 200 OK");
    assert_eq!(
        feed(&mut Framer::default(), response.as_bytes()).1,
        Some(Fault::Length.into())
    );
}

#[test]
fn a_message_with_another_fault_leaves_the_stream_alive() {
    let bad = message("Max-Forwards: 300\r\nl: 0\r\n", "");
    let good = message("l: 0\r\n", "");
    let (out, error) = feed(&mut Framer::default(), format!("{bad}{good}").as_bytes());
    assert_eq!((out.len(), error), (2, None));
}

#[test]
fn a_peer_that_never_ends_is_cut_off() {
    assert_eq!(fault(&"a".repeat(MAX_HEAD + 1)), Fault::Head);
    let endless = message("", "").trim_end().to_owned() + &"\r\nX-A: b".repeat(MAX_HEAD / 8);
    let (_, error) = feed(&mut Framer::default(), endless.as_bytes());
    let error = error.unwrap();
    assert_eq!(error.fault, Fault::Head);
    assert!(error.request.is_some());
    let rest = MAX_HEAD - message("l: 0\r\n", "").len() - 4 * "X-A: \r\n".len();
    let fields: String = (0..4)
        .map(|i| format!("X-A: {}\r\n", "b".repeat(rest / 4 + usize::from(i < rest % 4))))
        .collect();
    let text = message(&format!("{fields}l: 0\r\n"), "");
    assert_eq!(text.len(), MAX_HEAD);
    let (out, error) = feed(&mut Framer::default(), text.as_bytes());
    assert_eq!((out.len(), error), (1, None));
    let largest = MAX_MESSAGE - HEAD.len() - "l: 65xxx\r\n\r\n".len();
    let text = message(&format!("l: {largest}\r\n"), &"b".repeat(largest));
    assert_eq!(text.len(), MAX_MESSAGE);
    let (out, error) = feed(&mut Framer::default(), text.repeat(3).as_bytes());
    assert_eq!((out.len(), error), (3, None));
}

proptest! {
    #[test]
    fn frames_do_not_depend_on_pieces_and_the_parser_agrees_about_bodies(
        parts in prop::collection::vec(prop::sample::select(vec![
            "OPTIONS sip:a@b SIP/2.0\r\n", "\r\n", "Content-Length: 3\r\n", "l: 0\r\n", "l :\r\n 2\r\n", "X-A: b\r\n", " c\r\n",
            "Via: SIP/2.0/TCP a\r\n", "abc", "\n", "\r", ":", HEAD, "l: 1\r\n\r\n",
        ]), 0..20),
        cuts in prop::collection::vec(1_usize..40, 1..20),
    ) {
        let text = parts.concat();
        let (whole, error) = feed(&mut Framer::default(), text.as_bytes());
        let mut framer = Framer::default();
        let mut found = Vec::new();
        let mut again = None;
        let mut rest = text.as_bytes();
        for cut in cuts.iter().cycle() {
            let (piece, more) = rest.split_at(rest.len().min(*cut));
            rest = more;
            again = framer.feed(piece, &mut found).err();
            if rest.is_empty() || again.is_some() {
                break;
            }
        }
        prop_assert_eq!(&found, &whole);
        prop_assert_eq!(again.map(|e| e.fault), error.map(|e| e.fault));
        for frame in whole {
            let Frame::Message(bytes) = frame else { continue };
            if let Ok(Message::Request(request)) = parse(&bytes) {
                prop_assert!(bytes.ends_with(&request.body));
                let head = bytes.len() - request.body.len();
                prop_assert!(bytes[..head].ends_with(b"\r\n\r\n"));
            }
        }
    }

    #[test]
    fn no_bytes_make_the_framer_panic(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..20)) {
        let mut framer = Framer::default();
        let mut out = Vec::new();
        for chunk in chunks {
            let _ = framer.feed(&chunk, &mut out);
        }
    }
}
