//! Chat and kick-out (6.19, 6.22, 9.12, 9.15).

use super::Hub;
use super::talk::Talker;
use crate::effects::{TelephoneEnd, TelephoneNotice};
use crate::fault::Fault;
use crate::fields::{Fields, LONG_LIMIT, MESSAGE_LIMIT};
use crate::ids::SocketId;
use crate::now::Now;
use crate::outgoing::Reply;
use crate::words::ChatAction;

impl Hub {
    /// `WS_MESSAGE_REQ` with `send` or `whisper`. The sender never gets its own line back.
    pub(super) fn message(&mut self, socket: SocketId, fields: &Fields, now: Now) -> Result<Reply, Fault> {
        let (field, expected) = ("action", "send, whisper or list");
        let action = match fields.raw(field).map(|action| action.as_str()) {
            None => return Err(Fault::Missing { field, expected }),
            Some(Some("send")) => ChatAction::Send,
            Some(Some("whisper")) => ChatAction::Whisper,
            Some(_) => return Err(Fault::Invalid { field, expected }),
        };
        let message = fields.required("message", MESSAGE_LIMIT)?;
        let (room_id, me) = self.inside(socket)?;
        let room = self.rooms.get(&room_id).ok_or(Fault::NotInRoom)?;
        let sender = room.participants.get(&me).ok_or(Fault::NotInRoom)?;
        let text = room.about(sender).chat(action, Some(message), now.unix);
        let receivers = match action {
            ChatAction::Send => room.participants.len().saturating_sub(1),
            _ => 1,
        };
        self.pay_for_chat(socket, text.len() * receivers, now)?;
        let room = self.rooms.get(&room_id).ok_or(Fault::NotInRoom)?;
        if action == ChatAction::Send {
            self.tell_room(room_id, me, &[text]);
            return Ok(Reply::new());
        }
        let field = "to_user";
        let target = room.by_session(fields.required(field, LONG_LIMIT)?);
        let target = target.ok_or(Fault::NoSuchParticipant { field })?;
        if target.id == me {
            return Err(Fault::TargetIsSelf { field });
        }
        // A telephone cannot chat (9.10).
        let to = target.line.socket().ok_or(Fault::NoSuchParticipant { field })?;
        self.send(to, text);
        Ok(Reply::new())
    }

    /// Counts what a line delivers, over all sessions of the client.
    fn pay_for_chat(&mut self, socket: SocketId, bytes: usize, now: Now) -> Result<(), Fault> {
        let client = self.maker(socket).client;
        let talker = client.map_or(Talker::Session(socket), Talker::Client);
        let taken = self
            .talk
            .take(talker, bytes, self.settings.chat_bytes, now.instant);
        taken.map_err(|wait| Fault::TooMuchChat {
            seconds: wait.as_secs() + 1,
        })
    }

    /// `WS_KICKOUT_REQ` (12.16, 12.17): KICKOUT to the others, then LEAVE, and the victim loses its session.
    pub(super) fn kick_out(&mut self, socket: SocketId, fields: &Fields, now: Now) -> Result<Reply, Fault> {
        let field = "target";
        let target = fields.required(field, LONG_LIMIT)?;
        let (room_id, me) = self.inside(socket)?;
        let room = self.rooms.get(&room_id).ok_or(Fault::NotInRoom)?;
        let victim = room
            .by_session(target)
            .ok_or(Fault::NoSuchParticipant { field })?;
        if victim.id == me {
            return Err(Fault::TargetIsSelf { field });
        }
        self.may_as_host(socket, room, self.hosts_only().kick, "remove others")?;
        let victim = victim.id;
        self.expel(room_id, victim, Some(me), now);
        Ok(Reply::new().with(field, target))
    }
}

/// What a telephone is told that is kicked out.
pub(super) fn expelled() -> TelephoneNotice {
    TelephoneNotice::Ended(TelephoneEnd::KickedOut)
}
