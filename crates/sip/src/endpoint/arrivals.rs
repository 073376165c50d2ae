//! What the transactions bring: whose it is, and what a request without a call gets.

use super::outside::allowed;
use super::{Endpoint, Event, Incoming, Output, Refused};
use crate::call::{Call, CallKey, EXTENSIONS, unsupported};
use crate::hop::Hop;
use crate::message::{Headers, Method, Name, Replaces, Request, Response, Status};
use crate::transaction::{self, ServerId};
use std::sync::Arc;
use std::time::Instant;

impl Endpoint {
    pub(super) fn event(&mut self, now: Instant, event: transaction::Event) {
        use transaction::Event as T;
        match event {
            T::Request(id, request, hop) if request.headers.to_tag().is_some() => {
                self.in_dialog(now, id, request, &hop);
            }
            T::Request(id, request, hop) => self.first(now, id, request, hop),
            T::Ack(request, hop) => {
                if let Some(key) = self.call_of(&request.headers) {
                    self.step(now, key, |call, ctx| call.acknowledged(ctx, &request, &hop));
                }
            }
            T::Cancelled(id, headers) => {
                if let Some(key) = self.servers.get(&id).copied() {
                    self.step(now, key, |call, ctx| call.cancelled(ctx, id, &headers));
                }
            }
            T::Response(id, response, hop) => match self.clients.get(&id).copied() {
                Some(key) => self.step(now, key, |call, ctx| call.response(ctx, id, &response, &hop)),
                None => self
                    .out
                    .push_back(Output::Event(Event::Response(id, response, hop))),
            },
            T::ClientFailed(id, failure) => match self.clients.remove(&id) {
                Some(key) => self.step(now, key, |call, ctx| call.client_failed(ctx, id, failure)),
                None => self.out.push_back(Output::Event(Event::Failed(id, failure))),
            },
            T::ClientGone(id) => {
                if let Some(key) = self.clients.remove(&id) {
                    self.step(now, key, |call, _| call.client_gone(id));
                }
            }
            T::ServerFailed(id, failure) => {
                if let Some(key) = self.servers.remove(&id) {
                    self.step(now, key, |call, ctx| call.server_failed(ctx, id, failure));
                }
            }
            T::ServerGone(id) => {
                self.servers.remove(&id);
            }
        }
    }

    fn call_of(&self, headers: &Headers) -> Option<CallKey> {
        let key = *self.by_tag.get(headers.to_tag()?)?;
        self.calls.get(&key)?.is_of(headers).then_some(key)
    }

    fn in_dialog(&mut self, now: Instant, id: ServerId, request: Box<Request>, hop: &Hop) {
        match self.call_of(&request.headers) {
            Some(key) => {
                if request.method == Method::Invite {
                    self.servers.insert(id, key);
                }
                self.step(now, key, |call, ctx| call.request(ctx, id, request, hop));
            }
            None => self.reply(
                now,
                id,
                &request,
                Status::CALL_DOES_NOT_EXIST,
                &Headers::default(),
            ),
        }
    }

    /// A request without a To tag.
    fn first(&mut self, now: Instant, id: ServerId, request: Box<Request>, hop: Hop) {
        if let Method::Other(_) = request.method {
            return self.reply(now, id, &request, Status::NOT_IMPLEMENTED, &allowed());
        }
        if request.method == Method::Invite {
            return self.incoming(now, id, request, hop);
        }
        if let Some((status, extra)) = unsupported(&request, &EXTENSIONS) {
            return self.reply(now, id, &request, status, &extra);
        }
        match request.method {
            Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Notify => {
                self.reply(
                    now,
                    id,
                    &request,
                    Status::CALL_DOES_NOT_EXIST,
                    &Headers::default(),
                );
            }
            _ => self
                .out
                .push_back(Output::Event(Event::Request(id, request, hop))),
        }
    }

    fn incoming(&mut self, now: Instant, id: ServerId, invite: Box<Request>, hop: Hop) {
        let mark = self.marker.as_mut().map(|marker| Arc::new((marker.0)(&invite)));
        let replaces = match self.replaced(&invite.headers) {
            Ok(replaces) => replaces,
            Err(status) => {
                let response = Response::new(&invite, status, self.shared.transactions.tag(id));
                return self.refused(now, id, invite, hop, response, mark);
            }
        };
        self.last += 1;
        let key = CallKey(self.last);
        let ctx = self.shared.context(now, mark.clone());
        let (call, offer) = match Call::incoming(&ctx, key, id, invite.clone(), &hop) {
            Ok(begun) => begun,
            Err(response) => return self.refused(now, id, invite, hop, *response, mark),
        };
        let mut trying = Response::new(&invite, Status::TRYING, None);
        if let Some(mark) = &mark {
            trying.headers.extend(mark);
        }
        self.shared.transactions.respond(now, id, &trying);
        self.servers.insert(id, key);
        self.enter(call);
        let incoming = Incoming {
            call: key,
            invite,
            hop,
            offer,
            replaces,
            mark,
        };
        // Before anything else is told or asked of it.
        self.out.push_back(Output::Event(Event::Incoming(incoming)));
        self.after(key);
    }

    fn refused(
        &mut self,
        now: Instant,
        id: ServerId,
        invite: Box<Request>,
        hop: Hop,
        mut response: Response,
        mark: Option<Arc<Headers>>,
    ) {
        if let Some(mark) = &mark {
            response.headers.extend(mark);
        }
        let status = response.status;
        self.respond(now, id, response);
        let refused = Refused {
            invite,
            hop,
            status,
            mark,
        };
        self.out.push_back(Output::Event(Event::Refused(refused)));
    }

    /// The call that an INVITE is to take the place of (RFC 3891 section 3).
    fn replaced(&self, headers: &Headers) -> Result<Option<CallKey>, Status> {
        let Some(field) = headers.get(Name::Replaces) else {
            return Ok(None);
        };
        let replaces = Replaces::parse(field).ok_or(Status::BAD_REQUEST)?;
        let found = self
            .by_tag
            .get(replaces.to_tag)
            .and_then(|key| self.calls.get(key));
        let call = found.filter(|call| {
            let dialog = call.dialog();
            call.is_alive()
                && dialog.call_id() == replaces.call_id
                && dialog.remote_tag() == replaces.from_tag
        });
        // An early dialog that we have not begun cannot be replaced.
        let call = call.filter(|call| !call.rings_here());
        let call = call.ok_or(Status::CALL_DOES_NOT_EXIST)?;
        if replaces.early_only && !call.is_early() {
            return Err(Status::BUSY_HERE);
        }
        Ok(Some(call.key()))
    }

    fn reply(&mut self, now: Instant, id: ServerId, request: &Request, status: Status, extra: &Headers) {
        let tag = self.shared.transactions.tag(id).map(str::to_owned);
        let mut response = Response::new(request, status, tag.as_deref());
        response.headers.extend(extra);
        self.respond(now, id, response);
    }
}
