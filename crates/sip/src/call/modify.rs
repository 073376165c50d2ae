//! Offers in a call that is up: re-INVITE and UPDATE in both directions (RFC 3261 section 14, RFC 3311).

use super::context::Context;
use super::event::{CallEnd, CallError, CallEvent};
use super::modification::{Modification, Stage};
use super::offer::{NoSession, Offer, Place, SDP, session};
use super::received::Incoming;
use super::refresh::{Asked, SessionTimer, ask, asked, granted, min_se};
use super::settings::ALLOW;
use super::{Call, Purpose, State};
use crate::hop::Hop;
use crate::message::{Headers, Method, Name, Refresher, Request, Response, Status};
use crate::transaction::ServerId;
use std::time::Duration;

/// Tries of a request that meets one of the other side (491).
const GLARES: u32 = 5;

impl Call {
    /// Offers another session: by re-INVITE, or by UPDATE before the call is answered.
    pub(crate) fn offer(&mut self, ctx: &mut Context<'_>, offer: Vec<u8>) -> Result<(), CallError> {
        let method = match self.state {
            State::Ended => return Err(CallError::Over),
            State::Confirmed => Method::Invite,
            State::Early if self.peer.update && self.incoming.is_some() && self.local.is_some() => {
                Method::Update
            }
            State::Early | State::Answered => return Err(CallError::State),
        };
        if self.is_modifying() {
            return Err(CallError::OfferPending);
        }
        self.offer = Offer::Ours;
        self.modify(ctx, method, Some(offer), false);
        Ok(())
    }

    /// Refreshes the session before its time.
    pub(crate) fn refresh_now(&mut self, ctx: &mut Context<'_>) -> Result<(), CallError> {
        match self.state {
            State::Ended => Err(CallError::Over),
            State::Confirmed if self.is_modifying() => Err(CallError::OfferPending),
            State::Confirmed => {
                self.refresh(ctx);
                Ok(())
            }
            State::Early | State::Answered => Err(CallError::State),
        }
    }

    /// Refreshes the session (RFC 4028 section 7.4): by UPDATE where the other side has it, which touches no media.
    pub(super) fn refresh(&mut self, ctx: &mut Context<'_>) {
        if self.state != State::Confirmed || self.is_modifying() {
            return;
        }
        let reinvite = !self.peer.update;
        let offer = self.local.clone().filter(|_| reinvite);
        if offer.is_some() {
            self.offer = Offer::Ours;
        }
        let method = if reinvite { Method::Invite } else { Method::Update };
        self.modify(ctx, method, offer, true);
    }

    /// True while an offer or an INVITE is under way in one direction or the other.
    fn is_modifying(&self) -> bool {
        !self.offer.is_none() || self.modification.is_some() || self.success.is_some()
    }

    fn modify(&mut self, ctx: &mut Context<'_>, method: Method, offer: Option<Vec<u8>>, refresh: bool) {
        let modification = Modification {
            method,
            offer,
            refresh,
            stage: Stage::Waiting(ctx.now),
            glares: 0,
            least: self.session_terms(ctx).map_or(0, |(settings, _)| settings.least),
        };
        self.send_modification(ctx, modification);
    }

    fn send_modification(&mut self, ctx: &mut Context<'_>, mut modification: Modification) {
        let mut request = self.dialog.request(modification.method.clone());
        let headers = &mut request.headers;
        headers.push(Name::Allow, ALLOW);
        headers.push(Name::Supported, self.terms.supported());
        if let Some((settings, _)) = self.session_terms(ctx) {
            let interval = self
                .timer
                .as_ref()
                .map_or(settings.interval, SessionTimer::seconds);
            let ours = self.timer.as_ref().is_none_or(SessionTimer::is_ours);
            let refresher = if ours { Refresher::Uac } else { Refresher::Uas };
            let least = modification.least;
            ask(headers, interval.max(least), least, Some(refresher));
        }
        if let Some(offer) = &modification.offer {
            request = request.with_body(SDP, offer.clone());
        }
        let id = self.send(ctx, request, Purpose::Modify);
        modification.stage = Stage::Sent(id, self.dialog.local_cseq());
        self.modification = Some(modification);
    }

