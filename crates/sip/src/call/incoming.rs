//! An INVITE that came, until its final response.

use super::context::{Context, unsupported};
use super::event::{CallEnd, CallError, CallEvent, CallKey, Cause};
use super::offer::{NoSession, Offer, Place, SDP, session};
use super::received::Incoming;
use super::refresh::{Asked, SessionTimer, asked};
use super::reliable::{Body, Due, Provisionals};
use super::settings::{ALLOW, EXTENSIONS};
use super::success::Success;
use super::terms::CallTerms;
use super::way::{NatRule, Way};
use super::{Call, Peer, State};
use crate::dialog::Dialog;
use crate::hop::Hop;
use crate::message::{Headers, Name, NameAddr, RAck, Refresher, Request, Response, SessionExpires, Status};
use crate::transaction::ServerId;

impl Call {
    /// Takes an INVITE that begins a call; the call and the offer in it.
    ///
    /// # Errors
    /// The final response: 400, 415, 420 or 422.
    pub(crate) fn incoming(
        ctx: &Context<'_>,
        key: CallKey,
        id: ServerId,
        invite: Box<Request>,
        hop: &Hop,
    ) -> Result<(Call, Option<Vec<u8>>), Box<Response>> {
        let tag = ctx.transactions.tag(id).unwrap_or_default();
        let refuse = |status: Status, extra: &Headers| {
            let mut response = Response::new(&invite, status, Some(tag));
            response.headers.extend(extra);
            Box::new(response)
        };
        if let Some((status, extra)) = unsupported(&invite, &EXTENSIONS) {
            return Err(refuse(status, &extra));
        }
        let own = ctx.listeners.own(hop).secured(asks_for_sips(&invite));
        let contact = own.contact(&ctx.settings.user);
        let dialog = Dialog::of_server(&invite, tag, &contact).map_err(|fault| {
            let mut response = refuse(fault.status(), &Headers::default());
            response.phrase = format!("{} ({fault})", fault.status().phrase()).into();
            response
        })?;
        let offer = session(&invite.headers, &invite.body).map_err(|NoSession| {
            let mut extra = Headers::default();
            extra.push(Name::Accept, SDP);
            refuse(Status::UNSUPPORTED_MEDIA_TYPE, &extra)
        })?;
        let terms = CallTerms::default();
        if asked(&invite.headers, terms.session(&ctx.settings.session)) == Asked::TooSmall {
            let mut extra = Headers::default();
            extra.push(Name::MinSe, ctx.settings.session.least);
            return Err(refuse(Status::SESSION_INTERVAL_TOO_SMALL, &extra));
        }
        let offer = offer.map(<[u8]>::to_vec);
        let call = Call {
            key,
            caller: false,
            state: State::Early,
            dialog,
            way: Way::new(hop.clone(), NatRule::default()),
            offer: match offer {
                Some(_) => Offer::Theirs(Place::Invite, None),
                None => Offer::None,
            },
            peer: Peer {
                update: invite.headers.lists(Name::Allow, "UPDATE"),
            },
            incoming: Some(Incoming {
                id,
                request: invite,
                provisionals: Provisionals::default(),
                answer: None,
                until: ctx.now + ctx.settings.ring_limit,
            }),
            outgoing: None,
            success: None,
            ack: None,
            modification: None,
            timer: None,
            referral: Default::default(),
            local: None,
            hang_up_after_ack: None,
            mark: ctx.mark.clone(),
            last: None,
            authority: None,
            terms,
            clients: Vec::new(),
        };
        Ok((call, offer))
    }

    /// Sends a provisional response, reliably when the caller takes or wants that and `reliable` asks for it. `session` is our
    /// answer; or our offer, when the INVITE had none, which must be reliable.
    pub(crate) fn progress(
        &mut self,
        ctx: &mut Context<'_>,
        status: Status,
        session: Option<Vec<u8>>,
        reliable: bool,
        extra: &Headers,
    ) -> Result<(), CallError> {
        let incoming = self.incoming.as_mut().ok_or(CallError::State)?;
        if !status.is_provisional() || status == Status::TRYING || incoming.answer.is_some() {
            return Err(CallError::State);
        }
        let headers = &incoming.request.headers;
        let wants = headers.lists(Name::Require, "100rel");
        let reliable = wants || (reliable && headers.lists(Name::Supported, "100rel"));
        let body = match (&session, &self.offer) {
            (None, _) => Body::None,
            (Some(_), Offer::Theirs(Place::Invite, _)) => Body::Answer,
            (Some(_), Offer::None) if reliable && self.local.is_none() => Body::Offer,
            _ => return Err(CallError::State),
        };
        let mut response = self.dialog.response(&incoming.request, status);
        response.headers.push(Name::Allow, ALLOW);
        response.headers.extend(extra);
        if let Some(session) = session {
            self.local = Some(session.clone());
            response = response.with_body(SDP, session);
        }
        if !reliable {
            ctx.respond(incoming.id, response);
            return Ok(());
        }
        if body == Body::Offer {
            self.offer = Offer::Ours;
        }
        if incoming.provisionals.is_pending() {
            let room = incoming.provisionals.wait(response, body);
            return room.then_some(()).ok_or(CallError::State);
        }
        self.send_reliably(ctx, response, body);
        Ok(())
    }

