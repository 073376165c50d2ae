//! CANCEL in both directions.

use super::*;
use omnigate_sip::transaction::Failure;

fn cancel(branch: &str) -> String {
    request(
        "CANCEL",
        "sip:called@192.0.2.2",
        branch,
        "",
        1,
        "Reason: SIP;cause=200\r\n",
        "",
    )
}

fn why() -> Headers {
    let mut headers = Headers::default();
    headers.push(Name::Reason, "SIP;cause=200");
    headers
}

#[test]
fn ours_waits_for_the_first_response_and_is_repeated_until_its_answer() {
    let mut layer = Layer::udp();
    let (id, invite) = layer.send(Method::Invite);
    layer.cancel(id, why());
    layer.pass(0.5);
    assert_eq!(layer.lines(), ["0.5 INVITE"]);
    layer.respond(&invite, 100);
    assert_eq!(layer.status(id), 100);
    let cancel = layer.next_request();
    assert_eq!((&cancel.method, &cancel.uri), (&Method::Cancel, &invite.uri));
    for name in [Name::Via, Name::Route, Name::From, Name::To, Name::CallId] {
        assert_eq!(cancel.headers.get(name), invite.headers.get(name));
    }
    assert_eq!(cancel.headers.get(Name::CSeq), Some("1 CANCEL"));
    assert_eq!(cancel.headers.get(Name::Reason), Some("SIP;cause=200"));
    layer.pass(3.5);
    assert_eq!(layer.lines(), ["1.0 CANCEL", "2.0 CANCEL", "4.0 CANCEL"]);
    layer.respond(&cancel, 200);
    layer.pass(10.0);
    layer.silent();
    layer.respond(&invite, 487);
    assert_eq!(layer.status(id), 487);
    assert_eq!(layer.lines(), ["14.0 ACK"]);
    layer.pass(32.0);
    // Of the CANCEL nothing is told.
    layer.told(Event::ClientGone(id));
    layer.over();
}

#[test]
fn ours_goes_at_once_while_it_rings_and_only_once() {
    for mut layer in [Layer::udp(), Layer::tcp()] {
        let (id, invite) = layer.send(Method::Invite);
        layer.respond(&invite, 180);
        assert_eq!(layer.status(id), 180);
        layer.cancel(id, Headers::default());
        layer.cancel(id, Headers::default());
        assert_eq!(layer.lines(), ["0.0 CANCEL"]);
        layer.respond(&invite, 180);
        assert_eq!(layer.status(id), 180);
        layer.silent();
        layer.respond(&invite, 487);
        assert_eq!(layer.status(id), 487);
        layer.pass(70.0);
        layer.events.clear();
        layer.lines();
        layer.over();
    }
}

#[test]
fn after_ours_a_final_response_comes_within_64_t1_or_none() {
    for late_180 in [false, true] {
        let mut layer = Layer::udp();
        let (id, invite) = layer.send(Method::Invite);
        layer.respond(&invite, 180);
        assert_eq!(layer.status(id), 180);
        layer.pass(100.0);
        layer.cancel(id, Headers::default());
        let cancel = layer.next_request();
        layer.respond(&cancel, 200);
        if late_180 {
            // It does not make the INVITE wait for ever again.
            layer.pass(10.0);
            layer.respond(&invite, 180);
            assert_eq!(layer.status(id), 180);
        }
        let left = if late_180 { 21.9 } else { 31.9 };
        layer.pass(left);
        layer.silent();
        layer.pass(0.1);
        layer.told(Event::ClientFailed(id, Failure::Timeout));
        layer.over();
    }
}

#[test]
fn ours_is_not_sent_when_the_first_response_is_final() {
    for status in [200, 486] {
        let mut layer = Layer::udp();
        let (id, invite) = layer.send(Method::Invite);
        layer.cancel(id, Headers::default());
        layer.respond(&invite, status);
        assert_eq!(layer.status(id), status);
        layer.cancel(id, Headers::default());
        let acks = usize::from(status == 486);
        let lines = layer.lines();
        assert_eq!(lines.len(), acks, "{lines:?}");
        layer.pass(32.0);
        layer.told(Event::ClientGone(id));
        layer.over();
    }
}

#[test]
fn ours_without_any_response_ends_with_the_invite() {
    let mut layer = Layer::udp();
    let (id, _) = layer.send(Method::Invite);
    layer.cancel(id, Headers::default());
    layer.pass(32.0);
    layer.told(Event::ClientFailed(id, Failure::Timeout));
    assert!(layer.lines().iter().all(|l| l.ends_with("INVITE")));
    layer.over();
}

#[test]
fn a_200_that_crosses_ours_is_handed_on() {
    let mut layer = Layer::udp();
    let (id, invite) = layer.send(Method::Invite);
    layer.respond(&invite, 180);
    assert_eq!(layer.status(id), 180);
    layer.cancel(id, Headers::default());
    let cancel = layer.next_request();
    layer.respond(&invite, 200);
    assert_eq!(layer.status(id), 200);
    layer.respond(&cancel, 481);
    layer.pass(31.9);
    layer.respond(&invite, 200);
    assert_eq!(layer.status(id), 200);
    layer.pass(0.1);
    layer.told(Event::ClientGone(id));
    layer.over();
}

#[test]
fn only_an_invite_can_be_cancelled() {
    let mut layer = Layer::udp();
    let (id, options) = layer.send(Method::Options);
    layer.respond(&options, 100);
    assert_eq!(layer.status(id), 100);
    layer.cancel(id, Headers::default());
    layer.silent();
    layer.respond(&options, 200);
    assert_eq!(layer.status(id), 200);
    layer.pass(5.0);
    layer.told(Event::ClientGone(id));
    layer.cancel(id, Headers::default());
    layer.over();
}

