//! Requests that begin something are looked at before anything is kept of them.

use super::*;
use omnigate_sip::{Peer, Proof, Screening};
use std::sync::{Arc, Mutex};

/// One that does with all the same, and the methods that it has seen.
fn screened(screening: Screening) -> (Wire, Arc<Mutex<Vec<String>>>) {
    let mut wire = Wire::udp();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = seen.clone();
    wire.endpoint.screen(move |_, request, _| {
        note.lock().unwrap().push(request.method.as_str().to_owned());
        screening.clone()
    });
    (wire, seen)
}

#[test]
fn who_is_turned_away_gets_an_answer_and_leaves_nothing() {
    let mut fields = Headers::default();
    fields.push(Name::WwwAuthenticate, "Digest realm=\"r\"");
    let (mut wire, seen) = screened(Screening::TurnAway(Status::UNAUTHORIZED, fields));
    for _ in 0..3 {
        wire.send(&invite("1", "", OFFER));
        let response = wire.next_response();
        assert_eq!(response.status, Status::UNAUTHORIZED);
        assert!(response.headers.to_tag().is_some());
        assert!(response.headers.get(Name::WwwAuthenticate).is_some());
        let tag = response.headers.to_tag().unwrap().to_owned();
        wire.send(&request("ACK", "sip:called@192.0.2.2", "1", &tag, 1, "", ""));
    }
    assert!(wire.sent.is_empty() && wire.events.is_empty());
    assert_eq!(wire.endpoint.transactions(), (0, 0));
    assert_eq!(wire.endpoint.deadline(), None);
    assert_eq!(seen.lock().unwrap().len(), 6);
}

#[test]
fn who_is_ignored_hears_nothing_whatever_it_sends() {
    let (mut wire, _) = screened(Screening::Ignore);
    for method in ["INVITE", "ACK", "CANCEL", "OPTIONS", "REGISTER", "BYE", "STRANGE"] {
        for tag in ["", "guessed"] {
            wire.send(&request(method, "sip:called@192.0.2.2", method, tag, 1, "", ""));
        }
    }
    assert!(wire.sent.is_empty() && wire.events.is_empty());
    assert_eq!(wire.endpoint.transactions(), (0, 0));
}

#[test]
fn what_belongs_to_a_transaction_or_a_call_is_not_looked_at_again() {
    let peer = Peer::new("carrier", Proof::Password);
    let (mut wire, seen) = screened(Screening::TakeFrom(peer.clone()));
    let call = ringing(&mut wire, "", OFFER);
    assert_eq!(wire.endpoint.hop(call).unwrap().peer, Some(peer));
    wire.send(&invite("1", "", OFFER));
    assert_eq!(wire.next_status(), 100);
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &none()))
        .unwrap();
    let tag = wire.next_response().headers.to_tag().unwrap().to_owned();
    wire.send(&request("ACK", "sip:omnigate@192.0.2.2", "ack", &tag, 1, "", ""));
    assert_eq!(wire.call_event(), CallEvent::Confirmed);
    wire.send(&in_dialog("BYE", 2, &tag, "", ""));
    assert_eq!(wire.next_status(), 200);
    assert_eq!(*seen.lock().unwrap(), ["INVITE"]);
}

#[test]
fn a_cancel_is_of_its_invite() {
    let (mut wire, seen) = screened(Screening::Take);
    ringing(&mut wire, "", OFFER);
    wire.send(&invite("1", "", "").replace("INVITE", "CANCEL"));
    assert_eq!(wire.next_status(), 200);
    assert_eq!(*seen.lock().unwrap(), ["INVITE"]);
}
