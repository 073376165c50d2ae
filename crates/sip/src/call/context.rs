//! What a call acts with: the clock, the transactions, our addresses, and where it tells what happens.

use super::event::{CallEvent, CallKey};
use super::settings::CallSettings;
use super::way::Way;
use crate::hop::Hop;
use crate::listeners::Listeners;
use crate::message::{Headers, Method, Name, Request, Response, Status};
use crate::random::Random;
use crate::transaction::{ClientId, ServerId, Transactions};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// What all calls of an endpoint have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) transactions: Transactions,
    pub(crate) listeners: Listeners,
    pub(crate) settings: CallSettings,
    pub(crate) random: Random,
    pub(crate) begun: Vec<(ClientId, CallKey)>,
    pub(crate) told: VecDeque<(CallKey, CallEvent)>,
}

impl Shared {
    /// What a call acts with now.
    pub(crate) fn context(&mut self, now: Instant, mark: Option<Arc<Headers>>) -> Context<'_> {
        Context {
            now,
            transactions: &mut self.transactions,
            listeners: &self.listeners,
            settings: &self.settings,
            random: &mut self.random,
            begun: &mut self.begun,
            events: &mut self.told,
            mark,
        }
    }
}

/// Borrowed from [`Shared`] for one step.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) transactions: &'a mut Transactions,
    pub(crate) listeners: &'a Listeners,
    pub(crate) settings: &'a CallSettings,
    pub(crate) random: &'a mut Random,
    /// Client transactions that were begun, for the endpoint to remember whose they are.
    pub(crate) begun: &'a mut Vec<(ClientId, CallKey)>,
    pub(crate) events: &'a mut VecDeque<(CallKey, CallEvent)>,
    /// Fields for every response of the call.
    pub(crate) mark: Option<Arc<Headers>>,
}

impl Context<'_> {
    pub(crate) fn tell(&mut self, call: CallKey, event: CallEvent) {
        self.events.push_back((call, event));
    }

    /// Sends a response; its bytes, so that a 2xx can be repeated.
    pub(crate) fn respond(&mut self, id: ServerId, mut response: Response) -> Option<Bytes> {
        response.headers.push(Name::Server, &self.settings.agent);
        if let Some(mark) = &self.mark {
            response.headers.extend(mark);
        }
        self.transactions.respond(self.now, id, &response)
    }

    /// Sends a request in a new transaction, by the way of the call.
    pub(crate) fn send(&mut self, call: CallKey, request: Request, hop: Hop) -> ClientId {
        let mut request = request;
        request.headers.push(Name::UserAgent, &self.settings.agent);
        let own = self.listeners.own(&hop);
        let id = self.transactions.send(self.now, request, hop, own);
        self.begun.push((id, call));
        id
    }

    /// Sends the ACK of a 2xx.
    pub(crate) fn acknowledge(&mut self, call: CallKey, ack: Request, hop: &Hop) -> Bytes {
        let own = self.listeners.own(hop);
        self.transactions.acknowledge(ack, hop, own, call.0)
    }

    /// The hop for the next request of a dialog.
    pub(crate) fn hop(&self, way: &Way, next_hop: &str, has_routes: bool) -> Hop {
        way.hop(self.listeners, next_hop, has_routes)
    }
}

/// The status for a request whose extensions or body we do not have, with what its answer must say.
pub(crate) fn unsupported(request: &Request, extensions: &[&str]) -> Option<(Status, Headers)> {
    let mut headers = Headers::default();
    let strange: Vec<&str> = request
        .headers
        .list(Name::Require)
        .filter(|tag| !extensions.iter().any(|e| e.eq_ignore_ascii_case(tag)))
        .collect();
    if !strange.is_empty() && request.method != Method::Ack {
        headers.push(Name::Unsupported, strange.join(", "));
        return Some((Status::BAD_EXTENSION, headers));
    }
    let encoding = request.headers.get(Name::ContentEncoding);
    if encoding.is_some_and(|e| !e.eq_ignore_ascii_case("identity")) && !request.body.is_empty() {
        headers.push(Name::AcceptEncoding, "identity");
        return Some((Status::UNSUPPORTED_MEDIA_TYPE, headers));
    }
    None
}
