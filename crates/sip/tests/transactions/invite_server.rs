//! INVITE server transactions: timers G, H, I and L.

use super::*;
use omnigate_sip::transaction::Failure;

#[test]
fn an_invite_that_comes_again_gets_the_last_provisional_response_if_there_is_one() {
    for mut layer in [Layer::udp(), Layer::tcp()] {
        let (id, request) = invited(&mut layer);
        layer.receive(&invite("1", "", ""));
        layer.silent();
        for status in [100, 180, 183] {
            assert!(layer.answer(id, &request, status));
            layer.receive(&invite("1", "", ""));
            assert_eq!(layer.lines(), [format!("0.0 {status}"), format!("0.0 {status}")]);
        }
        // An ACK before there is anything to acknowledge.
        layer.receive(&ack("1"));
        assert!(layer.all.is_open(id));
        // How long it may ring is not for the transaction to say.
        layer.pass(1000.0);
        layer.silent();
        assert_eq!(layer.all.len(), (1, 0));
        assert!(layer.answer(id, &request, 200));
        assert_eq!(layer.lines(), ["1000.0 200"]);
        layer.pass(32.0);
        layer.told(Event::ServerGone(id));
        layer.over();
    }
}

#[test]
fn timer_g_repeats_a_refusal_until_timer_h_gives_up() {
    let mut layer = Layer::udp();
    let (id, request) = invited(&mut layer);
    assert!(layer.answer(id, &request, 486));
    layer.pass(31.9);
    let at = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];
    assert_eq!(layer.lines(), at.map(|at| format!("{at:.1} 486")));
    layer.silent();
    layer.pass(0.1);
    layer.told(Event::ServerFailed(id, Failure::Timeout));
    layer.over();
}

#[test]
fn a_stream_needs_no_timer_g_and_has_a_timer_h() {
    let mut layer = Layer::tcp();
    let (id, request) = invited(&mut layer);
    assert!(layer.answer(id, &request, 486));
    layer.pass(31.9);
    assert_eq!(layer.lines(), ["0.0 486"]);
    layer.silent();
    layer.pass(0.1);
    layer.told(Event::ServerFailed(id, Failure::Timeout));
    layer.over();
}

#[test]
fn an_invite_that_comes_again_gets_its_refusal_again_until_the_ack() {
    let mut layer = Layer::udp();
    let (id, request) = invited(&mut layer);
    assert!(layer.answer(id, &request, 486));
    layer.receive(&invite("1", "", ""));
    assert_eq!(layer.lines(), ["0.0 486", "0.0 486"]);
    for status in [180, 200, 486] {
        assert!(!layer.answer(id, &request, status), "{status} after a refusal");
    }
    layer.pass(0.2);
    layer.receive(&ack("1"));
    // Confirmed: timer G is over, and whatever comes is absorbed.
    layer.pass(4.9);
    layer.receive(&invite("1", "", ""));
    layer.receive(&ack("1"));
    assert!(!layer.answer(id, &request, 200));
    layer.silent();
    assert_eq!(layer.all.len(), (1, 0));
    layer.pass(0.1);
    layer.told(Event::ServerGone(id));
    layer.over();
}

#[test]
fn a_second_ack_does_not_lengthen_timer_i() {
    let mut layer = Layer::udp();
    let (id, request) = invited(&mut layer);
    assert!(layer.answer(id, &request, 603));
    layer.receive(&ack("1"));
    layer.lines();
    layer.pass(3.0);
    layer.receive(&ack("1"));
    layer.pass(2.0);
    layer.told(Event::ServerGone(id));
    layer.over();
}

#[test]
fn on_a_stream_timer_i_is_zero() {
    let mut layer = Layer::tcp();
    let (id, request) = invited(&mut layer);
    assert!(layer.answer(id, &request, 486));
    layer.receive(&ack("1"));
    layer.lines();
    layer.pass(0.0);
    layer.told(Event::ServerGone(id));
    layer.over();
}

#[test]
fn a_2xx_is_the_dialogs_and_its_transaction_absorbs_the_invite_until_timer_l() {
    for mut layer in [Layer::udp(), Layer::tcp()] {
        let (id, request) = invited(&mut layer);
        assert!(layer.answer(id, &request, 200));
        layer.receive(&invite("1", "", ""));
        layer.pass(20.0);
        assert_eq!(layer.lines(), ["0.0 200"]);
        assert!(!layer.answer(id, &request, 180));
        assert!(!layer.answer(id, &request, 486));
        // The dialog may send it again, which does not lengthen timer L.
        assert!(layer.answer(id, &request, 200));
        layer.all.repeat(id, b"SIP/2.0 200 again".as_slice().into());
        layer.settle();
        assert_eq!(layer.lines(), ["20.0 200", "20.0 200"]);
        // An ACK with the branch of the INVITE, as some send, is the dialog's as well.
        layer.receive(&ack("1"));
        assert!(matches!(layer.events.pop_front(), Some(Event::Ack(..))));
        layer.pass(11.9);
        layer.silent();
        layer.pass(0.1);
        layer.told(Event::ServerGone(id));
        layer.all.repeat(id, b"SIP/2.0 200 again".as_slice().into());
        layer.settle();
        assert!(!layer.answer(id, &request, 200));
        layer.over();
    }
}

#[test]
fn a_response_that_cannot_be_sent_ends_its_transaction() {
    for status in [180, 200, 486] {
        let mut layer = Layer::udp();
        let (id, request) = invited(&mut layer);
        assert!(layer.answer(id, &request, status));
        layer.lines();
        layer.fail(Origin::Server(id));
        layer.told(Event::ServerFailed(id, Failure::Transport));
        layer.fail(Origin::Server(id));
        layer.over();
    }
}
