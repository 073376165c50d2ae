//! One call: the dialog of an INVITE in either direction, from its first message to its last.
//!
//! ```text
//!   INVITE came ──▶ Early ──200──▶ Answered ──ACK──▶ Confirmed ──BYE──▶ Ended
//!                     │               │                  ▲                ▲
//!                     │ refuse,       │ no ACK           │ 2xx            │
//!                     │ CANCEL        └──────────────────│────────────────┤
//!   INVITE sent ──▶ Early ───────────────────────────────┘                │
//!                     └── 3xx-6xx, CANCEL, no response ───────────────────┘
//! ```
//!
//! | file | what it knows |
//! | --- | --- |
//! | `received`, `forks`, `modification`, `referral` | what a call keeps of each of these |
//! | `incoming` | an INVITE that came, until its 2xx: provisional responses, refusal, CANCEL |
//! | `outgoing` | an INVITE that we sent, until its final response: forks, PRACK, ACK, CANCEL |
//! | `established` | the requests of an established dialog in both directions: BYE, INFO, OPTIONS |
//! | `modify` | offers in a call that is up: re-INVITE and UPDATE in both directions, glare |
//! | `refer` | REFER and its NOTIFYs |
//! | `offer` | whose offer waits for whose answer |
//! | `reliable`, `success`, `refresh` | what is repeated until it is acknowledged, and session timers |
//! | `credentials` | answers to challenges |
//! | `way` | by which hop requests go, and the rule for NAT |
//! | `event`, `settings`, `context` | what comes out, what is set, what a call acts with |
//!
//! A hang-up between our 2xx and its ACK waits for the ACK (RFC 3261 section 15). A call that has ended stays until the
//! transactions that it began are over, so that a 2xx that crosses a CANCEL gets its ACK and BYE.

mod authority;
mod context;
mod credentials;
mod established;
mod event;
mod forks;
mod incoming;
mod invitation;
mod modification;
mod modify;
mod offer;
mod outgoing;
mod received;
mod refer;
mod referral;
mod refresh;
mod reliable;
mod settings;
mod success;
mod terms;
mod way;

pub(crate) use context::{Context, Shared, unsupported};
pub use event::{CallEnd, CallError, CallEvent, CallKey, Cause, ReferTo, Rejection};
pub use invitation::Invitation;
pub(crate) use settings::{ALLOW, EXTENSIONS, SUPPORTED};
pub use settings::{CallSettings, SessionSettings};
pub use terms::{CallTerms, RefreshedBy, Reliable, SessionTimers};
pub use way::NatRule;

use crate::dialog::Dialog;
use crate::hop::Hop;
use crate::message::{Headers, Method, Request, Response, Status, Transport};
use crate::transaction::{ClientId, Failure, ServerId};
use authority::Authority;
use forks::{Outgoing, SentAck};
use modification::Modification;
use offer::Offer;
use received::Incoming;
use referral::Referral;
use refresh::SessionTimer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use success::Success;
use way::Way;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Early,
    Answered,
    Confirmed,
    Ended,
}

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    key: CallKey,
    /// Our INVITE began it.
    caller: bool,
    state: State,
    dialog: Dialog,
    way: Way,
    offer: Offer,
    /// The INVITE that came, until its final response.
    incoming: Option<Incoming>,
    /// The INVITE that we sent, until its transaction is gone.
    outgoing: Option<Box<Outgoing>>,
    /// Our 2xx, until its ACK.
    success: Option<Success>,
    /// Our last ACK of a 2xx, for when that comes again.
    ack: Option<SentAck>,
    modification: Option<Modification>,
    timer: Option<SessionTimer>,
    referral: Referral,
    peer: Peer,
    /// Our last session description.
    local: Option<Vec<u8>>,
    hang_up_after_ack: Option<Headers>,
    mark: Option<Arc<Headers>>,
    /// What answers challenges, where there are credentials.
    authority: Option<Box<Authority>>,
    terms: CallTerms,
    /// How it has ended, while a call that is watched waits for the answer to its BYE.
    last: Option<Box<CallEnd>>,
    /// Our transactions that are not over, and what they are for.
    clients: Vec<(ClientId, Purpose)>,
}

/// What the other side can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Peer {
    /// UPDATE (RFC 3311).
    update: bool,
}

/// What a request of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Invite,
    Prack,
    Modify,
    Bye,
    Ping,
    Info,
    Refer,
    Notify,
}

