//! Transfer (RFC 3515, RFC 4488): REFER in both directions, and the NOTIFYs that tell how it goes.

use super::context::Context;
use super::event::{CallError, CallEvent, ReferTo};
use super::{Call, Purpose, State};
use crate::message::{Headers, Method, Name, Request, Response, Status};
use crate::transaction::ServerId;
use std::time::Duration;

/// How long a REFER may wait for the answer of the one who drives; timer F of its sender is 32 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long a subscription lasts that nobody ends, as Subscription-State says.
const SUBSCRIPTION: Duration = Duration::from_secs(180);

impl Call {
    pub(super) fn refer_came(&mut self, ctx: &mut Context<'_>, id: ServerId, request: Box<Request>) {
        let target = request.headers.address(Name::ReferTo).map(|a| a.uri.to_owned());
        let busy = self.referral.asked.is_some() || self.referral.told.is_some();
        let status = match &target {
            None => Some(Status::BAD_REQUEST),
            Some(_) if self.state != State::Confirmed => Some(Status::METHOD_NOT_ALLOWED),
            Some(_) if busy => Some(Status::REQUEST_PENDING),
            Some(_) => None,
        };
        let (None, Some(uri)) = (status, target) else {
            let status = status.unwrap_or(Status::BAD_REQUEST);
            return self.say(ctx, id, &request, status, &Headers::default());
        };
        let subscribed = !request
            .headers
            .get(Name::ReferSub)
            .is_some_and(|v| v.eq_ignore_ascii_case("false"));
        let refer = ReferTo {
            uri,
            referred_by: request.headers.get(Name::ReferredBy).map(str::to_owned),
            subscribed,
        };
        self.referral.asked = Some((id, request, ctx.now + ANSWER_LIMIT));
        ctx.tell(self.key, CallEvent::Refer(refer));
    }

    /// Answers a REFER: 202 and NOTIFYs, or a refusal.
    pub(crate) fn refer_answer(&mut self, ctx: &mut Context<'_>, status: Status) -> Result<(), CallError> {
        let (id, request, _) = self.referral.asked.take().ok_or(CallError::State)?;
        let quiet = request
            .headers
            .get(Name::ReferSub)
            .is_some_and(|v| v.eq_ignore_ascii_case("false"));
        let mut extra = Headers::default();
        if quiet && status.is_success() {
            extra.push(Name::ReferSub, "false");
        }
        self.say(ctx, id, &request, status, &extra);
        if status.is_success() && !quiet {
            let number = request.headers.cseq().map_or(0, |c| c.number);
            self.referral.told = Some((number, ctx.now + SUBSCRIPTION));
            self.notify(ctx, Status::TRYING, false);
        }
        Ok(())
    }

    /// Tells the one who sent the REFER how far our call is; a final status is the last word.
    pub(crate) fn refer_progress(&mut self, ctx: &mut Context<'_>, status: Status) -> Result<(), CallError> {
        if self.state != State::Confirmed {
            return Err(CallError::Over);
        }
        self.referral.told.ok_or(CallError::State)?;
        self.notify(ctx, status, status.is_final());
        Ok(())
    }

    fn notify(&mut self, ctx: &mut Context<'_>, status: Status, last: bool) {
        let Some((number, until)) = self.referral.told else {
            return;
        };
        let mut notify = self.dialog.request(Method::Notify);
        notify
            .headers
            .push(Name::Event, format_args!("refer;id={number}"));
        if last {
            notify
                .headers
                .push(Name::SubscriptionState, "terminated;reason=noresource");
            self.referral.told = None;
        } else {
            let left = until.saturating_duration_since(ctx.now).as_secs();
            notify
                .headers
                .push(Name::SubscriptionState, format_args!("active;expires={left}"));
        }
        let body = format!("SIP/2.0 {status}\r\n").into_bytes();
        let notify = notify.with_body("message/sipfrag;version=2.0", body);
        self.send(ctx, notify, Purpose::Notify);
    }

    /// Asks the other side to call `to` instead: a URI in angle brackets, which may name a dialog to replace.
    pub(crate) fn refer(
        &mut self,
        ctx: &mut Context<'_>,
        to: &str,
        extra: &Headers,
    ) -> Result<(), CallError> {
        if self.state != State::Confirmed || self.referral.ours.is_some() {
            return Err(CallError::State);
        }
        let mut refer = self.dialog.request(Method::Refer);
        refer.headers.push(Name::ReferTo, to);
        refer.headers.extend(extra);
        self.referral.ours = Some(self.dialog.local_cseq());
        self.send(ctx, refer, Purpose::Refer);
        Ok(())
    }

    pub(super) fn refer_response(&mut self, ctx: &mut Context<'_>, response: &Response) {
        let status = response.status;
        if super::is_lost(status) {
            return self.lost(ctx);
        }
        if status.is_final() && !status.is_success() {
            self.refer_failed(ctx, status);
        }
    }

    pub(super) fn refer_failed(&mut self, ctx: &mut Context<'_>, status: Status) {
        if self.referral.ours.take().is_some() && self.state != State::Ended {
            ctx.tell(self.key, CallEvent::ReferProgress(status));
        }
    }

    pub(super) fn notify_came(&mut self, ctx: &mut Context<'_>, id: ServerId, notify: &Request) {
        let (event, _) =
            crate::message::value_and_params(notify.headers.get(Name::Event).unwrap_or_default());
        if !event.eq_ignore_ascii_case("refer") || self.referral.ours.is_none() {
            // Nobody subscribed (RFC 6665 section 4.1.3).
            return self.say(ctx, id, notify, Status::CALL_DOES_NOT_EXIST, &Headers::default());
        }
        self.say(ctx, id, notify, Status::OK, &Headers::default());
        let state = notify.headers.get(Name::SubscriptionState).unwrap_or_default();
        let (state, _) = crate::message::value_and_params(state);
        let over = state.eq_ignore_ascii_case("terminated");
        let status = fragment(&notify.body);
        if over || status.is_some_and(Status::is_final) {
            self.referral.ours = None;
        }
        if let Some(status) = status {
            ctx.tell(self.key, CallEvent::ReferProgress(status));
        }
    }

    pub(super) fn referral_timeout(&mut self, ctx: &mut Context<'_>) {
        if self
            .referral
            .asked
            .as_ref()
            .is_some_and(|(.., at)| *at <= ctx.now)
        {
            let _ = self.refer_answer(ctx, Status::DECLINE);
        }
        if self.referral.told.is_some_and(|(_, at)| at <= ctx.now) {
            self.notify(ctx, Status::REQUEST_TIMEOUT, true);
        }
    }
}

/// The status line in a `message/sipfrag` (RFC 3420).
fn fragment(body: &[u8]) -> Option<Status> {
    let line = body.split(|b| *b == b'\n').next()?;
    let text = std::str::from_utf8(line).ok()?;
    let code = text.trim().strip_prefix("SIP/2.0 ")?.get(..3)?;
    Status::new(code.parse().ok()?)
}