    pub(super) fn modification_timeout(&mut self, ctx: &mut Context<'_>) {
        let due = |m: &mut Modification| m.deadline().is_some_and(|at| at <= ctx.now);
        let Some(modification) = self.modification.take_if(due) else {
            return;
        };
        if self.success.is_some() || matches!(self.offer, Offer::Theirs(..)) {
            // Theirs is not over yet.
            self.glare(ctx, modification);
        } else {
            if modification.offer.is_some() {
                self.offer = Offer::Ours;
            }
            self.send_modification(ctx, modification);
        }
    }

    pub(super) fn modify_response(&mut self, ctx: &mut Context<'_>, response: &Response, hop: &Hop) {
        let status = response.status;
        let number = response.headers.cseq().map(|c| c.number);
        let is_current = |m: &mut Modification| matches!(m.stage, Stage::Sent(_, n) if Some(n) == number);
        if status.is_provisional() {
            return;
        }
        let Some(modification) = self.modification.take_if(is_current) else {
            if status.is_success() {
                self.acknowledge_again(ctx, &response.headers);
            }
            return;
        };
        if status.is_success() {
            return self.modified(ctx, &modification, response, hop);
        }
        let offered = modification.offer.is_some();
        if offered {
            self.offer = Offer::None;
        }
        match status {
            Status::REQUEST_PENDING if modification.glares < GLARES => self.glare(ctx, modification),
            Status::SESSION_INTERVAL_TOO_SMALL if min_se(&response.headers) > modification.least => {
                let least = min_se(&response.headers);
                if offered {
                    self.offer = Offer::Ours;
                }
                self.send_modification(
                    ctx,
                    Modification {
                        least,
                        ..modification
                    },
                );
            }
            status if super::is_lost(status) => self.lost(ctx),
            // UPDATE was promised and is not there.
            Status::METHOD_NOT_ALLOWED | Status::NOT_IMPLEMENTED if modification.method == Method::Update => {
                self.peer.update = false;
                if modification.refresh {
                    self.refresh(ctx);
                } else {
                    ctx.tell(self.key, CallEvent::OfferRefused(status));
                }
            }
            status if offered && !modification.refresh => ctx.tell(self.key, CallEvent::OfferRefused(status)),
            _ => {}
        }
    }

    fn modified(
        &mut self,
        ctx: &mut Context<'_>,
        modification: &Modification,
        response: &Response,
        hop: &Hop,
    ) {
        self.dialog.refresh_target(&response.headers);
        self.way.moved(hop);
        let granted = granted(&response.headers, self.session_terms(ctx));
        self.timer = granted.map(|(seconds, ours)| SessionTimer::new(ctx.now, seconds, ours));
        if modification.method == Method::Invite
            && let Some(cseq) = response.headers.cseq()
        {
            self.acknowledge(ctx, cseq.number, None);
        }
        let Some(offer) = &modification.offer else {
            return;
        };
        self.offer = Offer::None;
        match session(&response.headers, &response.body) {
            Ok(Some(answer)) => {
                self.local = Some(offer.clone());
                ctx.tell(self.key, CallEvent::Answer(answer.to_vec()));
            }
            _ if modification.refresh => {}
            _ => ctx.tell(self.key, CallEvent::OfferRefused(Status::NOT_ACCEPTABLE_HERE)),
        }
    }

    /// The owner of the Call-ID waits 2.1 to 4 s, the other side up to 2 s (RFC 3261 section 14.1).
    fn glare(&mut self, ctx: &mut Context<'_>, mut modification: Modification) {
        let (least, most) = if self.caller { (2_100, 4_000) } else { (0, 2_000) };
        let wait = ctx
            .random
            .between(Duration::from_millis(least), Duration::from_millis(most));
        modification.glares += 1;
        modification.stage = Stage::Waiting(ctx.now + wait);
        self.modification = Some(modification);
    }

