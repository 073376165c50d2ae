//! Requests within a dialog.

use super::context::{Context, unsupported};
use super::event::{CallEnd, CallError, CallEvent, Cause};
use super::refresh::Due;
use super::settings::{ALLOW, EXTENSIONS, SUPPORTED};
use super::{Call, Purpose, State};
use crate::hop::Hop;
use crate::message::{Headers, Method, Name, Request, Status};
use crate::transaction::ServerId;

impl Call {
    /// A request of this dialog; neither ACK nor CANCEL.
    pub(crate) fn request(&mut self, ctx: &mut Context<'_>, id: ServerId, request: Box<Request>, hop: &Hop) {
        if let Some(outgoing) = self.outgoing.as_mut().filter(|_| self.state == State::Early) {
            outgoing.select_of(&request.headers, &mut self.dialog);
        }
        if !self.dialog.take_sequence(&request.headers) {
            // RFC 3261 section 12.2.2.
            return self.say(
                ctx,
                id,
                &request,
                Status::SERVER_INTERNAL_ERROR,
                &Headers::default(),
            );
        }
        if self.state == State::Ended {
            return self.say(
                ctx,
                id,
                &request,
                Status::CALL_DOES_NOT_EXIST,
                &Headers::default(),
            );
        }
        if let Some((status, extra)) = unsupported(&request, &EXTENSIONS) {
            return self.say(ctx, id, &request, status, &extra);
        }
        self.way.moved(hop);
        match request.method {
            Method::Bye => self.bye_came(ctx, id, &request),
            Method::Invite => self.reinvite(ctx, id, request),
            Method::Update => self.update(ctx, id, request),
            Method::Prack => self.prack(ctx, id, request),
            Method::Info => self.info(ctx, id, &request),
            Method::Refer => self.refer_came(ctx, id, request),
            Method::Notify => self.notify_came(ctx, id, &request),
            Method::Options => {
                let mut extra = Headers::default();
                extra.push(Name::Accept, super::offer::SDP);
                extra.push(Name::Supported, SUPPORTED);
                extra.push(Name::Allow, ALLOW);
                self.say(ctx, id, &request, Status::OK, &extra);
            }
            _ => {
                let mut extra = Headers::default();
                extra.push(Name::Allow, ALLOW);
                self.say(ctx, id, &request, Status::METHOD_NOT_ALLOWED, &extra);
            }
        }
    }

    /// Answers a request of the dialog.
    pub(super) fn say(
        &mut self,
        ctx: &mut Context<'_>,
        id: ServerId,
        request: &Request,
        status: Status,
        extra: &Headers,
    ) {
        let mut response = self.dialog.response(request, status);
        response.headers.extend(extra);
        ctx.respond(id, response);
    }

    fn bye_came(&mut self, ctx: &mut Context<'_>, id: ServerId, bye: &Request) {
        self.say(ctx, id, bye, Status::OK, &Headers::default());
        if self.caller && self.state == State::Early {
            return self.cancel(ctx, &Headers::default());
        }
        self.end(ctx, CallEnd::RemoteHungUp(Cause::all(&bye.headers)));
    }

    fn info(&mut self, ctx: &mut Context<'_>, id: ServerId, info: &Request) {
        let content_type = info.headers.content_type();
        let known = ctx
            .settings
            .info_types
            .iter()
            .any(|t| t.eq_ignore_ascii_case(content_type));
        if !info.body.is_empty() && !known {
            let mut extra = Headers::default();
            extra.push(Name::Accept, ctx.settings.info_types.join(", "));
            return self.say(ctx, id, info, Status::UNSUPPORTED_MEDIA_TYPE, &extra);
        }
        self.say(ctx, id, info, Status::OK, &Headers::default());
        if !info.body.is_empty() {
            let event = CallEvent::Info {
                content_type: content_type.to_owned(),
                body: info.body.clone(),
            };
            ctx.tell(self.key, event);
        }
    }

    /// Asks whether the other side still has the call, by OPTIONS: one that has not ends it. For calls without media, as those
    /// on hold.
    pub(crate) fn ping(&mut self, ctx: &mut Context<'_>) -> Result<(), CallError> {
        if self.state != State::Confirmed {
            return Err(CallError::State);
        }
        if !self.clients.iter().any(|(_, p)| *p == Purpose::Ping) {
            let mut options = self.dialog.request(Method::Options);
            options.headers.push(Name::Accept, super::offer::SDP);
            self.send(ctx, options, Purpose::Ping);
        }
        Ok(())
    }

    /// Sends an INFO (RFC 6086).
    pub(crate) fn send_info(
        &mut self,
        ctx: &mut Context<'_>,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<(), CallError> {
        if self.state != State::Confirmed {
            return Err(CallError::State);
        }
        let info = self.dialog.request(Method::Info).with_body(content_type, body);
        self.send(ctx, info, Purpose::Info);
        Ok(())
    }

    pub(super) fn session_timeout(&mut self, ctx: &mut Context<'_>) {
        let Some(timer) = self.timer.as_mut().filter(|t| t.deadline() <= ctx.now) else {
            return;
        };
        match timer.due(ctx.now) {
            Due::Refresh => self.refresh(ctx),
            Due::Expired => {
                self.bye(ctx, &super::because(408, "the session was not refreshed"));
                self.end(ctx, CallEnd::Expired);
            }
        }
    }
}
