//! An INVITE that we sent, until its transaction is gone.

use super::authority::Authority;
use super::context::Context;
use super::event::{CallEnd, CallEvent, CallKey, Cause, Rejection};
use super::forks::{Outgoing, SentAck};
use super::invitation::Invitation;
use super::offer::{Offer, Place, SDP, session};
use super::refresh::{SessionTimer, ask, granted, min_se};
use super::settings::ALLOW;
use super::terms::{RefreshedBy, Reliable};
use super::way::Way;
use super::{Call, Peer, Purpose, State};
use crate::dialog::Dialog;
use crate::hop::Hop;
use crate::message::{
    Headers, Method, Name, NameAddr, Refresher, Request, Response, Status, number, seconds,
};

impl Call {
    /// Makes a call: sends its INVITE.
    pub(crate) fn outgoing(ctx: &mut Context<'_>, key: CallKey, invitation: Invitation) -> Call {
        let tag = ctx.random.token();
        let call_id = ctx.random.token();
        let route = invitation.routes.first().and_then(|route| NameAddr::parse(route));
        let secure = invitation.uri.parts().is_sips() || route.is_some_and(|route| route.parts().is_sips());
        let mut request = Request::new(Method::Invite, invitation.uri);
        let headers = &mut request.headers;
        for route in &invitation.routes {
            headers.push(Name::Route, route);
        }
        headers.push(Name::MaxForwards, 70);
        headers.push(Name::From, format_args!("{};tag={tag}", invitation.from));
        headers.push(Name::To, &invitation.to);
        headers.push(Name::CallId, call_id);
        headers.push(
            Name::CSeq,
            format_args!("{} INVITE", 1 + (ctx.random.number() >> 52)),
        );
        // RFC 3261 section 8.1.1.8.
        let own = ctx.listeners.own(&invitation.hop).secured(secure);
        headers.push(Name::Contact, own.contact(&ctx.settings.user));
        headers.push(Name::Allow, ALLOW);
        let terms = invitation.terms;
        headers.push(Name::Supported, terms.supported());
        if terms.reliable == Reliable::Required {
            headers.push(Name::Require, "100rel");
        }
        if let Some((settings, by)) = terms.session(&ctx.settings.session) {
            ask(headers, settings.interval, settings.least, refresher(by));
        }
        headers.extend(&invitation.headers);
        let offered = invitation.offer.is_some();
        if let Some(offer) = &invitation.offer {
            request = request.with_body(SDP, offer.clone());
        }
        let hop = invitation.hop.clone();
        let mut call = Call {
            key,
            caller: true,
            state: State::Early,
            dialog: Dialog::of_client(&request, &request.headers),
            way: Way::new(invitation.hop.clone(), invitation.nat),
            offer: if offered { Offer::Ours } else { Offer::None },
            incoming: None,
            outgoing: None,
            success: None,
            ack: None,
            modification: None,
            timer: None,
            referral: Default::default(),
            peer: Peer::default(),
            local: invitation.offer,
            authority: Authority::new(invitation.credentials),
            terms,
            hang_up_after_ack: None,
            mark: None,
            last: None,
            clients: Vec::new(),
        };
        let client = call.send_by(ctx, request.clone(), hop.clone(), Purpose::Invite);
        call.outgoing = Some(Box::new(Outgoing {
            client,
            request,
            nat: invitation.nat,
            hop,
            offered,
            forks: Vec::new(),
            selected: None,
            declined: Vec::new(),
            ring_until: ctx.now + ctx.settings.ring_limit,
            cancelled: false,
            retried: false,
        }));
        call
    }

    /// Gives the INVITE up. The call is over for the one who drives; what comes back is still taken care of.
    pub(super) fn cancel(&mut self, ctx: &mut Context<'_>, extra: &Headers) {
        self.cancel_invite(ctx, extra);
        self.end(ctx, CallEnd::Cancelled(Vec::new()));
    }