impl Call {
    /// Its number.
    pub(crate) fn key(&self) -> CallKey {
        self.key
    }

    /// The dialog. Before a response to our INVITE it has no remote tag.
    pub(crate) fn dialog(&self) -> &Dialog {
        &self.dialog
    }

    /// True when a request with these fields belongs to it: to its dialog, or to an early one of its INVITE.
    pub(crate) fn is_of(&self, request: &Headers) -> bool {
        let early = self.outgoing.as_ref().filter(|_| self.state == State::Early);
        self.dialog.is_of(request) || early.is_some_and(|o| o.is_of(request))
    }

    /// The way by which its last message came.
    pub(crate) fn hop(&self) -> &Hop {
        self.way.last()
    }

    /// True until it has ended.
    pub(crate) fn is_alive(&self) -> bool {
        self.state != State::Ended
    }

    /// True before it is answered.
    pub(crate) fn is_early(&self) -> bool {
        self.state == State::Early
    }

    /// True when it came in and is not answered yet.
    pub(crate) fn rings_here(&self) -> bool {
        self.state == State::Early && self.incoming.is_some()
    }

    /// True when nothing of it is left to do.
    pub(crate) fn is_gone(&self) -> bool {
        self.state == State::Ended && self.clients.is_empty()
    }

    pub(crate) fn marks(&self) -> Option<Arc<Headers>> {
        self.mark.clone()
    }

    /// The session timers that it may have; `None`: none.
    fn session_terms(&self, ctx: &Context<'_>) -> Option<(SessionSettings, RefreshedBy)> {
        let usual = &ctx.settings.session;
        let (settings, by) = self.terms.session(usual)?;
        // What has come in was taken with the endpoint's least.
        let least = if self.caller { settings.least } else { usual.least };
        Some((SessionSettings { least, ..settings }, by))
    }

    /// What it wants of the other side from now on.
    pub(crate) fn set_terms(&mut self, terms: CallTerms) {
        self.terms = terms;
    }

    pub(crate) fn set_nat_rule(&mut self, rule: NatRule) {
        self.way.set_rule(rule);
    }

    /// The URI of the next hop, once, when its host is a name that is to be looked up.
    pub(crate) fn unresolved(&mut self) -> Option<String> {
        self.way.unresolved(self.dialog.next_hop())
    }

    pub(crate) fn resolved(&mut self, uri: &str, transport: Transport, address: SocketAddr) {
        self.way.resolved(uri, transport, address);
    }

