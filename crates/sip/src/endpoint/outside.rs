//! Requests outside of any call, in both directions.

use super::Endpoint;
use crate::call::{ALLOW, SUPPORTED};
use crate::hop::Hop;
use crate::message::{Headers, Name, Request, Response, Status};
use crate::transaction::{ClientId, ServerId};
use std::time::Instant;

impl Endpoint {
    /// Answers a request outside of a call.
    pub fn respond(&mut self, now: Instant, id: ServerId, response: Response) {
        let response = response.with(Name::Server, &self.shared.settings.agent);
        self.shared.transactions.respond(now, id, &response);
        self.pump(now);
    }

    /// The To tag for responses to this request.
    pub fn tag(&self, id: ServerId) -> Option<&str> {
        self.shared.transactions.tag(id)
    }

    /// Sends a request outside of a call, as OPTIONS or REGISTER; the response or failure comes as an event. Via is added.
    pub fn send(&mut self, now: Instant, request: Request, hop: Hop) -> ClientId {
        let mut request = request;
        request.headers.push(Name::UserAgent, &self.shared.settings.agent);
        let own = self.shared.listeners.own(&hop);
        let id = self.shared.transactions.send(now, request, hop, own);
        self.pump(now);
        id
    }

    /// The answer to an OPTIONS: what we can do (RFC 3261 section 11.2).
    pub fn capabilities(&self, id: ServerId, options: &Request, status: Status) -> Response {
        let mut response = Response::new(options, status, self.shared.transactions.tag(id));
        response.headers.extend(&allowed());
        response.headers.push(Name::Accept, "application/sdp");
        response.headers.push(Name::Supported, SUPPORTED);
        response
    }
}

pub(super) fn allowed() -> Headers {
    let mut headers = Headers::default();
    headers.push(Name::Allow, ALLOW);
    headers
}