    pub(super) fn cancel_invite(&mut self, ctx: &mut Context<'_>, extra: &Headers) {
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.cancelled = true;
            ctx.transactions.cancel(ctx.now, outgoing.client, extra.clone());
        }
    }

    pub(super) fn outgoing_timeout(&mut self, ctx: &mut Context<'_>) {
        let early = self.state == State::Early;
        let over = self.outgoing.as_ref().and_then(|o| o.deadline(early));
        if over.is_some_and(|at| at <= ctx.now) {
            self.cancel_invite(ctx, &super::because(408, "it rang for too long"));
            self.end(ctx, CallEnd::RingLimit);
        }
    }

    pub(super) fn invite_response(&mut self, ctx: &mut Context<'_>, response: &Response, hop: &Hop) {
        let status = response.status;
        if status == Status::TRYING {
            return;
        }
        if status.is_provisional() {
            if self.state == State::Early {
                self.provisional(ctx, response, hop);
            }
        } else if status.is_success() {
            self.invite_success(ctx, response, hop);
        } else if self.state == State::Early {
            self.rejected(ctx, response);
        }
    }

    fn provisional(&mut self, ctx: &mut Context<'_>, response: &Response, hop: &Hop) {
        let headers = &response.headers;
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        let tag = headers.to_tag().unwrap_or_default();
        let reliable = headers
            .lists(Name::Require, "100rel")
            .then(|| rseq(headers))
            .flatten();
        let mut body = session(headers, &response.body)
            .ok()
            .flatten()
            .map(<[u8]>::to_vec);
        if !tag.is_empty() {
            let Some(at) = outgoing.fork(response) else {
                return;
            };
            outgoing.select(at, &mut self.dialog);
            let Some(fork) = outgoing.forks.get_mut(at) else {
                return;
            };
            if let Some(rseq) = reliable {
                // In order, and each once (RFC 3262 section 4).
                if fork.rseq.is_some_and(|last| last.checked_add(1) != Some(rseq)) {
                    return;
                }
                fork.rseq = Some(rseq);
            }
            // Only the first answer of a fork counts (RFC 6337 section 2.1). What stands in an unreliable response to an INVITE
            // without an offer is no offer yet (RFC 3261 section 13.2.1): the 2xx has it.
            if fork.answered || !(outgoing.offered || reliable.is_some()) {
                body = None;
            }
            fork.answered |= body.is_some();
        }
        self.way.moved(hop);
        ctx.tell(
            self.key,
            CallEvent::Progress {
                status: response.status,
                headers: headers.clone(),
            },
        );
        let offered = self.outgoing.as_ref().is_some_and(|o| o.offered);
        match (body, offered, reliable) {
            (Some(answer), true, reliable) => {
                if reliable.is_some() {
                    self.offer = Offer::None;
                }
                ctx.tell(self.key, CallEvent::Answer(answer));
            }
            (Some(offer), false, Some(rseq)) if self.offer.is_none() => {
                self.offer = Offer::theirs(
                    Place::Provisional {
                        tag: tag.into(),
                        rseq,
                    },
                    ctx.now,
                );
                ctx.tell(self.key, CallEvent::Offer(offer));
                return;
            }
            _ => {}
        }
        if let Some(rseq) = reliable {
            self.send_prack(ctx, tag, rseq, None);
        }
    }

    /// Acknowledges a reliable provisional response, by the fork that sent it (RFC 3262 section 4).
    pub(super) fn send_prack(
        &mut self,
        ctx: &mut Context<'_>,
        tag: &str,
        rseq: u32,
        answer: Option<Vec<u8>>,
    ) {
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        let number = outgoing.request.headers.cseq().map_or(0, |c| c.number);
        let Some(at) = outgoing.forks.iter().position(|f| &*f.tag == tag) else {
            return;
        };
        outgoing.select(at, &mut self.dialog);
        let mut prack = self.dialog.request(Method::Prack);
        prack
            .headers
            .push(Name::RAck, format_args!("{rseq} {number} INVITE"));
        if let Some(answer) = answer {
            prack = prack.with_body(SDP, answer);
        }
        self.send(ctx, prack, Purpose::Prack);
    }

    fn invite_success(&mut self, ctx: &mut Context<'_>, response: &Response, hop: &Hop) {
        let headers = &response.headers;
        let tag = headers.to_tag().unwrap_or_default();
        if self.state != State::Early {
            if self.ack.is_some() && self.dialog.remote_tag() == tag {
                // It came again: its ACK was lost. Behind a re-INVITE of ours it came late, and that ACK is not asked for
                // any more; another one of the same dialog never ends the call.
                return self.acknowledge_again(ctx, headers);
            }
            return self.decline(ctx, response);
        }
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        let mut answered = false;
        match outgoing.forks.iter().position(|f| &*f.tag == tag) {
            Some(at) => {
                outgoing.select(at, &mut self.dialog);
                answered = outgoing.forks.get(at).is_some_and(|f| f.answered);
            }
            None => {
                outgoing.deselect(&mut self.dialog);
                self.dialog = Dialog::of_client(&outgoing.request, headers);
            }
        }
        self.dialog.confirm(headers);
        self.peer.update = headers.lists(Name::Allow, "UPDATE");
        self.way.moved(hop);
        let number = headers.cseq().map_or(0, |c| c.number);
        let (offered, body) = (outgoing.offered, session(headers, &response.body).ok().flatten());
        let granted = granted(headers, self.session_terms(ctx));
        self.timer = granted.map(|(seconds, ours)| SessionTimer::new(ctx.now, seconds, ours));
        self.state = State::Confirmed;
        ctx.tell(
            self.key,
            CallEvent::Answered {
                headers: headers.clone(),
            },
        );
        match (body, offered) {
            (Some(answer), true) => {
                // Said before, reliably or not, it is said again (RFC 6337 section 2.1).
                self.offer = Offer::None;
                self.acknowledge(ctx, number, None);
                ctx.tell(self.key, CallEvent::Answer(answer.to_vec()));
            }
            (None, true) if answered => {
                self.offer = Offer::None;
                self.acknowledge(ctx, number, None);
            }
            (Some(offer), false) if !answered => {
                self.offer = Offer::theirs(Place::Ack { number }, ctx.now);
                ctx.tell(self.key, CallEvent::Offer(offer.to_vec()));
            }
            (_, false) if answered => self.acknowledge(ctx, number, None),
            _ => {
                self.acknowledge(ctx, number, None);
                self.bye(ctx, &super::because(488, "the 200 has no session description"));
                self.end(ctx, CallEnd::NoAnswer);
            }
        }
    }

    /// Sends the ACK of the 2xx to the INVITE with this number.
    pub(super) fn acknowledge(&mut self, ctx: &mut Context<'_>, number: u32, answer: Option<Vec<u8>>) {
        let mut ack = self.dialog.ack(number);
        self.authorize_ack(&mut ack);
        if let Some(answer) = answer {
            ack = ack.with_body(SDP, answer);
        }
        let hop = ctx.hop(&self.way, self.dialog.next_hop(), self.dialog.has_routes());
        let bytes = ctx.acknowledge(self.key, ack, &hop);
        self.ack = Some(SentAck { number, bytes, hop });
    }

    pub(super) fn acknowledge_again(&mut self, ctx: &mut Context<'_>, headers: &Headers) {
        let number = headers.cseq().map(|c| c.number);
        if let Some(ack) = self.ack.as_ref().filter(|a| Some(a.number) == number) {
            ctx.transactions
                .acknowledge_again(ack.bytes.clone(), &ack.hop, self.key.0);
        }
    }

    /// A 2xx that is one too many: of another fork, or one that crossed our CANCEL. It gets its ACK and a BYE (RFC 3261
    /// section 13.2.2.4).
    fn decline(&mut self, ctx: &mut Context<'_>, response: &Response) {
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        let tag = response.headers.to_tag().unwrap_or_default();
        let at = outgoing.forks.iter().position(|f| &*f.tag == tag);
        let early = at.and_then(|at| outgoing.forks.get(at)).map(|f| &f.dialog);
        let mut dialog = match early {
            Some(_) if at == outgoing.selected => self.dialog.clone(),
            Some(dialog) => dialog.clone(),
            None => Dialog::of_client(&outgoing.request, &response.headers),
        };
        dialog.confirm(&response.headers);
        let number = response.headers.cseq().map_or(0, |c| c.number);
        let hop = ctx.hop(&self.way, dialog.next_hop(), dialog.has_routes());
        ctx.acknowledge(self.key, dialog.ack(number), &hop);
        if outgoing.declined.iter().any(|t| **t == *tag) {
            return;
        }
        outgoing.declined.push(tag.into());
        let mut bye = dialog.request(Method::Bye);
        bye.headers.extend(&super::because(
            487,
            "another answer was taken, or none is wanted",
        ));
        let id = ctx.send(self.key, bye, hop);
        self.clients.push((id, Purpose::Bye));
    }

    fn rejected(&mut self, ctx: &mut Context<'_>, response: &Response) {
        if response.status == Status::SESSION_INTERVAL_TOO_SMALL && self.try_longer_interval(ctx, response) {
            return;
        }
        let headers = &response.headers;
        let rejection = Rejection {
            status: response.status,
            phrase: crate::message::readable(&response.phrase).into_owned(),
            warning: headers.get(Name::Warning).map(str::to_owned),
            causes: Cause::all(headers),
            retry_after: headers.get(Name::RetryAfter).and_then(seconds),
            contacts: contacts(headers),
        };
        self.end(ctx, CallEnd::Rejected(rejection));
    }

    /// 422: the INVITE goes again, once, with the interval that is asked for (RFC 4028 section 7.3).
    fn try_longer_interval(&mut self, ctx: &mut Context<'_>, response: &Response) -> bool {
        let least = min_se(&response.headers);
        let Some((settings, by)) = self.session_terms(ctx) else {
            return false;
        };
        let Some(outgoing) = self.outgoing.as_mut().filter(|o| !o.retried && least > 0) else {
            return false;
        };
        outgoing.retried = true;
        let headers = &mut outgoing.request.headers;
        ask(headers, least.max(settings.interval), least, refresher(by));
        self.invite_again(ctx);
        true
    }

    /// Sends the INVITE once more, as a new request of the same call.
    pub(super) fn invite_again(&mut self, ctx: &mut Context<'_>) {
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        let number = outgoing.request.headers.cseq().map_or(0, |c| c.number) + 1;
        outgoing
            .request
            .headers
            .set(Name::CSeq, format_args!("{number} INVITE"));
        outgoing.deselect(&mut self.dialog);
        outgoing.forks.clear();
        self.way = Way::new(outgoing.hop.clone(), outgoing.nat);
        let (request, hop, old) = (outgoing.request.clone(), outgoing.hop.clone(), outgoing.client);
        // The old transaction goes on by itself; it has nothing more to say.
        self.take_client(old);
        let client = self.send_by(ctx, request, hop, Purpose::Invite);
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.client = client;
        }
    }
}

/// Who refreshes, as an INVITE of ours says it; we are its UAC.
fn refresher(by: RefreshedBy) -> Option<Refresher> {
    match by {
        RefreshedBy::Either => None,
        RefreshedBy::Us => Some(Refresher::Uac),
        RefreshedBy::Them => Some(Refresher::Uas),
    }
}

fn rseq(headers: &Headers) -> Option<u32> {
    headers.get(Name::RSeq).and_then(number)
}

/// Where a redirection sends us, best first (RFC 3261 section 8.1.3.4); one without a q is as good as any (section 20.10).
fn contacts(headers: &Headers) -> Vec<String> {
    let mut all: Vec<NameAddr<'_>> = headers.list(Name::Contact).filter_map(NameAddr::parse).collect();
    let worth = |one: &NameAddr<'_>| {
        one.params
            .get("q")
            .and_then(|q| q.parse().ok())
            .unwrap_or(1.0_f32)
    };
    all.sort_by(|one, other| worth(other).total_cmp(&worth(one)));
    all.iter().map(|one| one.uri.to_owned()).collect()
}
