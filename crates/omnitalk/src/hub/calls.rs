//! 1:1 calls (9.4 to 9.9): what those to a person have in common, whether a telephone or an app calls, and how those of an
//! app to a telephone (`dialled`) go on once it has answered.
//!
//! ```text
//!              answer            join            audio of both up
//!   Ringing ───────────▶ Answered ─────▶ Joined ─────────────────▶ Talking
//!      │ ring time           │ 10 s         │ a telephone: audio time   │
//!      │ all declined, gone  │ callee gone  │ one gone                  │ one gone
//!      ▼                     ▼              ▼                           ▼
//!   a telephone gets one notice and is forgotten; an app in the room is told ──▶ Over
//!
//!   Caller gone:  Ringing, Answered ──▶ the callee is told and idle again, the room is gone
//!   Over ── 5 s ──▶ the session of the app that is left ends (12.7)
//! ```
//!
//! An app that calls is a participant from its offer on and has ten seconds to join (12.29); a call from an app goes on
//! ringing without any session of the callee (9.6).

use super::people::{Audio, Call, Line, Participant, Place, Stage};
use super::{CLOSE_LEFT, Hub};
use crate::effects::{TelephoneEnd, TelephoneNotice};
use crate::fault::Fault;
use crate::fields::{Fields, LONG_LIMIT, NAME_LIMIT};
use crate::ids::SocketId;
use crate::now::Now;
use crate::outgoing::Reply;
use crate::timers::Timer;
use omnigate_room::{CallOver, CallStage, Ending};
use omnigate_room::{ParticipantId, RoomId};
use std::collections::BTreeSet;

impl Hub {
    /// Those of a user's sockets that can ring (12.20).
    pub(super) fn idle(&self, sockets: &BTreeSet<SocketId>) -> BTreeSet<SocketId> {
        let idle = |socket: &&SocketId| {
            let session = self.session_of(**socket);
            session.is_some_and(|session| session.place == Place::Idle && session.guest.is_none())
        };
        sockets.iter().filter(idle).copied().collect()
    }

    /// The caller is in the room; the callee's sockets begin to ring.
    pub(super) fn begin_call(
        &mut self,
        room_id: RoomId,
        caller: ParticipantId,
        callee: &str,
        sockets: &BTreeSet<SocketId>,
        now: Now,
    ) {
        let Some(room) = self.rooms.get_mut(&room_id) else {
            return;
        };
        let Some(them) = room.participants.get(&caller) else {
            return;
        };
        let (by_telephone, caller_id) = (them.line.socket().is_none(), them.user_id.clone());
        let id = match them.line {
            Line::Telephone(call) => call,
            Line::App(_) => self.dice.call(now.unix),
        };
        self.call_rooms += 1;
        room.call = Some(Call {
            id,
            caller,
            callee: callee.to_owned(),
            heard_of: None,
            by_telephone,
            caller_id,
            started_at: now.unix,
            answered_at: None,
            declined: false,
            over: None,
            stage: Stage::Ringing(BTreeSet::new()),
        });
        self.ringing.entry(callee.to_owned()).or_default().insert(room_id);
        self.timers
            .set(Timer::Call(room_id), now.instant + self.settings.ring_time);
        self.tell_call(room_id, CallStage::Started);
        for socket in sockets {
            self.ring_socket(*socket, room_id);
        }
    }

    /// Makes one session of the callee ring: RINGING, then for a telephone RINGBACK if switched on (12.8).
    fn ring_socket(&mut self, socket: SocketId, room_id: RoomId) {
        let own = self.own_id(socket);
        let Some(room) = self.rooms.get_mut(&room_id) else {
            return;
        };
        let Some(call) = &mut room.call else { return };
        if let Stage::Ringing(sockets) = &mut call.stage {
            sockets.insert(socket);
        }
        call.heard_of = Some(own);
        let callee = call.callee.clone();
        let Some(caller) = room.caller() else { return };
        let about = room.about(caller);
        let mut texts = vec![about.ringing(&callee)];
        if caller.line.socket().is_none() && self.settings.ringback_notification {
            texts.push(about.ringback(&callee));
        }
        self.set_place(socket, Place::Rung(room_id));
        for text in texts {
            self.send(socket, text);
        }
    }