#[test]
fn the_answer_to_ours_finds_it_after_the_invite_is_gone() {
    // On a stream the INVITE is gone with its final response, and the answer to the CANCEL may come behind it.
    let mut layer = Layer::tcp();
    let (id, invite) = layer.send(Method::Invite);
    layer.respond(&invite, 180);
    assert_eq!(layer.status(id), 180);
    layer.cancel(id, Headers::default());
    let cancel = layer.next_request();
    layer.respond(&invite, 487);
    assert_eq!(layer.status(id), 487);
    layer.lines();
    layer.pass(0.0);
    layer.told(Event::ClientGone(id));
    layer.respond(&cancel, 200);
    layer.pass(0.0);
    layer.over();
}

#[test]
fn ours_is_not_taken_for_another_request() {
    let mut layer = Layer::udp();
    let (first, invite) = layer.send(Method::Invite);
    let (second, other) = layer.send(Method::Invite);
    for (id, invite) in [(first, &invite), (second, &other)] {
        layer.respond(invite, 180);
        assert_eq!(layer.status(id), 180);
        layer.cancel(id, Headers::default());
        let cancel = layer.next_request();
        assert_eq!(cancel.headers.get(Name::Via), invite.headers.get(Name::Via));
        layer.respond(&cancel, 200);
    }
    for (id, invite) in [(second, &other), (first, &invite)] {
        layer.respond(invite, 487);
        assert_eq!(layer.status(id), 487);
    }
    layer.pass(32.0);
    layer.lines();
    assert_eq!(layer.events.len(), 2);
    layer.events.clear();
    layer.over();
}

#[test]
fn ours_that_nobody_answers_or_that_cannot_be_sent_is_no_news() {
    for fails in [false, true] {
        let mut layer = Layer::udp();
        let (id, invite) = layer.send(Method::Invite);
        layer.respond(&invite, 180);
        assert_eq!(layer.status(id), 180);
        layer.cancel(id, Headers::default());
        let (_, transmit) = layer.sent.pop_front().unwrap();
        if fails {
            layer.fail(transmit.origin);
        }
        layer.pass(31.9);
        layer.respond(&invite, 487);
        assert_eq!(layer.status(id), 487);
        layer.pass(32.0);
        layer.told(Event::ClientGone(id));
        layer.lines();
        layer.over();
    }
}

#[test]
fn theirs_gets_its_200_and_ends_what_is_open() {
    for mut layer in [Layer::udp(), Layer::tcp()] {
        let (id, invite) = invited(&mut layer);
        layer.receive(&cancel("1"));
        let ok = layer.next_response();
        assert_eq!(
            (ok.status, ok.headers.get(Name::CSeq)),
            (Status::OK, Some("1 CANCEL"))
        );
        assert_eq!(ok.headers.to_tag(), layer.all.tag(id));
        match layer.events.pop_front() {
            Some(Event::Cancelled(of, headers)) => {
                assert_eq!((of, headers.get(Name::Reason)), (id, Some("SIP;cause=200")));
            }
            other => panic!("cancelled, not {other:?}"),
        }
        // It comes again: its 200 does, its meaning does not.
        layer.receive(&cancel("1"));
        assert_eq!(layer.next_response().status, Status::OK);
        layer.silent();
        assert!(layer.answer(id, &invite, 487));
        layer.receive(&ack("1"));
        layer.pass(32.0);
        layer.lines();
        layer.events.clear();
        layer.over();
    }
}

#[test]
fn theirs_does_nothing_to_what_has_its_final_response() {
    for status in [200, 486] {
        let mut layer = Layer::udp();
        let (id, invite) = invited(&mut layer);
        assert!(layer.answer(id, &invite, status));
        layer.receive(&cancel("1"));
        assert_eq!(layer.lines(), [format!("0.0 {status}"), "0.0 200".into()]);
        layer.silent();
        layer.receive(&ack("1"));
        layer.events.clear();
        layer.pass(32.0);
        layer.lines();
        layer.events.clear();
        layer.over();
    }
}

#[test]
fn theirs_of_nothing_gets_481() {
    let mut layer = Layer::udp();
    let (id, invite) = invited(&mut layer);
    layer.receive(&cancel("2"));
    assert_eq!(layer.next_response().status, Status::CALL_DOES_NOT_EXIST);
    assert!(layer.all.is_open(id));
    // Of another sender it is another transaction.
    layer.receive(&cancel("1").replace("UDP 192.0.2.1:5060", "UDP 192.0.2.9:5060"));
    assert_eq!(layer.next_response().status, Status::CALL_DOES_NOT_EXIST);
    assert!(layer.all.is_open(id));
    layer.silent();
    assert!(layer.answer(id, &invite, 486));
    layer.pass(70.0);
    layer.lines();
    layer.events.clear();
    layer.over();
}

#[test]
fn a_cancel_takes_the_place_of_no_other_transaction() {
    let mut layer = Layer::udp();
    let (before, options) = layer.send(Method::Options);
    let (id, invite) = layer.send(Method::Invite);
    let (after, info) = layer.send(Method::Info);
    layer.respond(&invite, 180);
    assert_eq!(layer.status(id), 180);
    layer.cancel(id, Headers::default());
    layer.respond(&options, 200);
    assert_eq!(layer.status(before), 200);
    layer.respond(&info, 200);
    assert_eq!(layer.status(after), 200);
}
