//! Calls that come in, as one peer sees them on the wire.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod answering;
mod dialogs;
mod refusals;
mod reliable;
mod screening;
mod sessions;
mod terms;
mod transfers;

use common::wire::{Wire, invite, request};
use common::{ANSWER, OFFER};
use omnigate_sip::message::{Headers, Name, Status};
use omnigate_sip::transaction::Origin;
use omnigate_sip::{CallEnd, CallEvent, CallKey, Event};
use std::time::Duration;

fn none() -> Headers {
    Headers::default()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// An INVITE has come, and its 100 has gone.
fn ringing(wire: &mut Wire, more: &str, offer: &str) -> CallKey {
    wire.send(&invite("1", more, offer));
    assert_eq!(wire.next_status(), 100);
    let incoming = wire.incoming();
    assert_eq!(incoming.offer.is_some(), !offer.is_empty());
    incoming.call
}

/// A call that is up; the tag that is ours.
fn up(wire: &mut Wire) -> (CallKey, String) {
    let call = ringing(wire, "", OFFER);
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &none()))
        .unwrap();
    let tag = wire.next_response().headers.to_tag().unwrap().to_owned();
    wire.send(&request("ACK", "sip:omnigate@192.0.2.2", "ack", &tag, 1, "", ""));
    assert_eq!(wire.call_event(), CallEvent::Confirmed);
    (call, tag)
}

fn in_dialog(method: &str, number: u32, tag: &str, more: &str, body: &str) -> String {
    let branch = format!("{method}{number}");
    request(method, "sip:omnigate@192.0.2.2", &branch, tag, number, more, body)
}
