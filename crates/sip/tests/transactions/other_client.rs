//! Other client transactions: timers E, F and K.

use super::*;
use omnigate_sip::transaction::Failure;

#[test]
fn timer_e_doubles_up_to_t2_until_timer_f_gives_up() {
    let mut layer = Layer::udp();
    let (id, _) = layer.send(Method::Options);
    layer.pass(31.9);
    let at = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];
    assert_eq!(layer.lines(), at.map(|at| format!("{at:.1} OPTIONS")));
    layer.silent();
    layer.pass(0.1);
    layer.told(Event::ClientFailed(id, Failure::Timeout));
    layer.over();
}

#[test]
fn a_provisional_response_makes_timer_e_t2_and_leaves_timer_f() {
    let mut layer = Layer::udp();
    let (id, options) = layer.send(Method::Options);
    layer.pass(0.6);
    layer.respond(&options, 100);
    assert_eq!(layer.status(id), 100);
    layer.pass(31.3);
    let at = [0.5, 1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5];
    assert_eq!(layer.lines(), at.map(|at| format!("{at:.1} OPTIONS")));
    layer.silent();
    layer.pass(0.1);
    layer.told(Event::ClientFailed(id, Failure::Timeout));
    layer.over();
}

#[test]
fn a_stream_needs_no_timer_e_and_has_a_timer_f() {
    let mut layer = Layer::tcp();
    let (id, options) = layer.send(Method::Options);
    layer.respond(&options, 100);
    assert_eq!(layer.status(id), 100);
    layer.pass(31.9);
    layer.silent();
    layer.pass(0.1);
    layer.told(Event::ClientFailed(id, Failure::Timeout));
    layer.over();
}

#[test]
fn a_final_response_is_handed_on_once_until_timer_k() {
    for (status, provisional) in [(200, true), (200, false), (404, true), (404, false)] {
        let mut layer = Layer::udp();
        let (id, options) = layer.send(Method::Options);
        if provisional {
            layer.respond(&options, 100);
            assert_eq!(layer.status(id), 100);
        }
        layer.respond(&options, status);
        assert_eq!(layer.status(id), status);
        layer.pass(4.9);
        for again in [100, status, 500] {
            layer.respond(&options, again);
        }
        layer.silent();
        layer.pass(0.1);
        layer.told(Event::ClientGone(id));
        layer.respond(&options, status);
        layer.over();
    }
}

#[test]
fn on_a_stream_timer_k_is_zero() {
    let mut layer = Layer::tcp();
    let (id, options) = layer.send(Method::Options);
    layer.respond(&options, 200);
    assert_eq!(layer.status(id), 200);
    layer.pass(0.0);
    layer.told(Event::ClientGone(id));
    layer.over();
}

#[test]
fn a_request_that_cannot_be_sent_fails_and_one_that_has_its_answer_is_gone() {
    let mut layer = Layer::udp();
    let (id, _) = layer.send(Method::Options);
    layer.fail(Origin::Client(id));
    layer.told(Event::ClientFailed(id, Failure::Transport));
    layer.over();

    let mut layer = Layer::udp();
    let (id, options) = layer.send(Method::Options);
    layer.respond(&options, 200);
    assert_eq!(layer.status(id), 200);
    layer.fail(Origin::Client(id));
    layer.told(Event::ClientGone(id));
    layer.over();
}

#[test]
fn the_ack_of_a_2xx_is_nobodys_transaction() {
    let mut layer = Layer::udp();
    let ack = Request::new(Method::Ack, "sip:b@192.0.2.1".parse().unwrap());
    let hop = layer.hop.clone();
    let bytes = layer.all.acknowledge(ack, &hop, US, 5);
    layer.all.acknowledge_again(bytes, &hop, 5);
    layer.settle();
    let origins: Vec<Origin> = layer.sent.iter().map(|(_, t)| t.origin).collect();
    assert_eq!(origins, [Origin::Ack(5), Origin::Ack(5)]);
    assert_eq!(layer.lines(), ["0.0 ACK", "0.0 ACK"]);
    layer.fail(Origin::Ack(5));
    layer.fail(Origin::Nobody);
    layer.over();
}

#[test]
fn other_times_than_those_of_the_rfc_hold_everywhere() {
    let timers = Timers {
        t1: Duration::from_millis(100),
        t2: Duration::from_millis(300),
        t4: Duration::from_millis(700),
    };
    let mut layer = Layer::udp();
    layer.all = Transactions::new(timers, 7);
    assert_eq!(*layer.all.timers(), timers);
    let (id, options) = layer.send(Method::Options);
    layer.pass(1.0);
    assert_eq!(
        layer.lines(),
        ["0.1 OPTIONS", "0.3 OPTIONS", "0.6 OPTIONS", "0.9 OPTIONS"]
    );
    layer.respond(&options, 200);
    assert_eq!(layer.status(id), 200);
    layer.pass(0.7);
    layer.told(Event::ClientGone(id));
    let (id, _) = layer.send(Method::Invite);
    layer.pass(6.4);
    layer.told(Event::ClientFailed(id, Failure::Timeout));
    layer.lines();
    layer.over();
}
