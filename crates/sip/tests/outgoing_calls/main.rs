//! Calls that go out, as one peer sees them on the wire.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod cancelling;
mod challenges;
mod early;
mod inviting;
mod talking;
mod terms;
mod watched;

use common::wire::{PEER, Wire, request, respond};
use common::{ANSWER, OFFER};
use omnigate_sip::digest::Credentials;
use omnigate_sip::message::{Headers, Name, Request, Status};
use omnigate_sip::transaction::Failure;
use omnigate_sip::{CallEnd, CallEvent, CallKey, CallTerms, EndpointSettings, Event, Invitation, NatRule};
use std::time::Duration;

const CONTACT: &str = "Contact: <sip:called@192.0.2.1:5060>\r\n";

fn none() -> Headers {
    Headers::default()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn call(wire: &mut Wire, offer: &str) -> (CallKey, Request) {
    call_as(wire, offer, Vec::new())
}

fn call_as(wire: &mut Wire, offer: &str, credentials: Vec<Credentials>) -> (CallKey, Request) {
    let invitation = invitation(wire, offer, credentials);
    let key = wire.act(|e, now| e.invite(now, invitation));
    (key, wire.next_request())
}

fn invitation(wire: &Wire, offer: &str, credentials: Vec<Credentials>) -> Invitation {
    Invitation {
        uri: format!("sip:07012345678@{PEER}").parse().unwrap(),
        from: "<sip:0212345678@192.0.2.2>".into(),
        to: "<sip:07012345678@192.0.2.1>".into(),
        hop: wire.hop.clone(),
        routes: Vec::new(),
        credentials,
        offer: (!offer.is_empty()).then(|| offer.into()),
        headers: none(),
        nat: NatRule::Never,
        terms: CallTerms::default(),
    }
}

#[track_caller]
fn progress(wire: &mut Wire) -> Status {
    match wire.call_event() {
        CallEvent::Progress { status, .. } => status,
        other => panic!("progress, not {other:?}"),
    }
}

#[track_caller]
fn answered(wire: &mut Wire) {
    assert!(matches!(wire.call_event(), CallEvent::Answered { .. }));
}

/// A call of ours that is up.
fn up(wire: &mut Wire, more: &str) -> (CallKey, Request) {
    let (key, invite) = call(wire, OFFER);
    wire.send(&respond(&invite, 200, "t1", &format!("{CONTACT}{more}"), ANSWER));
    wire.events.clear();
    wire.sent.clear();
    (key, invite)
}

/// A request of the called side within the call.
fn from_called(invite: &Request, method: &str, number: u32, body: &str) -> String {
    let tag = invite.headers.from_tag().unwrap();
    request(
        method,
        "sip:omnigate@192.0.2.2",
        &format!("{method}{number}"),
        tag,
        number,
        "",
        body,
    )
    .replace("tag=from1", "tag=t1")
    .replace(
        "Call-ID: call1",
        &format!("Call-ID: {}", invite.headers.call_id()),
    )
}