    fn send_reliably(&mut self, ctx: &mut Context<'_>, mut response: Response, body: Body) {
        let Some(incoming) = &mut self.incoming else {
            return;
        };
        // Not from 1, so that a PRACK cannot be guessed.
        let rseq = incoming.provisionals.next((ctx.random.number() >> 40) as u32);
        response.headers.push(Name::Require, "100rel");
        response.headers.push(Name::RSeq, rseq);
        if let Some(bytes) = ctx.respond(incoming.id, response) {
            incoming
                .provisionals
                .sent(ctx.now, ctx.transactions.timers(), bytes, body);
        }
    }

    /// Answers the INVITE by 200: with our answer, or with our offer when it had none; without when both are done.
    pub(crate) fn answer(
        &mut self,
        ctx: &mut Context<'_>,
        session: Option<Vec<u8>>,
        extra: &Headers,
    ) -> Result<(), CallError> {
        let incoming = self.incoming.as_mut().ok_or(CallError::State)?;
        if incoming.answer.is_some() {
            return Err(CallError::State);
        }
        if incoming.provisionals.is_pending() {
            // RFC 3262 section 3: not before what was said reliably is acknowledged.
            incoming.answer = Some((session, extra.clone()));
            return Ok(());
        }
        // What was said in a provisional response nobody acknowledged is said again.
        let session = match self.offer {
            Offer::Theirs(..) => session.or_else(|| self.local.clone()),
            _ => session,
        };
        let our_offer = match (&self.offer, session.is_some(), self.local.is_some()) {
            (Offer::Theirs(Place::Invite, _), true, _) => false,
            (Offer::None, true, false) => true,
            (Offer::None, _, true) => false,
            _ => return Err(CallError::State),
        };
        let Some(incoming) = self.incoming.take() else {
            return Err(CallError::State);
        };
        self.offer = if our_offer { Offer::Ours } else { Offer::None };
        let mut response = self.success_of(ctx, &incoming.request);
        response.headers.extend(extra);
        if let Some(session) = session {
            self.local = Some(session.clone());
            response = response.with_body(SDP, session);
        }
        self.state = State::Answered;
        self.send_success(ctx, incoming.id, incoming.number(), response, our_offer);
        Ok(())
    }

    /// A 200 to an INVITE or UPDATE with its session timer, which starts.
    pub(super) fn success_of(&mut self, ctx: &Context<'_>, request: &Request) -> Response {
        let mut response = self.dialog.response(request, Status::OK);
        response.headers.push(Name::Allow, ALLOW);
        response.headers.push(Name::Supported, self.terms.supported());
        if let Asked::Agreed(seconds, ours) = asked(&request.headers, self.session_terms(ctx)) {
            self.timer = Some(SessionTimer::new(ctx.now, seconds, ours));
            let refresher = if ours { Refresher::Uas } else { Refresher::Uac };
            let field = SessionExpires {
                seconds,
                refresher: Some(refresher),
            };
            response.headers.push(Name::SessionExpires, field);
            // RFC 4028 section 9: only a peer that refreshes must understand it; one that says so does.
            if !ours {
                response.headers.push(Name::Require, "timer");
            }
        }
        response
    }

    pub(super) fn send_success(
        &mut self,
        ctx: &mut Context<'_>,
        id: ServerId,
        number: u32,
        response: Response,
        our_offer: bool,
    ) {
        if let Some(bytes) = ctx.respond(id, response) {
            let timers = ctx.transactions.timers();
            self.success = Some(Success::new(ctx.now, timers, id, number, bytes, our_offer));
        }
    }

    /// Refuses the INVITE.
    pub(crate) fn refuse(
        &mut self,
        ctx: &mut Context<'_>,
        status: Status,
        extra: &Headers,
    ) -> Result<(), CallError> {
        let incoming = self.incoming.take().ok_or(CallError::State)?;
        let mut response = self.dialog.response(&incoming.request, status);
        response.headers.extend(extra);
        ctx.respond(incoming.id, response);
        self.end(ctx, CallEnd::Refused(status));
        Ok(())
    }

    /// A CANCEL for this INVITE came.
    pub(crate) fn cancelled(&mut self, ctx: &mut Context<'_>, id: ServerId, cancel: &Headers) {
        if let Some(incoming) = self.incoming.take_if(|i| i.id == id) {
            let response = self
                .dialog
                .response(&incoming.request, Status::REQUEST_TERMINATED);
            ctx.respond(incoming.id, response);
            return self.end(ctx, CallEnd::Cancelled(Cause::all(cancel)));
        }
        self.reinvite_cancelled(ctx, id);
    }