    pub(super) fn reinvite(&mut self, ctx: &mut Context<'_>, id: ServerId, request: Box<Request>) {
        if let Some((status, extra)) = self.obstacle(ctx, true) {
            return self.say(ctx, id, &request, status, &extra);
        }
        if self.refused_interval(ctx, id, &request) {
            return;
        }
        let offer = match session(&request.headers, &request.body) {
            Ok(offer) => offer.map(<[u8]>::to_vec),
            Err(NoSession) => return self.say(ctx, id, &request, Status::UNSUPPORTED_MEDIA_TYPE, &accept()),
        };
        let wanted = offer.is_none();
        self.peer.update = request.headers.lists(Name::Allow, "UPDATE");
        self.offer = Offer::theirs(Place::Reinvite { id, request, wanted }, ctx.now);
        ctx.tell(self.key, offer.map_or(CallEvent::OfferWanted, CallEvent::Offer));
    }

    pub(super) fn update(&mut self, ctx: &mut Context<'_>, id: ServerId, request: Box<Request>) {
        if self.refused_interval(ctx, id, &request) {
            return;
        }
        let offer = match session(&request.headers, &request.body) {
            Ok(offer) => offer.map(<[u8]>::to_vec),
            Err(NoSession) => return self.say(ctx, id, &request, Status::UNSUPPORTED_MEDIA_TYPE, &accept()),
        };
        let Some(offer) = offer else {
            // It refreshes the session and the target.
            return self.update_done(ctx, id, &request, None);
        };
        if let Some((status, extra)) = self.obstacle(ctx, false) {
            return self.say(ctx, id, &request, status, &extra);
        }
        self.offer = Offer::theirs(Place::Update { id, request }, ctx.now);
        ctx.tell(self.key, CallEvent::Offer(offer));
    }

    fn update_done(
        &mut self,
        ctx: &mut Context<'_>,
        id: ServerId,
        request: &Request,
        answer: Option<Vec<u8>>,
    ) {
        self.dialog.refresh_target(&request.headers);
        let mut response = if self.state == State::Early {
            self.dialog.response(request, Status::OK)
        } else {
            self.success_of(ctx, request)
        };
        if let Some(answer) = answer {
            response = response.with_body(SDP, answer);
        }
        ctx.respond(id, response);
    }

    /// What stands against an offer of theirs: ours that is not answered (491), or theirs that is not, or an INVITE of theirs
    /// that is not over (500; RFC 3261 section 14.2, RFC 3311 section 5.2).
    fn obstacle(&self, ctx: &mut Context<'_>, reinvite: bool) -> Option<(Status, Headers)> {
        let ours = self.offer.is_ours()
            || self.success.as_ref().is_some_and(|s| s.our_offer)
            || (reinvite && self.is_reinviting());
        if ours {
            return Some((Status::REQUEST_PENDING, Headers::default()));
        }
        let unacknowledged = self.incoming.as_ref().is_some_and(Incoming::says_session);
        let theirs = matches!(self.offer, Offer::Theirs(..)) || unacknowledged;
        let open = reinvite && (self.success.is_some() || self.state == State::Early);
        if !(theirs || open) {
            return None;
        }
        let mut extra = Headers::default();
        extra.push(Name::RetryAfter, ctx.random.number() % 10);
        Some((Status::SERVER_INTERNAL_ERROR, extra))
    }

    fn is_reinviting(&self) -> bool {
        let sent = |m: &Modification| m.method == Method::Invite && matches!(m.stage, Stage::Sent(..));
        self.modification.as_ref().is_some_and(sent)
    }

    fn refused_interval(&mut self, ctx: &mut Context<'_>, id: ServerId, request: &Request) -> bool {
        let refused = asked(&request.headers, self.session_terms(ctx)) == Asked::TooSmall;
        if refused {
            let mut extra = Headers::default();
            extra.push(Name::MinSe, ctx.settings.session.least);
            self.say(ctx, id, request, Status::SESSION_INTERVAL_TOO_SMALL, &extra);
        }
        refused
    }

