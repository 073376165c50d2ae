//! Which message is whose.

use super::*;

/// Lets everything end that is there, whatever it says.
#[track_caller]
fn ends(layer: &mut Layer) {
    layer.pass(70.0);
    layer.lines();
    layer.events.clear();
    layer.over();
}

#[test]
fn a_request_that_came_by_two_ways_is_looped_once_and_stays_so() {
    let mut layer = Layer::udp();
    let (first, request_1) = invited(&mut layer);
    for _ in 0..2 {
        layer.receive(&invite("2", "", ""));
        assert_eq!(layer.next_response().status, Status::LOOP_DETECTED);
        layer.silent();
    }
    layer.receive(&ack("2"));
    layer.pass(5.0);
    assert!(matches!(layer.events.pop_front(), Some(Event::ServerGone(id)) if id != first));
    // The end of the second is not the end of the first.
    layer.receive(&invite("3", "", ""));
    assert_eq!(layer.next_response().status, Status::LOOP_DETECTED);
    // Another number, method, tag or call is another request.
    for other in [
        invite("4", "", "").replace("CSeq: 1 ", "CSeq: 2 "),
        invite("5", "", "").replace("tag=from1", "tag=from2"),
        invite("6", "", "").replace("call1", "call2"),
        request("OPTIONS", "sip:called@192.0.2.2", "7", "", 1, "", ""),
    ] {
        layer.receive(&other);
        let (id, request) = layer.request();
        assert!(layer.answer(id, &request, 486));
    }
    assert!(layer.answer(first, &request_1, 486));
    ends(&mut layer);
}

#[test]
fn a_refused_request_may_come_by_another_way() {
    let mut layer = Layer::udp();
    let (id, request) = invited(&mut layer);
    assert!(layer.answer(id, &request, 503));
    layer.lines();
    layer.receive(&invite("2", "", ""));
    let (second, request) = layer.request();
    // The end of the first does not take the key of the second with it.
    layer.receive(&ack("1"));
    layer.pass(5.0);
    layer.told(Event::ServerGone(id));
    layer.receive(&invite("3", "", ""));
    assert_eq!(layer.next_response().status, Status::LOOP_DETECTED);
    assert!(layer.answer(second, &request, 486));
    ends(&mut layer);
}

#[test]
fn a_request_that_was_answered_is_looped_until_its_transaction_is_gone() {
    let mut layer = Layer::udp();
    let (id, request) = invited(&mut layer);
    assert!(layer.answer(id, &request, 200));
    layer.lines();
    layer.pass(31.0);
    layer.receive(&invite("2", "", ""));
    assert_eq!(layer.next_response().status, Status::LOOP_DETECTED);
    layer.receive(&ack("2"));
    layer.pass(1.0);
    layer.told(Event::ServerGone(id));
    layer.receive(&invite("3", "", ""));
    let (third, request) = layer.request();
    assert!(layer.answer(third, &request, 486));
    ends(&mut layer);
}

#[test]
fn a_request_of_a_dialog_is_never_merged() {
    let mut layer = Layer::udp();
    for branch in ["1", "2"] {
        layer.receive(&request("INFO", "sip:a@b", branch, "ours", 2, "", ""));
        let (id, request) = layer.request();
        assert!(layer.answer(id, &request, 200));
    }
    ends(&mut layer);
}

#[test]
fn one_branch_from_two_senders_is_two_transactions() {
    let mut layer = Layer::udp();
    for via in ["192.0.2.1:5060", "192.0.2.1:5070", "192.0.2.9", "host.example"] {
        layer.receive(
            &invite("1", "", "")
                .replace("UDP 192.0.2.1:5060", &format!("UDP {via}"))
                .replace("call1", via),
        );
        let (id, request) = layer.request();
        assert!(layer.answer(id, &request, 486));
    }
    ends(&mut layer);
}

#[test]
fn an_ack_with_its_own_branch_is_that_of_a_2xx() {
    let mut layer = Layer::udp();
    let (id, request) = invited(&mut layer);
    assert!(layer.answer(id, &request, 200));
    layer.lines();
    for _ in 0..2 {
        layer.receive(&ack("another"));
        assert!(matches!(layer.events.pop_front(), Some(Event::Ack(..))));
    }
    // It makes no transaction.
    assert_eq!(layer.all.len(), (1, 0));
    layer.pass(32.0);
    layer.told(Event::ServerGone(id));
    layer.over();
}

#[test]
fn an_ack_with_its_own_branch_does_not_end_a_refusal() {
    let mut layer = Layer::udp();
    let (id, request) = invited(&mut layer);
    assert!(layer.answer(id, &request, 486));
    layer.receive(&ack("another"));
    assert!(matches!(layer.events.pop_front(), Some(Event::Ack(..))));
    layer.pass(0.5);
    assert_eq!(layer.lines(), ["0.0 486", "0.5 486"]);
    ends(&mut layer);
}

/// As peers of RFC 2543 write it: the branch names nothing.
fn old(text: &str) -> String {
    text.replace(";branch=z9hG4bK1", "")
        .replace(";branch=z9hG4bK2", ";branch=1")
}

#[test]
fn a_peer_without_the_cookie_is_known_by_everything_else() {
    let mut layer = Layer::udp();
    layer.receive(&old(&invite("1", "", "")));
    let (id, request) = layer.request();
    layer.receive(&old(&invite("1", "", "")));
    layer.silent();
    assert!(layer.answer(id, &request, 180));
    layer.receive(&old(&invite("1", "", "")));
    assert_eq!(layer.lines(), ["0.0 180", "0.0 180"]);
    assert!(layer.answer(id, &request, 486));
    layer.receive(&old(&invite("1", "", "")));
    assert_eq!(layer.lines(), ["0.0 486", "0.0 486"]);
    // Its ACK has our To tag, which the INVITE had not.
    layer.receive(&old(&ack("1")));
    layer.pass(5.0);
    layer.told(Event::ServerGone(id));
    layer.over();
}