    /// The ACK of a 2xx of ours.
    pub(crate) fn acknowledged(&mut self, ctx: &mut Context<'_>, ack: &Request, hop: &Hop) {
        let number = ack.headers.cseq().map(|c| c.number);
        let Some(success) = self.success.take_if(|s| Some(s.number) == number) else {
            return;
        };
        self.way.moved(hop);
        let first = self.state == State::Answered;
        if first {
            self.state = State::Confirmed;
            ctx.tell(self.key, CallEvent::Confirmed);
        }
        if success.our_offer {
            self.offer = Offer::None;
            match session(&ack.headers, &ack.body) {
                Ok(Some(answer)) => ctx.tell(self.key, CallEvent::Answer(answer.to_vec())),
                // A refresh without an answer leaves the session as it was (RFC 3261 section 14.2).
                _ if !first => ctx.tell(self.key, CallEvent::OfferRefused(Status::NOT_ACCEPTABLE_HERE)),
                _ => {
                    self.bye(ctx, &super::because(488, "the ACK has no answer"));
                    return self.end(ctx, CallEnd::NoAnswer);
                }
            }
        }
        if let Some(extra) = self.hang_up_after_ack.take() {
            let _ = self.hang_up(ctx, &extra);
        }
    }

    /// A PRACK came (RFC 3262 section 3).
    pub(super) fn prack(&mut self, ctx: &mut Context<'_>, id: ServerId, request: Box<Request>) {
        let rack = request.headers.get(Name::RAck).and_then(RAck::parse);
        let body = self.incoming.as_mut().zip(rack).and_then(|(incoming, rack)| {
            let number = incoming.number();
            incoming.provisionals.acknowledge(&rack, number)
        });
        let Some(body) = body else {
            let response = self.dialog.response(&request, Status::CALL_DOES_NOT_EXIST);
            ctx.respond(id, response);
            return;
        };
        let session = session(&request.headers, &request.body)
            .ok()
            .flatten()
            .map(<[u8]>::to_vec);
        match (body, session) {
            (Body::Offer, Some(answer)) => {
                self.offer = Offer::None;
                ctx.tell(self.key, CallEvent::Answer(answer));
            }
            (Body::Offer, None) => {
                let response = self.dialog.response(&request, Status::NOT_ACCEPTABLE_HERE);
                ctx.respond(id, response);
                let _ = self.refuse(ctx, Status::NOT_ACCEPTABLE_HERE, &Headers::default());
                return;
            }
            (said, offer) => {
                if said == Body::Answer {
                    self.offer = Offer::None;
                }
                if let Some(offer) = offer.filter(|_| self.offer.is_none()) {
                    self.offer = Offer::theirs(Place::Prack { id, request }, ctx.now);
                    ctx.tell(self.key, CallEvent::Offer(offer));
                    return;
                }
            }
        }
        let response = self.dialog.response(&request, Status::OK);
        ctx.respond(id, response);
        self.go_on(ctx);
    }

    /// Sends what waited for a PRACK.
    pub(super) fn go_on(&mut self, ctx: &mut Context<'_>) {
        let Some(incoming) = self.incoming.as_mut().filter(|i| !i.provisionals.is_pending()) else {
            return;
        };
        if let Some((response, body)) = incoming.provisionals.take_waiting() {
            self.send_reliably(ctx, response, body);
        } else if let Some((session, extra)) = incoming.answer.take()
            && self.answer(ctx, session, &extra).is_err()
        {
            let _ = self.refuse(ctx, Status::SERVER_INTERNAL_ERROR, &Headers::default());
        }
    }

    pub(super) fn incoming_timeout(&mut self, ctx: &mut Context<'_>) {
        let Some(incoming) = &mut self.incoming else {
            return;
        };
        if incoming.until <= ctx.now {
            let _ = self.refuse(ctx, Status::TEMPORARILY_UNAVAILABLE, &Headers::default());
            return;
        }
        match incoming.provisionals.timeout(ctx.now) {
            Due::Repeat(bytes) => ctx.transactions.repeat(incoming.id, bytes),
            Due::NoPrack => {
                let id = incoming.id;
                let response = self.dialog.response(&incoming.request, Status::SERVER_TIMEOUT);
                ctx.respond(id, response);
                self.end(ctx, CallEnd::NoPrack);
            }
            Due::Nothing => {}
        }
    }
}

/// Whether the dialog is to be by `sips:` (RFC 3261 section 12.1.1).
fn asks_for_sips(invite: &Request) -> bool {
    let route = invite.headers.list(Name::RecordRoute).next();
    let next = match route {
        Some(route) => NameAddr::parse(route),
        None => invite.headers.contact(),
    };
    invite.uri.parts().is_sips() || next.is_some_and(|next| next.parts().is_sips())
}