    /// Takes the offer that waits, with this answer; or gives the offer that is wanted.
    pub(crate) fn accept(&mut self, ctx: &mut Context<'_>, answer: Vec<u8>) -> Result<(), CallError> {
        if !matches!(&self.offer, Offer::Theirs(place, _) if !matches!(place, Place::Invite)) {
            return Err(CallError::State);
        }
        let Offer::Theirs(place, _) = std::mem::replace(&mut self.offer, Offer::None) else {
            return Err(CallError::State);
        };
        self.local = Some(answer.clone());
        match place {
            Place::Invite => {}
            Place::Reinvite { id, request, wanted } => {
                self.dialog.refresh_target(&request.headers);
                let number = request.headers.cseq().map_or(0, |c| c.number);
                let response = self.success_of(ctx, &request).with_body(SDP, answer);
                if wanted {
                    self.offer = Offer::Ours;
                }
                self.send_success(ctx, id, number, response, wanted);
            }
            Place::Update { id, request } => self.update_done(ctx, id, &request, Some(answer)),
            Place::Prack { id, request } => {
                let response = self.dialog.response(&request, Status::OK).with_body(SDP, answer);
                ctx.respond(id, response);
                self.go_on(ctx);
            }
            Place::Ack { number } => self.acknowledge(ctx, number, Some(answer)),
            Place::Provisional { tag, rseq } => self.send_prack(ctx, &tag, rseq, Some(answer)),
        }
        Ok(())
    }

    /// Refuses the offer that waits, by 488 as a rule. Where the message that carries the answer cannot refuse, the call ends.
    pub(crate) fn reject(
        &mut self,
        ctx: &mut Context<'_>,
        status: Status,
        extra: &Headers,
    ) -> Result<(), CallError> {
        let Offer::Theirs(place, _) = std::mem::replace(&mut self.offer, Offer::None) else {
            return Err(CallError::State);
        };
        match place {
            Place::Invite => return self.refuse(ctx, status, extra),
            Place::Reinvite { id, request, .. } | Place::Update { id, request } => {
                self.say(ctx, id, &request, status, extra);
            }
            Place::Prack { id, request } => {
                self.say(ctx, id, &request, status, extra);
                self.go_on(ctx);
            }
            Place::Ack { number } => {
                self.acknowledge(ctx, number, None);
                self.bye(ctx, &super::because(status.code(), "the offer cannot be taken"));
                self.end(ctx, CallEnd::NoAnswer);
            }
            Place::Provisional { tag, rseq } => {
                self.send_prack(ctx, &tag, rseq, None);
                self.cancel(ctx, &super::because(status.code(), "the offer cannot be taken"));
            }
        }
        Ok(())
    }

    /// A CANCEL for a re-INVITE.
    pub(super) fn reinvite_cancelled(&mut self, ctx: &mut Context<'_>, cancelled: ServerId) {
        let is_it =
            |offer: &Offer| matches!(offer, Offer::Theirs(Place::Reinvite { id, .. }, _) if *id == cancelled);
        if is_it(&self.offer) {
            let _ = self.reject(ctx, Status::REQUEST_TERMINATED, &Headers::default());
            ctx.tell(self.key, CallEvent::OfferRefused(Status::REQUEST_TERMINATED));
        }
    }

    /// The call ends: requests of theirs that wait for an answer of ours get one (RFC 3261 section 15.1.2).
    pub(super) fn terminate_open(&mut self, ctx: &mut Context<'_>) {
        if let Some((id, request)) = self.incoming.take().map(Incoming::into_parts) {
            self.say(ctx, id, &request, Status::REQUEST_TERMINATED, &Headers::default());
        }
        if let Some((id, request, _)) = self.referral.asked.take() {
            self.say(ctx, id, &request, Status::REQUEST_TERMINATED, &Headers::default());
        }
        match std::mem::replace(&mut self.offer, Offer::None) {
            Offer::Theirs(Place::Reinvite { id, request, .. }, _) => {
                self.say(ctx, id, &request, Status::REQUEST_TERMINATED, &Headers::default());
            }
            Offer::Theirs(Place::Update { id, request } | Place::Prack { id, request }, _) => {
                self.say(
                    ctx,
                    id,
                    &request,
                    Status::CALL_DOES_NOT_EXIST,
                    &Headers::default(),
                );
            }
            _ => {}
        }
    }
}

fn accept() -> Headers {
    let mut headers = Headers::default();
    headers.push(Name::Accept, SDP);
    headers
}
