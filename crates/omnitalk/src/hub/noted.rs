//! Who did what, for the audit log: the requests that change something for others, however they ended.

use super::Hub;
use crate::effects::Effect;
use crate::fault::Fault;
use crate::ids::SocketId;
use crate::incoming::{Kind, Request};
use crate::outgoing::Reply;

/// What a request of this kind is called; none: nobody asks for it later.
fn name(kind: Kind, request: &Request) -> Option<&'static str> {
    Some(match kind {
        Kind::Session => "session_start",
        Kind::Join => "room_join",
        Kind::CreateRoom => "room_create",
        Kind::DestroyRoom => "room_destroy",
        Kind::MakeNumber => "number_make",
        Kind::KickOut => "participant_remove",
        Kind::Recording if request.fields.string("action") == Some("stop") => "recording_stop",
        Kind::Recording => "recording_start",
        Kind::OfferCall => "call_offer",
        _ => return None,
    })
}

impl Hub {
    /// A request has been answered.
    pub(super) fn note(
        &mut self,
        socket: SocketId,
        session: &str,
        request: &Request,
        handled: &Result<Reply, Fault>,
    ) {
        let Some(what) = name(request.kind, request) else {
            return;
        };
        let given = |field: &str| request.fields.string(field).map(str::to_owned);
        let made = handled
            .as_ref()
            .ok()
            .and_then(|reply| reply.string("room_id"))
            .map(str::to_owned);
        // Neither a user's name nor a number: ids of ours alone.
        let subject = match request.kind {
            Kind::KickOut => given("target"),
            Kind::Session | Kind::OfferCall => None,
            _ => made.or_else(|| given("room_id")),
        };
        self.effects.push(Effect::Noted {
            socket,
            service_id: self.service_id(),
            session: session.to_owned(),
            what,
            subject: subject.unwrap_or_default(),
            result: handled.as_ref().err().map_or("ok", Fault::code),
        });
    }
}
