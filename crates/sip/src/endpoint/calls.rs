//! What the one who drives does with a call.

use super::{Endpoint, Marker};
use crate::call::{Call, CallError, CallKey, CallTerms, Context, Invitation, NatRule};
use crate::message::{Headers, Request, Status, Transport};
use std::net::SocketAddr;
use std::time::Instant;

impl Endpoint {
    /// Makes a call.
    pub fn invite(&mut self, now: Instant, invitation: Invitation) -> CallKey {
        self.last += 1;
        let key = CallKey(self.last);
        let mut ctx = self.shared.context(now, None);
        let call = Call::outgoing(&mut ctx, key, invitation);
        self.enter(call);
        self.after(key);
        self.pump(now);
        key
    }

    /// Lets an incoming call ring (180), or tells its progress (181 to 183, 199): reliably where the caller takes it and
    /// `reliable` asks for it. `session` is our answer, or our offer when the INVITE had none.
    ///
    /// # Errors
    /// [`CallError`]: the call is over or answered, or a session is not possible here.
    pub fn progress(
        &mut self,
        now: Instant,
        call: CallKey,
        status: Status,
        session: Option<Vec<u8>>,
        reliable: bool,
        headers: &Headers,
    ) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| {
            c.progress(ctx, status, session, reliable, headers)
        })
    }

    /// Answers an incoming call by 200 with our answer, or our offer when the INVITE had none.
    ///
    /// # Errors
    /// [`CallError`]: the call is over or answered, or the session is missing.
    pub fn answer(
        &mut self,
        now: Instant,
        call: CallKey,
        session: Option<Vec<u8>>,
        headers: &Headers,
    ) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.answer(ctx, session, headers))
    }

    /// Refuses an incoming call.
    ///
    /// # Errors
    /// [`CallError`]: the call is over or answered.
    pub fn refuse(
        &mut self,
        now: Instant,
        call: CallKey,
        status: Status,
        headers: &Headers,
    ) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.refuse(ctx, status, headers))
    }

    /// Ends a call as its state allows: refuses, cancels, or hangs up, after the ACK where that is still to come. `headers`
    /// may have a Reason (RFC 3326).
    ///
    /// # Errors
    /// [`CallError::Over`].
    pub fn hang_up(&mut self, now: Instant, call: CallKey, headers: &Headers) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.hang_up(ctx, headers))
    }

    /// Offers another session in a call that is up.
    ///
    /// # Errors
    /// [`CallError::OfferPending`] while another one is under way.
    pub fn offer(&mut self, now: Instant, call: CallKey, offer: Vec<u8>) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.offer(ctx, offer))
    }

    /// Refreshes the session of a call that is up (RFC 4028 section 7.4) before its time.
    ///
    /// # Errors
    /// [`CallError::OfferPending`] while an offer is under way.
    pub fn refresh(&mut self, now: Instant, call: CallKey) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.refresh_now(ctx))
    }

    /// Answers the other side's offer, or gives the one that it wants.
    ///
    /// # Errors
    /// [`CallError::State`] when none waits.
    pub fn accept(&mut self, now: Instant, call: CallKey, session: Vec<u8>) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.accept(ctx, session))
    }

    /// Refuses the other side's offer, by 488 as a rule; the session stays as it was.
    ///
    /// # Errors
    /// [`CallError::State`] when none waits.
    pub fn reject(
        &mut self,
        now: Instant,
        call: CallKey,
        status: Status,
        headers: &Headers,
    ) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.reject(ctx, status, headers))
    }

    /// Sends an INFO with a body (RFC 6086).
    ///
    /// # Errors
    /// [`CallError`]: the call is not up.
    pub fn info(
        &mut self,
        now: Instant,
        call: CallKey,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.send_info(ctx, content_type, body))
    }

    /// Asks whether the other side still has the call; one that has not ends it.
    ///
    /// # Errors
    /// [`CallError`]: the call is not up.
    pub fn ping(&mut self, now: Instant, call: CallKey) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.ping(ctx))
    }

    /// Asks the other side to call `to` instead (RFC 3515): a URI in angle brackets.
    ///
    /// # Errors
    /// [`CallError`]: the call is not up, or is being transferred already.
    pub fn refer(
        &mut self,
        now: Instant,
        call: CallKey,
        to: &str,
        headers: &Headers,
    ) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.refer(ctx, to, headers))
    }

    /// Answers the other side's REFER: 202, or a refusal.
    ///
    /// # Errors
    /// [`CallError::State`] when none waits.
    pub fn refer_answer(&mut self, now: Instant, call: CallKey, status: Status) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.refer_answer(ctx, status))
    }

    /// Tells the other side how far the call of its REFER is; a final status is the last word.
    ///
    /// # Errors
    /// [`CallError`]: nobody wants to know.
    pub fn refer_progress(&mut self, now: Instant, call: CallKey, status: Status) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.refer_progress(ctx, status))
    }

    /// Every call that comes in from now on has the fields that `marker` makes for its INVITE in all of its responses, so that
    /// both sides can name it alike.
    pub fn mark_calls(&mut self, marker: impl FnMut(&Request) -> Headers + Send + 'static) {
        self.marker = Some(Marker(Box::new(marker)));
    }

    /// How requests of this call find a peer behind a NAT.
    pub fn set_nat_rule(&mut self, call: CallKey, rule: NatRule) {
        if let Some(call) = self.calls.get_mut(&call) {
            call.set_nat_rule(rule);
        }
    }

    /// What a call that has come in wants of the other side; to be said before it rings.
    pub fn set_terms(&mut self, call: CallKey, terms: CallTerms) {
        if let Some(call) = self.calls.get_mut(&call) {
            call.set_terms(terms);
        }
    }

    /// Where the host of a URI is that [`Event::Resolve`](crate::Event::Resolve) asked for.
    pub fn resolved(&mut self, call: CallKey, uri: &str, transport: Transport, address: SocketAddr) {
        if let Some(call) = self.calls.get_mut(&call) {
            call.resolved(uri, transport, address);
        }
    }

    /// Whom a Replaces field of ours would name (RFC 3891): its value for a call that we are in, from the other side's view.
    pub fn replaces(&self, call: CallKey) -> Option<String> {
        let dialog = self.calls.get(&call)?.dialog();
        Some(format!(
            "{};to-tag={};from-tag={}",
            dialog.call_id(),
            dialog.remote_tag(),
            dialog.local_tag()
        ))
    }

    fn act(
        &mut self,
        now: Instant,
        key: CallKey,
        act: impl FnOnce(&mut Call, &mut Context<'_>) -> Result<(), CallError>,
    ) -> Result<(), CallError> {
        if !self.calls.get(&key).is_some_and(Call::is_alive) {
            return Err(CallError::Over);
        }
        let mut result = Ok(());
        self.step(now, key, |call, ctx| result = act(call, ctx));
        self.pump(now);
        result
    }
}