#[test]
fn a_peer_without_the_cookie_cancels_and_begins_anew() {
    let mut layer = Layer::udp();
    layer.receive(&old(&invite("1", "", "")));
    let (id, invite_1) = layer.request();
    let cancel = super::request("CANCEL", "sip:called@192.0.2.2", "1", "", 1, "", "");
    layer.receive(&old(&cancel));
    assert_eq!(layer.next_response().status, Status::OK);
    assert!(matches!(layer.events.pop_front(), Some(Event::Cancelled(i, _)) if i == id));
    assert!(layer.answer(id, &invite_1, 487));
    // With the next number it is another request.
    layer.receive(&old(&invite("1", "", "")).replace("CSeq: 1 ", "CSeq: 2 "));
    let (id, request) = layer.request();
    assert!(layer.answer(id, &request, 486));
    // So it is by another branch, be it without the cookie.
    layer.receive(&old(&invite("2", "", "")).replace("CSeq: 1 ", "CSeq: 2 "));
    let (id, request) = layer.request();
    assert!(layer.answer(id, &request, 486));
    ends(&mut layer);
}

#[test]
fn a_response_belongs_to_the_request_with_its_branch_and_method() {
    let mut layer = Layer::udp();
    let (id, options) = layer.send(Method::Options);
    let ok = respond(&options, 200, "theirs", "", "");
    let branch = options.headers.via().unwrap().branch().unwrap().to_owned();
    let (random, number) = branch.rsplit_once('.').unwrap();
    for forged in [
        ok.replace(&branch, "z9hG4bK1"),
        ok.replace(&branch, number),
        ok.replace(&branch, &format!("z9hG4bK0000000000000000.{number}")),
        ok.replace(&branch, &format!("{random}.ff")),
        ok.replace(&branch, &format!("{random}.")),
        ok.replace(&branch, &branch.to_uppercase()),
        ok.replace(&format!(";branch={branch}"), ""),
        ok.replace("CSeq: 1 OPTIONS", "CSeq: 1 INVITE"),
        ok.replace("CSeq: 1 OPTIONS", "CSeq: 1 CANCEL"),
    ] {
        assert_ne!(forged, ok);
        layer.receive(&forged);
        layer.silent();
    }
    // What else it says is not looked at (RFC 3261 section 17.1.3).
    layer.receive(&ok.replace("call1", "other").replace("from1", "other"));
    assert_eq!(layer.status(id), 200);
    layer.pass(5.0);
    layer.told(Event::ClientGone(id));
    layer.over();
}

#[test]
fn two_requests_never_have_one_branch() {
    let mut layer = Layer::udp();
    let branches: Vec<String> = (0..100)
        .map(|_| {
            layer
                .send(Method::Options)
                .1
                .headers
                .via()
                .unwrap()
                .branch()
                .unwrap()
                .to_owned()
        })
        .collect();
    let distinct: std::collections::HashSet<&str> = branches.iter().map(|b| &b[..23]).collect();
    assert_eq!(distinct.len(), 100, "their random parts differ");
    assert!(branches.iter().all(|b| b.starts_with("z9hG4bK")));
    ends(&mut layer);
}

#[test]
fn the_cookie_alone_or_none_does_not_make_a_branch_that_names_its_transaction() {
    for branch in ["z9hG4bK", "abcdefghijklm", "Z9HG4BKabcdef"] {
        let mut layer = Layer::udp();
        for call in ["call1", "call2"] {
            let text = invite("1", "", "").replace("z9hG4bK1", branch);
            layer.receive(&text.replace("call1", call));
            let (id, request) = layer.request();
            assert!(layer.answer(id, &request, 486));
        }
        ends(&mut layer);
    }
}

#[test]
fn a_branch_with_the_cookie_is_enough_whatever_else_the_ack_says() {
    let mut layer = Layer::udp();
    let (id, request) = invited(&mut layer);
    assert!(layer.answer(id, &request, 486));
    let other = super::request("ACK", "sip:elsewhere@example.com", "1", "ours", 1, "", "");
    layer.receive(&other.replace("tag=from1", "tag=from2"));
    layer.pass(5.0);
    assert_eq!(layer.lines(), ["0.0 486"]);
    layer.told(Event::ServerGone(id));
    layer.over();
}

#[test]
fn each_request_without_a_to_tag_gets_a_tag_of_its_own() {
    let mut layer = Layer::udp();
    let mut tags = Vec::new();
    for branch in ["1", "2"] {
        layer.receive(&invite(branch, "", "").replace("call1", branch));
        let (id, request) = layer.request();
        tags.push(layer.all.tag(id).unwrap().to_owned());
        assert!(layer.answer(id, &request, 486));
        assert_eq!(layer.next_response().headers.to_tag(), layer.all.tag(id));
    }
    assert!(
        tags[0] != tags[1] && tags.iter().all(|t| t.len() == 16),
        "{tags:?}"
    );
    layer.receive(&super::request("INFO", "sip:a@b", "3", "named", 2, "", ""));
    let (id, request) = layer.request();
    assert_eq!(layer.all.tag(id), Some("named"));
    assert!(layer.answer(id, &request, 200));
    assert!(!layer.all.is_empty());
    ends(&mut layer);
}
