//! The way of a request to its handler, and of the response back.

use super::outcome::{Handled, Outcome};
use super::people::Place;
use super::{CLOSE_PROTOCOL, Hub};
use crate::fault::Fault;
use crate::ids::SocketId;
use crate::incoming::{Kind, Request};
use crate::now::Now;
use crate::words::Track;

impl Hub {
    /// Handles what has waited, until an answer is owed again.
    pub(super) fn handle_waiting(&mut self, socket: SocketId, now: Now) {
        while let Some(connection) = self.connections.get_mut(&socket) {
            if connection.owed.is_some() {
                return;
            }
            let Some(request) = connection.waiting.pop_front() else {
                return;
            };
            connection.waiting_bytes -= request.size;
            self.handle(socket, request, now);
        }
    }

    /// Handles one request. Its response goes before everything else that it brings about.
    pub(super) fn handle(&mut self, socket: SocketId, request: Request, now: Now) {
        let mark = self.effects.len();
        let before = self.own_id(socket);
        let handled = match self.dispatch(socket, &request, now) {
            Ok(Outcome::Now(reply)) => Ok(reply),
            Ok(Outcome::Later(awaited)) => {
                self.owe(socket, request, awaited, now);
                return;
            }
            Err(fault) => Err(fault),
        };
        // A new session has its id only now; one that has just ended had it before.
        let own = if before.is_empty() {
            self.own_id(socket)
        } else {
            before
        };
        self.respond(mark, socket, &own, &request, &handled);
        // The SDKs wait for the close after a failed session request (2.2).
        if request.kind == Kind::Session && handled.is_err() {
            self.end_session(socket, Some(CLOSE_PROTOCOL), now);
        }
    }

    /// Checks session and state (10.1), then hands over to the handler.
    fn dispatch(&mut self, socket: SocketId, request: &Request, now: Now) -> Handled {
        let fields = &request.fields;
        if request.kind == Kind::Session {
            return self.create_session(socket, fields, now).map(Into::into);
        }
        let session = self
            .connections
            .get(&socket)
            .and_then(|connection| connection.session.as_ref())
            .ok_or(Fault::NoSession)?;
        match fields.raw("session").map(|given| given.as_str()) {
            None => {
                return Err(Fault::Missing {
                    field: "session",
                    expected: "the session of WS_SESSION_RSP",
                });
            }
            Some(given) if given != Some(session.id.as_str()) => return Err(Fault::WrongSession),
            Some(_) => {}
        }
        let inside = matches!(session.place, Place::Inside { .. });
        match request.kind {
            Kind::Leave => self.leave(socket, now).map(Into::into),
            Kind::Unknown => Err(Fault::UnknownRequest),
            Kind::Unsubscribe => Ok(self.unsubscribe(socket, fields).into()),
            Kind::Message if fields.string("action") == Some("list") => {
                self.message_list(socket, fields).map(Into::into)
            }
            Kind::MakeNumber
            | Kind::SessionList
            | Kind::CreateRoom
            | Kind::DestroyRoom
            | Kind::RoomList
            | Kind::Join
            | Kind::OfferCall
            | Kind::AnswerCall
            | Kind::AcceptCall
            | Kind::RejectCall => {
                if inside {
                    return Err(Fault::InRoom);
                }
                self.dispatch_outside(socket, request, now)
            }
            _ if !inside => Err(Fault::NotInRoom),
            _ => self.dispatch_inside(socket, request, now),
        }
    }

    /// Requests of a session that is in no room.
    fn dispatch_outside(&mut self, socket: SocketId, request: &Request, now: Now) -> Handled {
        let fields = &request.fields;
        // Whoever has come by a join token enters its room, and does nothing else.
        if self.guest(socket).is_some() && request.kind != Kind::Join {
            return Err(Fault::NarrowToken);
        }
        match request.kind {
            Kind::MakeNumber => self.make_number(socket, fields),
            Kind::SessionList => self.session_list(socket, fields).map(Into::into),
            Kind::CreateRoom => self.create_room(socket, fields, now),
            Kind::DestroyRoom => self.destroy_room(socket, fields),
            Kind::RoomList => self.room_list(socket, fields).map(Into::into),
            Kind::Join => self.join_room(socket, fields, now).map(Into::into),
            Kind::OfferCall => self.offer_call(socket, fields, now),
            Kind::AnswerCall | Kind::AcceptCall => self.answer_call(socket, fields, now).map(Into::into),
            Kind::RejectCall => self.reject_call(socket, now).map(Into::into),
            _ => Err(Fault::UnknownRequest),
        }
    }

    /// Requests of a session that is in a room.
    fn dispatch_inside(&mut self, socket: SocketId, request: &Request, now: Now) -> Handled {
        let fields = &request.fields;
        match request.kind {
            Kind::Publish => match fields.track()? {
                Track::Audio => self.publish_audio(socket, fields),
                Track::Video => self.publish_camera(socket, fields),
            },
            Kind::Subscribe => self.subscribe(socket, fields),
            Kind::ScreenShare => self.share_screen(socket, fields, now),
            Kind::ScreenUnshare => self.unshare_screen(socket).map(Into::into),
            Kind::Resolution => self.resolution(socket, fields).map(Into::into),
            Kind::PartiList => self.parti_list(socket, fields).map(Into::into),
            Kind::PublishList => self.publish_list(socket, fields).map(Into::into),
            Kind::ScreenList => self.screen_list(socket, fields).map(Into::into),
            Kind::Mute => self.mute(socket, fields, true).map(Into::into),
            Kind::Unmute => self.mute(socket, fields, false).map(Into::into),
            Kind::Message => self.message(socket, fields, now).map(Into::into),
            Kind::KickOut => self.kick_out(socket, fields, now).map(Into::into),
            Kind::Keys => self.press_keys(socket, fields, now).map(Into::into),
            Kind::Recording => self.recording(socket, fields, now),
            _ => Err(Fault::UnknownRequest),
        }
    }
}
