//! Telephone calls: to a person (9.9) and into a room (9.10).
//!
//! ```text
//!              answer            join            audio up
//!   Ringing ───────────▶ Answered ─────▶ Joined ─────────▶ Talking
//!      │ ring time           │ 10 s         │ audio time      │
//!      │ all declined, gone  │ app gone     │ app gone        │ app gone        (the room goes)
//!      ▼                     ▼              ▼                 ▼
//!    the telephone gets one notice and is forgotten
//!
//!   Telephone gone:  Ringing, Answered ──▶ the app is told and idle again
//!                    Joined, Talking   ──▶ Over ── 5 s ──▶ the app's session ends (12.7)
//! ```

use super::people::{Call, Line, Place, Stage};
use super::{CLOSE_LEFT, Hub};
use crate::effects::{Effect, EndReason, Now, RefusedReason, TelephoneNotice};
use crate::fault::Fault;
use crate::fields::{Fields, LONG_LIMIT, NAME_LIMIT};
use crate::ids::{ParticipantId, RoomId, SocketId, TelephoneId};
use crate::outgoing::Reply;
use crate::timers::Timer;
use crate::words::{ChatAction, RoomType};
use std::collections::BTreeSet;

/// The user id of a caller who withholds the number (12.25).
const ANONYMOUS: &str = "anonymous";

impl Hub {
    fn notify(&mut self, call: TelephoneId, notice: TelephoneNotice) {
        self.effects.push(Effect::Telephone { call, notice });
    }

    pub(super) fn ring_user(
        &mut self,
        call: TelephoneId,
        service_id: &str,
        user_id: &str,
        caller: &str,
        now: Now,
    ) {
        if self.telephones.contains_key(&call) {
            return;
        }
        match self.try_to_ring(call, service_id, user_id, caller, now) {
            Ok((room, participant, sockets)) => {
                self.notify(call, TelephoneNotice::Ringing { room, participant });
                for socket in sockets {
                    self.ring_socket(socket, room);
                }
            }
            Err(reason) => self.notify(call, TelephoneNotice::Refused(reason)),
        }
    }

