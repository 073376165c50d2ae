//! Challenges to our requests (RFC 3261 section 22): answered, and the request made again.

use super::context::Context;
use super::{Call, Purpose, State};
use crate::message::{Method, Name, Request, Response, Status};
use crate::transaction::ClientId;

impl Call {
    /// Makes a challenged request again; false when it was not challenged, or there is no answer to it.
    pub(super) fn answer_challenge(
        &mut self,
        ctx: &mut Context<'_>,
        id: ClientId,
        response: &Response,
    ) -> bool {
        let challenged = matches!(
            response.status,
            Status::UNAUTHORIZED | Status::PROXY_AUTHENTICATION_REQUIRED
        );
        let over = self.state == State::Ended;
        let Some(authority) = &mut self.authority else {
            return false;
        };
        let Some((_, sent)) = authority.sent.iter().find(|(sent, _)| *sent == id) else {
            return false;
        };
        if !challenged {
            if response.status.is_final() {
                authority.client.accepted(sent, response);
            }
            return false;
        }
        // Of a call that is over only the BYE is still wanted.
        if over && sent.method != Method::Bye {
            return false;
        }
        if authority.client.challenged(sent, response, ctx.random).is_err() {
            return false;
        }
        let again = sent.clone();
        match self.take_client(id) {
            Some(Purpose::Invite) => self.invite_again(ctx),
            Some(purpose) => self.send_again(ctx, again, purpose),
            None => return false,
        }
        true
    }

    /// The same request with the next number of the dialog.
    fn send_again(&mut self, ctx: &mut Context<'_>, mut request: Request, purpose: Purpose) {
        let number = self.dialog.next_number();
        request
            .headers
            .set(Name::CSeq, format_args!("{number} {}", request.method));
        let id = self.send(ctx, request, purpose);
        if purpose == Purpose::Modify
            && let Some(modification) = &mut self.modification
        {
            modification.renumber(id, number);
        }
    }

    /// Credentials of the INVITE stand in the ACK of its 2xx too (RFC 3261 section 22.1).
    pub(super) fn authorize_ack(&self, ack: &mut Request) {
        let sent = self.authority.iter().flat_map(|a| &a.sent);
        if let Some((_, invite)) = sent.rev().find(|(_, r)| r.method == Method::Invite) {
            ack.headers.copy(&invite.headers, Name::Authorization);
            ack.headers.copy(&invite.headers, Name::ProxyAuthorization);
        }
    }
}