    /// When [`Call::timeout`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.state == State::Ended {
            return None;
        }
        let all = [
            self.incoming.as_ref().map(Incoming::deadline),
            self.outgoing
                .as_ref()
                .and_then(|o| o.deadline(self.state == State::Early)),
            self.success.as_ref().map(Success::deadline),
            self.offer.deadline(),
            self.modification.as_ref().and_then(Modification::deadline),
            self.timer.as_ref().map(SessionTimer::deadline),
            self.referral.deadline(),
        ];
        all.into_iter().flatten().min()
    }

    /// Lets all happen whose time has come.
    pub(crate) fn timeout(&mut self, ctx: &mut Context<'_>) {
        self.incoming_timeout(ctx);
        self.outgoing_timeout(ctx);
        self.success_timeout(ctx);
        self.offer_timeout(ctx);
        self.modification_timeout(ctx);
        self.session_timeout(ctx);
        self.referral_timeout(ctx);
    }

    fn success_timeout(&mut self, ctx: &mut Context<'_>) {
        let Some(success) = &mut self.success else {
            return;
        };
        match success.timeout(ctx.now) {
            success::Due::Repeat(bytes) => ctx.transactions.repeat(success.id, bytes),
            success::Due::NoAck => {
                self.success = None;
                // The dialog is there for the other side; it ends by BYE (RFC 3261 section 13.3.1.4).
                self.bye(ctx, &because(408, "no ACK"));
                self.end(ctx, CallEnd::NoAck);
            }
            success::Due::Nothing => {}
        }
    }

    /// An answer that the one who drives owes, or the other side, has not come.
    fn offer_timeout(&mut self, ctx: &mut Context<'_>) {
        if self.offer.deadline().is_some_and(|at| at <= ctx.now) {
            let _ = self.reject(ctx, Status::SERVER_INTERNAL_ERROR, &Headers::default());
        }
    }

    /// Our request could not be sent, or nobody answered it.
    pub(crate) fn client_failed(&mut self, ctx: &mut Context<'_>, id: ClientId, failure: Failure) {
        let Some(purpose) = self.take_client(id) else {
            return;
        };
        let end = match failure {
            Failure::Timeout => CallEnd::NoResponse,
            Failure::Transport => CallEnd::Unreachable,
        };
        match purpose {
            Purpose::Invite => {
                self.outgoing = None;
                self.end(ctx, end);
            }
            // Who does not answer these may still talk.
            Purpose::Bye => self.tell_end(ctx),
            Purpose::Info | Purpose::Notify => {}
            Purpose::Refer => self.refer_failed(ctx, Status::REQUEST_TIMEOUT),
            Purpose::Prack if self.state != State::Early => {}
            Purpose::Prack | Purpose::Modify | Purpose::Ping => {
                // RFC 3261 section 12.2.1.2: a request that gets no response ends the dialog.
                self.modification = None;
                self.bye(ctx, &because(408, "no response"));
                self.end(ctx, end);
            }
        }
    }

    /// A request of ours is over.
    pub(crate) fn client_gone(&mut self, id: ClientId) {
        if self.take_client(id) == Some(Purpose::Invite) {
            self.outgoing = None;
        }
    }

    /// A response of ours could not be sent, or the ACK of a refusal never came.
    pub(crate) fn server_failed(&mut self, ctx: &mut Context<'_>, id: ServerId, failure: Failure) {
        if failure != Failure::Transport || self.state == State::Ended {
            return;
        }
        let is_success = self.success.as_ref().is_some_and(|s| s.id == id);
        let is_invite = self.incoming.as_ref().is_some_and(|i| i.is(id));
        if is_success || is_invite {
            self.success = None;
            self.incoming = None;
            if is_success {
                self.bye(ctx, &because(408, "no ACK"));
            }
            self.end(ctx, CallEnd::Unreachable);
        }
    }

    /// The ACK of a 2xx of ours could not be sent; the 2xx comes again, or the other side gives up.
    pub(crate) fn ack_failed(&mut self, ctx: &mut Context<'_>) {
        if self.state == State::Confirmed {
            self.bye(ctx, &because(503, "the ACK cannot be sent"));
            self.end(ctx, CallEnd::Unreachable);
        }
    }

    /// A response to a request of ours.
    pub(crate) fn response(&mut self, ctx: &mut Context<'_>, id: ClientId, response: &Response, hop: &Hop) {
        if self.answer_challenge(ctx, id, response) {
            return;
        }
        let purpose = self.clients.iter().find(|(c, _)| *c == id).map(|(_, p)| *p);
        self.tell_reply(ctx, purpose, response);
        match purpose {
            Some(Purpose::Invite) => self.invite_response(ctx, response, hop),
            Some(Purpose::Modify) => self.modify_response(ctx, response, hop),
            Some(Purpose::Refer) => self.refer_response(ctx, response),
            Some(Purpose::Ping | Purpose::Prack) if is_lost(response.status) => self.lost(ctx),
            // RFC 5057 section 5.1: INFO belongs to the call, NOTIFY to the subscription alone.
            Some(Purpose::Info) if response.status == Status::CALL_DOES_NOT_EXIST => self.lost(ctx),
            Some(Purpose::Notify) if response.status == Status::CALL_DOES_NOT_EXIST => {
                self.referral.told = None
            }
            // A PRACK of ours has no offer, so that its 2xx has no answer; refused, it leaves the INVITE to end by itself.
            Some(Purpose::Ping | Purpose::Prack | Purpose::Bye | Purpose::Info | Purpose::Notify) | None => {}
        }
        if purpose == Some(Purpose::Bye) && !response.status.is_provisional() {
            self.tell_end(ctx);
        }
    }

    /// Of a call that is watched: what it says to a request of ours.
    fn tell_reply(&self, ctx: &mut Context<'_>, purpose: Option<Purpose>, response: &Response) {
        if !self.terms.watched {
            return;
        }
        let (of_invite, status) = (purpose == Some(Purpose::Invite), response.status);
        let told = match of_invite {
            true => status == Status::TRYING,
            false => purpose.is_some() && !status.is_provisional(),
        };
        let over = self.state == State::Ended && self.last.is_none();
        if let Some(cseq) = response.headers.cseq().filter(|_| told && !over) {
            let method = cseq.method.clone();
            ctx.tell(self.key, CallEvent::Replied { method, status });
        }
    }

    /// A request of ours got 481 or 408: the other side has no such call (RFC 3261 section 12.2.1.2).
    fn lost(&mut self, ctx: &mut Context<'_>) {
        if self.state == State::Ended {
            return;
        }
        self.modification = None;
        self.bye(ctx, &because(481, "the call is unknown there"));
        self.end(ctx, CallEnd::Lost);
    }

    /// Ends the call as its state allows: refuses, cancels, hangs up, or waits for the ACK to hang up. `extra` may say why
    /// (RFC 3326).
    pub(crate) fn hang_up(&mut self, ctx: &mut Context<'_>, extra: &Headers) -> Result<(), CallError> {
        match self.state {
            State::Ended => return Err(CallError::Over),
            State::Early if self.incoming.is_some() => {
                return self.refuse(ctx, Status::TEMPORARILY_UNAVAILABLE, extra);
            }
            State::Early => self.cancel(ctx, extra),
            State::Answered if self.success.is_some() => self.hang_up_after_ack = Some(extra.clone()),
            State::Answered | State::Confirmed => {
                self.bye(ctx, extra);
                self.end(ctx, CallEnd::LocalHungUp);
            }
        }
        Ok(())
    }

    /// Ends the dialog for the other side: by BYE, or by CANCEL while our INVITE is open.
    fn bye(&mut self, ctx: &mut Context<'_>, extra: &Headers) {
        if self.caller && self.state == State::Early {
            return self.cancel_invite(ctx, extra);
        }
        let mut bye = self.dialog.request(Method::Bye);
        bye.headers.extend(extra);
        self.send(ctx, bye, Purpose::Bye);
    }

    /// Sends a request of the dialog by the way of the call.
    fn send(&mut self, ctx: &mut Context<'_>, request: Request, purpose: Purpose) -> ClientId {
        let hop = ctx.hop(&self.way, self.dialog.next_hop(), self.dialog.has_routes());
        self.send_by(ctx, request, hop, purpose)
    }

    fn send_by(
        &mut self,
        ctx: &mut Context<'_>,
        mut request: Request,
        hop: Hop,
        purpose: Purpose,
    ) -> ClientId {
        let id = match &mut self.authority {
            Some(authority) => {
                authority.authorize(&mut request);
                let id = ctx.send(self.key, request.clone(), hop);
                authority.sent(id, request);
                id
            }
            None => ctx.send(self.key, request, hop),
        };
        self.clients.push((id, purpose));
        id
    }

    fn take_client(&mut self, id: ClientId) -> Option<Purpose> {
        if let Some(authority) = &mut self.authority {
            authority.forget(id);
        }
        let at = self.clients.iter().position(|(c, _)| *c == id)?;
        Some(self.clients.swap_remove(at).1)
    }

    fn end(&mut self, ctx: &mut Context<'_>, end: CallEnd) {
        if self.state == State::Ended {
            return;
        }
        self.state = State::Ended;
        // An INVITE of ours that has got a 1xx would wait for its end for ever.
        for (id, purpose) in &self.clients {
            if *purpose == Purpose::Modify {
                ctx.transactions.cancel(ctx.now, *id, Headers::default());
            }
        }
        self.terminate_open(ctx);
        self.success = None;
        self.modification = None;
        self.timer = None;
        self.local = None;
        let says_bye = |(_, purpose): &(ClientId, Purpose)| *purpose == Purpose::Bye;
        if self.terms.watched && self.clients.iter().any(says_bye) {
            self.last = Some(Box::new(end));
        } else {
            ctx.tell(self.key, CallEvent::Ended(end));
        }
    }

    /// The BYE of a call that is watched is answered, or will not be. Nothing is told after it.
    fn tell_end(&mut self, ctx: &mut Context<'_>) {
        if let Some(end) = self.last.take() {
            ctx.tell(self.key, CallEvent::Ended(*end));
        }
    }
}

/// A Reason field of ours (RFC 3326).
fn because(cause: u16, text: &str) -> Headers {
    let mut headers = Headers::default();
    let reason = crate::message::Reason {
        protocol: "SIP",
        cause: Some(cause),
        text: Some(text),
    };
    headers.push(crate::message::Name::Reason, reason);
    headers
}

fn is_lost(status: Status) -> bool {
    matches!(status, Status::CALL_DOES_NOT_EXIST | Status::REQUEST_TIMEOUT)
}