    /// A session begins while a call rings for its user: it rings too (9.1, 9.6); for the oldest one of several.
    pub(super) fn ring_newcomer(&mut self, socket: SocketId, user: &str) {
        let rooms = self.ringing.get(user).into_iter().flatten();
        let oldest = rooms
            .filter_map(|room| self.rooms.get(room))
            .min_by_key(|room| room.serial);
        if let Some(room) = oldest.map(|room| room.id) {
            self.ring_socket(socket, room);
        }
    }

    /// Ends a call that its callee has not joined, or whose audio never came up: a telephone gets the notice, apps
    /// what 9.5 and 12.7 say.
    pub(super) fn end_call(&mut self, room: RoomId, notice: TelephoneNotice, now: Now) {
        self.will_be_over(room, notice.means());
        let Some(them) = self.rooms.get(&room) else {
            return;
        };
        // A telephone, on either side, is let go; the app then hears that it has left.
        match them.telephone().or(them.caller()).map(|one| one.line) {
            Some(Line::Telephone(telephone)) => self.end_telephone(telephone, Some(notice), now),
            Some(Line::App(socket)) => self.end_app_call(room, socket, now),
            None => {}
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
        let own = session.id.clone();
        let Place::Rung(id) = session.place else {
            return Err(Fault::NothingRings);
        };
        let room = self.rooms.get(&id).ok_or(Fault::NothingRings)?;
        let call = room.call.as_ref().ok_or(Fault::NothingRings)?;
        let them = room.caller().ok_or(Fault::NothingRings)?;
        // Users whose id is their telephone number may well call their app from that telephone.
        if caller == Some(session.user_id.as_str()) && them.user_id != session.user_id {
            return Err(Fault::CallerIsSelf);
        }
        for (field, given, true_one) in [
            ("caller", caller, them.user_id.as_str()),
            ("callee", callee, call.callee.as_str()),
            ("call_type", call_type, room.kind.call_type().word()),
        ] {
            if given.is_some_and(|given| given != true_one) {
                return Err(Fault::NotThisCall { field });
            }
        }
        let cancelled = room.about(them).cancelled(&call.callee);
        let reply = Reply::new().with("room_id", room.wire.clone());
        let rang = self.set_stage(id, Stage::Answered(socket));
        for other in rang
            .iter()
            .flat_map(Stage::outside)
            .filter(|other| *other != socket)
        {
            self.set_place(other, Place::Idle);
            self.send(other, cancelled.clone());
        }
        self.heard_of(id, own);
        self.set_place(socket, Place::Answered(id));
        self.timers
            .set(Timer::Call(id), now.instant + self.settings.join_time);
        Ok(reply)
    }

    fn heard_of(&mut self, room: RoomId, session: String) {
        if let Some(call) = self.rooms.get_mut(&room).and_then(|room| room.call.as_mut()) {
            call.heard_of = Some(session);
        }
    }

    /// Puts a call into its next stage and gives the old one.
    pub(super) fn set_stage(&mut self, id: RoomId, stage: Stage) -> Option<Stage> {
        let room = self.rooms.get_mut(&id)?;
        let call = room.call.as_mut()?;
        let ends = matches!(stage, Stage::Over) && !matches!(call.stage, Stage::Over);
        // Every way to the end has said why before.
        let over = call.over.unwrap_or(CallOver::CallerHungUp);
        let old = std::mem::replace(&mut call.stage, stage);
        if matches!(old, Stage::Ringing(_)) {
            let key = call.callee.clone();
            if let Some(rooms) = self.ringing.get_mut(&key) {
                rooms.remove(&id);
                if rooms.is_empty() {
                    self.ringing.remove(&key);
                }
            }
        }
        if ends {
            self.tell_call(id, CallStage::Ended(over));
        }
        Some(old)
    }

    /// Says why a call is going to be over. What follows from the first cause is not another one.
    pub(super) fn will_be_over(&mut self, room: RoomId, why: Option<CallOver>) {
        if let Some(call) = self.rooms.get_mut(&room).and_then(|room| room.call.as_mut()) {
            call.over = call.over.or(why);
        }
    }

    /// One side of a call goes, in this way.
    pub(super) fn side_goes(&mut self, room: RoomId, is_caller: bool, ending: Ending) {
        let why = match (ending, is_caller) {
            (Ending::KickOut, _) => CallOver::KickedOut,
            (Ending::Disconnect, true) => CallOver::CallerLost,
            (Ending::Disconnect, false) => CallOver::CalleeLost,
            (Ending::Leave | Ending::Stop | Ending::RoomClosed, true) => CallOver::CallerHungUp,
            (Ending::Leave | Ending::Stop | Ending::RoomClosed, false) => CallOver::CalleeHungUp,
        };
        self.will_be_over(room, Some(why));
    }

    /// `WS_REJECT_CALL_REQ` (12.9): declines without ending the session.
    pub(super) fn reject_call(&mut self, socket: SocketId, now: Now) -> Result<Reply, Fault> {
        let Place::Rung(room) = self.session(socket)?.place else {
            return Err(Fault::NothingRings);
        };
        self.decline(socket, room, now);
        Ok(Reply::new())
    }

    /// A session that is part of a call goes elsewhere: it has given the call up.
    pub(super) fn give_up_call(&mut self, socket: SocketId, place: Place, now: Now) {
        match place {
            Place::Rung(room) => self.decline(socket, room, now),
            Place::Answered(room) => {
                self.set_place(socket, Place::Idle);
                self.give_up_answered(room, Ending::Leave, now);
            }
            Place::Calling { room, me } => self.remove_participant(room, me, Ending::Leave, now),
            Place::Idle | Place::Inside { .. } => {}
        }
    }

    /// The session that has answered goes elsewhere before it has joined: it is not told about its own going.
    pub(super) fn give_up_answered(&mut self, room: RoomId, ending: Ending, now: Now) {
        self.side_goes(room, false, ending);
        self.set_stage(room, Stage::Over);
        self.end_call(room, TelephoneNotice::Ended(TelephoneEnd::AppLeft), now);
    }

    /// The user of a session that rings does not want the call.
    pub(super) fn decline(&mut self, socket: SocketId, room: RoomId, now: Now) {
        self.heard_of(room, self.own_id(socket));
        self.set_place(socket, Place::Idle);
        self.stop_ringing(socket, room, true, now);
    }

    /// One session rings no more. The call goes on while another one rings; after the last one the caller is told if
    /// anybody has declined. If they are just gone, a telephone is told so, and an app waits for a new one (9.6).
    pub(super) fn stop_ringing(&mut self, socket: SocketId, room_id: RoomId, declined: bool, now: Now) {
        let Some(room) = self.rooms.get_mut(&room_id) else {
            return;
        };
        let by_telephone = room.caller().is_some_and(|caller| caller.line.socket().is_none());
        let Some(call) = &mut room.call else { return };
        let Stage::Ringing(sockets) = &mut call.stage else {
            return;
        };
        sockets.remove(&socket);
        call.declined |= declined;
        if sockets.is_empty() {
            if call.declined {
                self.end_call(room_id, TelephoneNotice::Declined, now);
            } else if by_telephone {
                self.end_call(room_id, TelephoneNotice::Ended(TelephoneEnd::NoSession), now);
            }
        }
    }

    /// A party has joined the call's room. From the callee on, a telephone does not wait for ever for the audio.
    pub(super) fn call_joined(&mut self, room_id: RoomId, me: ParticipantId, now: Now) {
        let Some(caller) = self.rooms.get(&room_id).and_then(|room| room.caller()) else {
            return;
        };
        if caller.id == me {
            self.timers.clear(Timer::CallerJoins(room_id));
            return;
        }
        let timer = Timer::Call(room_id);
        match caller.line {
            Line::Telephone(_) => self.timers.set(timer, now.instant + self.settings.audio_time),
            Line::App(_) => self.timers.clear(timer),
        }
        self.set_stage(room_id, Stage::Joined);
    }

    /// An app in a call has lost its audio. A telephone hears nothing from now on, and does not wait for ever either.
    pub(super) fn audio_missing(&mut self, room_id: RoomId, now: Now) {
        if self.telephone_talks(room_id) {
            self.timers
                .set(Timer::Call(room_id), now.instant + self.settings.audio_time);
        }
    }

    /// It has it again.
    pub(super) fn audio_is_back(&mut self, room_id: RoomId) {
        if self.telephone_talks(room_id) {
            self.timers.clear(Timer::Call(room_id));
        }
    }

    fn telephone_talks(&self, room_id: RoomId) -> bool {
        self.rooms.get(&room_id).is_some_and(|room| {
            let talking = room
                .call
                .as_ref()
                .is_some_and(|call| matches!(call.stage, Stage::Talking));
            talking && room.telephone().is_some()
        })
    }

    /// Somebody's audio is up. When both are (12.13): bridge, and tell each app whom it talks to.
    pub(super) fn bridge(&mut self, room_id: RoomId, now: Now) {
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
        let up = |one: &Participant| one.line.socket().is_none() || one.audio == Audio::Up;
        if !room.participants.values().all(up) {
            return;
        }
        call.stage = Stage::Talking;
        call.answered_at = Some(now.unix);
        for participant in room.participants.values_mut() {
            participant.announced = true;
        }
        self.timers.clear(Timer::Call(room_id));
        let Some(room) = self.rooms.get(&room_id) else {
            return;
        };
        let bridged = room.caller().map(|caller| (caller.line, caller.id));
        let connected = room
            .participants
            .values()
            .map(|one| (one.id, room.about(one).connected()));
        let connected: Vec<_> = connected.collect();
        if let Some((Line::Telephone(telephone), participant)) = bridged {
            let room = room_id;
            self.notify(telephone, TelephoneNotice::Bridged { room, participant });
        }
        self.tell_call(room_id, CallStage::Answered);
        let mut first = None;
        for (id, text) in connected {
            self.tell_room(room_id, id, &[text]);
            self.entered(room_id, id);
            first.get_or_insert(id);
        }
        if let Some(caller) = first {
            self.record_by_policy(room_id, caller, now);
        }
    }

    /// A party has left the call's room; whoever is left has got its `WS_LEAVE_NOTI` already.
    pub(super) fn call_lost_a_party(&mut self, room_id: RoomId, now: Now) {
        self.timers.clear(Timer::CallerJoins(room_id));
        let stage = self.set_stage(room_id, Stage::Over);
        for socket in stage.iter().flat_map(Stage::outside) {
            self.set_place(socket, Place::Idle);
        }
        let Some(room) = self.rooms.get(&room_id) else {
            return;
        };
        match room.participants.values().next().map(|left| left.line) {
            None => self.remove_room(room_id),
            Some(Line::App(socket)) => self.release_survivor(room_id, socket, now),
            Some(Line::Telephone(telephone)) => {
                self.end_telephone(
                    telephone,
                    Some(TelephoneNotice::Ended(TelephoneEnd::AppLeft)),
                    now,
                );
            }
        }
    }

    /// The time of the call's stage is over.
    pub(super) fn call_overdue(&mut self, room_id: RoomId, now: Now) {
        let Some(room) = self.rooms.get(&room_id) else {
            return;
        };
        let nobody = room
            .call
            .as_ref()
            .is_some_and(|call| matches!(&call.stage, Stage::Ringing(sockets) if sockets.is_empty()));
        let notice = match room.call.as_ref().map(|call| &call.stage) {
            Some(Stage::Ringing(_) | Stage::Dialling) => TelephoneNotice::NoAnswer,
            Some(Stage::Answered(_)) => TelephoneNotice::Ended(TelephoneEnd::NotJoined),
            Some(Stage::Joined | Stage::Talking) => TelephoneNotice::Ended(TelephoneEnd::NoAudio),
            Some(Stage::Over) => {
                for socket in room.sockets(None) {
                    self.end_session(socket, Some(CLOSE_LEFT), now);
                }
                return;
            }
            None => return,
        };
        if nobody {
            // An app has waited for a session of the callee (9.6).
            self.will_be_over(room_id, Some(CallOver::Unavailable));
        }
        self.end_call(room_id, notice, now);
    }
}
