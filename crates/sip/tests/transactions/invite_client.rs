//! INVITE client transactions: timers A, B, D and M.

use super::*;
use omnigate_sip::transaction::Failure;

#[test]
fn timer_a_doubles_until_timer_b_gives_up() {
    let mut layer = Layer::udp();
    let (id, _) = layer.send(Method::Invite);
    layer.pass(31.9);
    let repeated = [
        "0.5 INVITE",
        "1.5 INVITE",
        "3.5 INVITE",
        "7.5 INVITE",
        "15.5 INVITE",
        "31.5 INVITE",
    ];
    assert_eq!(layer.lines(), repeated);
    layer.silent();
    layer.pass(0.1);
    layer.told(Event::ClientFailed(id, Failure::Timeout));
    layer.over();
}

#[test]
fn a_stream_needs_no_timer_a_and_has_a_timer_b() {
    let mut layer = Layer::tcp();
    let (id, _) = layer.send(Method::Invite);
    layer.pass(31.9);
    layer.silent();
    layer.pass(0.1);
    layer.told(Event::ClientFailed(id, Failure::Timeout));
    layer.over();
}

#[test]
fn a_provisional_response_ends_timers_a_and_b() {
    for mut layer in [Layer::udp(), Layer::tcp()] {
        let (id, invite) = layer.send(Method::Invite);
        layer.respond(&invite, 100);
        assert_eq!(layer.status(id), 100);
        layer.pass(1000.0);
        layer.silent();
        for status in [180, 180, 183] {
            layer.respond(&invite, status);
            assert_eq!(layer.status(id), status);
        }
        layer.respond(&invite, 486);
        assert_eq!(layer.status(id), 486);
        assert_eq!(layer.next_request().method, Method::Ack);
        layer.pass(32.0);
        layer.told(Event::ClientGone(id));
        layer.over();
    }
}

#[test]
fn a_refusal_is_acknowledged_each_time_it_comes_until_timer_d() {
    let mut layer = Layer::udp();
    let (id, invite) = layer.send(Method::Invite);
    layer.respond(&invite, 503);
    assert_eq!(layer.status(id), 503);
    let ack = layer.next_request();
    assert_eq!((ack.method, ack.uri), (Method::Ack, invite.uri.clone()));
    assert_eq!(ack.headers.get(Name::Via), invite.headers.get(Name::Via));
    assert_eq!(ack.headers.get(Name::Route), Some("<sip:192.0.2.1;lr>"));
    assert_eq!(ack.headers.get(Name::CSeq), Some("1 ACK"));
    assert_eq!(ack.headers.to_tag(), Some("theirs"));
    layer.pass(31.0);
    for status in [503, 486] {
        layer.respond(&invite, status);
        assert_eq!(layer.lines(), ["31.0 ACK"]);
    }
    // What a transaction that is completed cannot mean any more.
    layer.respond(&invite, 180);
    layer.respond(&invite, 200);
    layer.silent();
    layer.pass(1.0);
    layer.told(Event::ClientGone(id));
    layer.respond(&invite, 503);
    layer.over();
}

#[test]
fn on_a_stream_timer_d_is_zero() {
    let mut layer = Layer::tcp();
    let (id, invite) = layer.send(Method::Invite);
    layer.respond(&invite, 486);
    assert_eq!(layer.status(id), 486);
    assert_eq!(layer.lines(), ["0.0 ACK"]);
    layer.pass(0.0);
    layer.told(Event::ClientGone(id));
    layer.over();
}

#[test]
fn every_2xx_until_timer_m_is_handed_on_and_nothing_else() {
    for mut layer in [Layer::udp(), Layer::tcp()] {
        let (id, invite) = layer.send(Method::Invite);
        layer.respond(&invite, 200);
        assert_eq!(layer.status(id), 200);
        layer.pass(31.9);
        layer.respond(&invite, 200);
        assert_eq!(layer.status(id), 200);
        layer.receive(&respond(&invite, 202, "another fork", "", ""));
        assert_eq!(layer.status(id), 202);
        for status in [180, 486, 603] {
            layer.respond(&invite, status);
        }
        layer.silent();
        layer.pass(0.1);
        layer.told(Event::ClientGone(id));
        layer.respond(&invite, 200);
        layer.over();
    }
}

#[test]
fn an_invite_that_cannot_be_sent_fails_at_once() {
    for ringing in [false, true] {
        let mut layer = Layer::udp();
        let (id, invite) = layer.send(Method::Invite);
        if ringing {
            layer.respond(&invite, 180);
            assert_eq!(layer.status(id), 180);
        }
        layer.fail(Origin::Client(id));
        layer.told(Event::ClientFailed(id, Failure::Transport));
        // Of what is gone no news is taken.
        layer.fail(Origin::Client(id));
        layer.over();
    }
}

#[test]
fn an_ack_that_cannot_be_sent_ends_what_has_its_final_response() {
    for status in [200, 486] {
        let mut layer = Layer::udp();
        let (id, invite) = layer.send(Method::Invite);
        layer.respond(&invite, status);
        assert_eq!(layer.status(id), status);
        layer.lines();
        layer.fail(Origin::Client(id));
        layer.told(Event::ClientGone(id));
        layer.over();
    }
}
