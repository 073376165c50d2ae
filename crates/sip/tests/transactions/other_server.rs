//! Other server transactions: timer J, and the end of what nobody answers.

use super::*;
use omnigate_sip::transaction::Failure;

fn options(branch: &str) -> String {
    request("OPTIONS", "sip:called@192.0.2.2", branch, "", 1, "", "")
}

fn asked(layer: &mut Layer) -> (ServerId, Request) {
    layer.receive(&options("1"));
    layer.request()
}

#[test]
fn what_comes_again_gets_the_last_response_if_there_is_one() {
    for mut layer in [Layer::udp(), Layer::tcp()] {
        let (id, request) = asked(&mut layer);
        layer.receive(&options("1"));
        layer.silent();
        for status in [100, 183, 200] {
            assert!(layer.answer(id, &request, status));
            layer.receive(&options("1"));
            assert_eq!(layer.lines(), [format!("0.0 {status}"), format!("0.0 {status}")]);
        }
        for status in [100, 200, 404] {
            assert!(!layer.answer(id, &request, status));
        }
        layer.pass(32.0);
        layer.told(Event::ServerGone(id));
        layer.over();
    }
}

#[test]
fn timer_j_keeps_the_final_response_for_64_t1() {
    for status in [200, 404] {
        let mut layer = Layer::udp();
        let (id, request) = asked(&mut layer);
        layer.pass(10.0);
        assert!(layer.answer(id, &request, status));
        layer.pass(31.9);
        layer.receive(&options("1"));
        assert_eq!(
            layer.lines(),
            [format!("10.0 {status}"), format!("41.9 {status}")]
        );
        layer.silent();
        layer.pass(0.1);
        layer.told(Event::ServerGone(id));
        layer.over();
    }
}

#[test]
fn on_a_stream_timer_j_is_zero() {
    let mut layer = Layer::tcp();
    let (id, request) = asked(&mut layer);
    assert!(layer.answer(id, &request, 200));
    layer.lines();
    layer.pass(0.0);
    layer.told(Event::ServerGone(id));
    layer.over();
}

#[test]
fn a_request_that_nobody_answers_is_forgotten_when_its_sender_has_given_up() {
    for (mut layer, provisional) in [
        (Layer::udp(), false),
        (Layer::udp(), true),
        (Layer::tcp(), false),
        (Layer::tcp(), true),
    ] {
        let (id, request) = asked(&mut layer);
        if provisional {
            assert!(layer.answer(id, &request, 100));
            layer.lines();
        }
        layer.pass(31.9);
        layer.silent();
        assert_eq!(layer.all.len(), (1, 0));
        layer.pass(0.1);
        layer.told(Event::ServerGone(id));
        assert!(!layer.answer(id, &request, 200));
        layer.over();
    }
}

#[test]
fn a_response_that_cannot_be_sent_ends_its_transaction() {
    let mut layer = Layer::udp();
    let (id, request) = asked(&mut layer);
    assert!(layer.answer(id, &request, 200));
    layer.lines();
    layer.fail(Origin::Server(id));
    layer.told(Event::ServerFailed(id, Failure::Transport));
    layer.over();
}