    fn try_to_ring(
        &mut self,
        telephone: TelephoneId,
        service_id: &str,
        user_id: &str,
        caller: &str,
        now: Now,
    ) -> Result<(RoomId, ParticipantId, BTreeSet<SocketId>), RefusedReason> {
        let service = self
            .settings
            .services
            .iter()
            .position(|service| service.id == service_id);
        let service = service.ok_or(RefusedReason::NoSession)?;
        let all = self
            .users
            .get(&(service, user_id.to_owned()))
            .ok_or(RefusedReason::NoSession)?;
        let idle = |socket: &&SocketId| self.session_of(**socket).is_some_and(|s| s.place == Place::Idle);
        let idle: BTreeSet<SocketId> = all.iter().filter(idle).copied().collect();
        if idle.is_empty() {
            return Err(RefusedReason::Busy);
        }
        let room_id = self
            .new_room(service, RoomType::SipCall, now)
            .map_err(|_| RefusedReason::RoomFull)?;
        let participant = self.add_telephone(room_id, telephone, caller, now);
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.call = Some(Call {
                telephone,
                caller: participant,
                callee: user_id.to_owned(),
                declined: false,
                stage: Stage::Ringing(idle.clone()),
            });
        }
        self.timers
            .set(Timer::Call(room_id), now.instant + self.settings.ring_time);
        Ok((room_id, participant, idle))
    }

    fn add_telephone(&mut self, room: RoomId, call: TelephoneId, caller: &str, now: Now) -> ParticipantId {
        let name: String = caller
            .chars()
            .filter(|c| !c.is_control())
            .take(NAME_LIMIT / 2)
            .collect();
        let name = if name.trim().is_empty() {
            ANONYMOUS.to_owned()
        } else {
            name
        };
        let session = self.dice.session(now.unix);
        self.add_participant(room, session, name.clone(), name, Line::Telephone(call))
    }

    /// Makes one session of the callee ring: RINGING, then RINGBACK if switched on (12.8).
    pub(super) fn ring_socket(&mut self, socket: SocketId, room_id: RoomId) {
        self.set_place(socket, Place::Rung(room_id));
        let Some(room) = self.rooms.get(&room_id) else {
            return;
        };
        let Some(call) = &room.call else { return };
        let Some(caller) = room.participants.get(&call.caller) else {
            return;
        };
        let about = room.about(caller);
        let mut texts = vec![about.ringing(&call.callee)];
        if self.settings.ringback_notification {
            texts.push(about.ringback(&call.callee));
        }
        for text in texts {
            self.send(socket, text);
        }
    }

    pub(super) fn admit_telephone(&mut self, call: TelephoneId, room_id: RoomId, caller: &str, now: Now) {
        if self.telephones.contains_key(&call) {
            return;
        }
        let refused = match self.rooms.get(&room_id).filter(|room| room.is_open()) {
            None => Some(RefusedReason::NoRoom),
            Some(room) if room.participants.len() >= self.settings.most_participants => {
                Some(RefusedReason::RoomFull)
            }
            Some(_) => None,
        };
        if let Some(reason) = refused {
            self.notify(call, TelephoneNotice::Refused(reason));
            return;
        }
        let participant = self.add_telephone(room_id, call, caller, now);
        self.notify(
            call,
            TelephoneNotice::Admitted {
                room: room_id,
                participant,
            },
        );
        self.announce(room_id, participant, now);
    }

    /// Tells the others of a room that a participant is connected and in the chat (12.13, 12.14): once.
    pub(super) fn announce(&mut self, room_id: RoomId, id: ParticipantId, now: Now) {
        let Some(room) = self.rooms.get_mut(&room_id) else {
            return;
        };
        let Some(participant) = room.participants.get_mut(&id).filter(|one| !one.announced) else {
            return;
        };
        participant.announced = true;
        let Some(participant) = room.participants.get(&id) else {
            return;
        };
        let about = room.about(participant);
        let texts = [about.connected(), about.chat(ChatAction::Join, None, now.unix)];
        self.tell_room(room_id, id, &texts);
    }

    /// The telephone goes, by itself (no notice) or by our doing.
    pub(super) fn end_telephone(&mut self, call: TelephoneId, notice: Option<TelephoneNotice>, now: Now) {
        let Some(participant) = self.telephones.get(&call).copied() else {
            return;
        };
        let Some(room) = self.places.get(&participant).copied() else {
            return;
        };
        if let Some(notice) = notice {
            self.notify(call, notice);
        }
        self.remove_participant(room, participant, now);
    }

    /// Ends a call by its room: the telephone gets the notice, the app what 9.5 and 12.7 say.
    pub(super) fn end_call(&mut self, room: RoomId, notice: TelephoneNotice, now: Now) {
        let call = self.rooms.get(&room).and_then(|room| room.call.as_ref());
        if let Some(telephone) = call.map(|call| call.telephone) {
            self.end_telephone(telephone, Some(notice), now);
        }
    }

    /// `WS_ANSWER_CALL_REQ` and its synonym ACCEPT (6.16, 12.9). There is no room id in it: a session rings for one
    /// call at most, and what the request says about that call must be true.
    pub(super) fn answer_call(
        &mut self,
        socket: SocketId,
        fields: &Fields,
        now: Now,
    ) -> Result<Reply, Fault> {
        let caller = fields.given("caller", LONG_LIMIT)?;
        let callee = fields.given("callee", LONG_LIMIT)?;
        let call_type = fields.given("call_type", NAME_LIMIT)?;
        let session = self.session(socket)?;
        let Place::Rung(id) = session.place else {
            return Err(Fault::NothingRings);
        };
        let room = self.rooms.get(&id).ok_or(Fault::NothingRings)?;
        let call = room.call.as_ref().ok_or(Fault::NothingRings)?;
        let phone = room.participants.get(&call.caller).ok_or(Fault::NothingRings)?;
        // Users whose id is their telephone number may well call their app from that telephone.
        if caller == Some(session.user_id.as_str()) && phone.user_id != session.user_id {
            return Err(Fault::CallerIsSelf);
        }
        for (field, given, true_one) in [
            ("caller", caller, phone.user_id.as_str()),
            ("callee", callee, call.callee.as_str()),
            ("call_type", call_type, room.kind.call_type().word()),
        ] {
            if given.is_some_and(|given| given != true_one) {
                return Err(Fault::NotThisCall { field });
            }
        }
        let cancelled = room.about(phone).cancelled(&call.callee);
        let reply = Reply::new().with("room_id", room.wire.clone());
        self.set_stage(id, Stage::Answered(socket), |old| {
            if let Stage::Ringing(sockets) = old {
                sockets
            } else {
                BTreeSet::new()
            }
        })
        .into_iter()
        .filter(|other| *other != socket)
        .for_each(|other| {
            self.set_place(other, Place::Idle);
            self.send(other, cancelled.clone());
        });
        self.set_place(socket, Place::Answered(id));
        self.timers
            .set(Timer::Call(id), now.instant + self.settings.join_time);
        Ok(reply)
    }

    /// Puts a call into its next stage and gives what `take` makes of the old one.
    fn set_stage<T: Default>(&mut self, room: RoomId, stage: Stage, take: impl FnOnce(Stage) -> T) -> T {
        let call = self.rooms.get_mut(&room).and_then(|room| room.call.as_mut());
        call.map(|call| take(std::mem::replace(&mut call.stage, stage)))
            .unwrap_or_default()
    }

    /// `WS_REJECT_CALL_REQ` (12.9): declines without ending the session.
    pub(super) fn reject_call(&mut self, socket: SocketId, now: Now) -> Result<Reply, Fault> {
        let Place::Rung(room) = self.session(socket)?.place else {
            return Err(Fault::NothingRings);
        };
        self.stop_ringing(socket, room, true, now);
        Ok(Reply::new())
    }

    /// A session that rings or has answered joins another room: it has given the call up.
    pub(super) fn give_up_call(&mut self, socket: SocketId, place: Place, now: Now) {
        match place {
            Place::Rung(room) => self.stop_ringing(socket, room, true, now),
            Place::Answered(room) => self.give_up_answered(room, now),
            Place::Idle | Place::Inside { .. } => {}
        }
    }

    /// The session that has answered goes elsewhere before it has joined: it is not told about its own going.
    pub(super) fn give_up_answered(&mut self, room: RoomId, now: Now) {
        self.set_stage(room, Stage::Over, drop);
        self.end_call(room, TelephoneNotice::Ended(EndReason::AppLeft), now);
    }

    /// One session rings no more. The call goes on while another one rings; after the last one the telephone is told
    /// whether anybody has declined.
    pub(super) fn stop_ringing(&mut self, socket: SocketId, room: RoomId, declined: bool, now: Now) {
        self.set_place(socket, Place::Idle);
        let Some(call) = self.rooms.get_mut(&room).and_then(|room| room.call.as_mut()) else {
            return;
        };
        let Stage::Ringing(sockets) = &mut call.stage else {
            return;
        };
        sockets.remove(&socket);
        call.declined |= declined;
        if sockets.is_empty() {
            let notice = if call.declined {
                TelephoneNotice::Declined
            } else {
                TelephoneNotice::Ended(EndReason::NoSession)
            };
            self.end_call(room, notice, now);
        }
    }

    /// The callee has joined the call's room; its audio is to follow.
    pub(super) fn call_joined(&mut self, room: RoomId, now: Now) {
        if self.rooms.get(&room).is_some_and(|room| room.call.is_some()) {
            self.set_stage(room, Stage::Joined, drop);
            self.timers
                .set(Timer::Call(room), now.instant + self.settings.audio_time);
        }
    }

    /// The callee's audio is up (12.13): bridge, and tell the app whom it talks to.
    pub(super) fn bridge(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(&room_id) else {
            return;
        };
        let Some(call) = room
            .call
            .as_mut()
            .filter(|call| matches!(call.stage, Stage::Joined))
        else {
            return;
        };
        call.stage = Stage::Talking;
        let (telephone, caller) = (call.telephone, call.caller);
        for participant in room.participants.values_mut() {
            participant.announced = true;
        }
        self.timers.clear(Timer::Call(room_id));
        self.notify(
            telephone,
            TelephoneNotice::Bridged {
                room: room_id,
                participant: caller,
            },
        );
        let Some(room) = self.rooms.get(&room_id) else {
            return;
        };
        if let Some(phone) = room.participants.get(&caller) {
            let texts = [room.about(phone).connected()];
            self.tell_room(room_id, caller, &texts);
        }
    }

    /// A party has left the call's room; the other one has got its `WS_LEAVE_NOTI` already.
    pub(super) fn call_lost_a_party(&mut self, room_id: RoomId, line: Line, now: Now) {
        let Some(call) = self.rooms.get_mut(&room_id).and_then(|room| room.call.as_mut()) else {
            return;
        };
        let telephone = call.telephone;
        match (line, std::mem::replace(&mut call.stage, Stage::Over)) {
            (Line::Telephone(_), Stage::Ringing(sockets)) => {
                for socket in sockets {
                    self.set_place(socket, Place::Idle);
                }
                self.remove_room(room_id, now);
            }
            (Line::Telephone(_), Stage::Answered(socket)) => {
                self.set_place(socket, Place::Idle);
                self.remove_room(room_id, now);
            }
            (Line::Telephone(_), Stage::Joined | Stage::Talking) => {
                self.timers
                    .set(Timer::Call(room_id), now.instant + self.settings.aftermath);
            }
            (Line::Telephone(_), Stage::Over) => self.remove_room(room_id, now),
            (Line::App(_), _) => {
                // The app was the last or the only one to be told, so nothing is sent when the telephone goes too.
                self.end_telephone(telephone, Some(TelephoneNotice::Ended(EndReason::AppLeft)), now);
                self.remove_room(room_id, now);
            }
        }
    }

    /// The time of the call's stage is over.
    pub(super) fn call_overdue(&mut self, room_id: RoomId, now: Now) {
        let Some(room) = self.rooms.get(&room_id) else {
            return;
        };
        match room.call.as_ref().map(|call| &call.stage) {
            Some(Stage::Ringing(_)) => self.end_call(room_id, TelephoneNotice::NoAnswer, now),
            Some(Stage::Answered(_)) => {
                self.end_call(room_id, TelephoneNotice::Ended(EndReason::NotJoined), now);
            }
            Some(Stage::Joined) => self.end_call(room_id, TelephoneNotice::Ended(EndReason::NoAudio), now),
            Some(Stage::Over) => {
                for socket in room.sockets(None) {
                    self.end_session(socket, Some(CLOSE_LEFT), now);
                }
            }
            Some(Stage::Talking) | None => {}
        }
    }
}
