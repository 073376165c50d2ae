//! Calls of apps: the offer, and the caller's part of the end (6.15, 9.4 to 9.7).

use super::Hub;
use super::outcome::Handled;
use super::people::{Line, Place, Sdk, Stage};
use crate::fault::Fault;
use crate::fields::{Fields, LONG_LIMIT};
use crate::ids::SocketId;
use crate::now::Now;
use crate::outgoing::{About, Left, Reply};
use crate::record_policy::RecordPolicy;
use crate::timers::Timer;
use crate::words::RoomType;
use omnigate_room::{CallOver, Ending, RoomId};
use std::collections::BTreeSet;

impl Hub {
    /// `WS_OFFER_CALL_REQ` (6.15). The `caller` in it is the session's own user, whatever it says: nobody calls in
    /// another one's name. `record`, gone from the API, is honoured (12.30).
    pub(super) fn offer_call(&mut self, socket: SocketId, fields: &Fields, now: Now) -> Handled {
        let kind = fields.call_type()?;
        let callee = fields.required("callee", LONG_LIMIT)?.to_owned();
        fields.given("caller", LONG_LIMIT)?;
        if self.draining {
            return Err(Fault::Draining);
        }
        if kind == RoomType::SipCall {
            return self.offer_to_telephone(socket, callee, fields.flag("record"), now);
        }
        let session = self.session(socket)?;
        let (own, user_id) = (session.id.clone(), session.user_id.clone());
        let place = session.place;
        if callee == user_id {
            return Err(Fault::CalleeIsSelf);
        }
        let sockets = match self.who_rings(&callee) {
            Ok(sockets) => sockets,
            Err(fault) => {
                let id = self.dice.call(now.unix);
                self.tell_refused(id, kind, user_id, callee, CallOver::Busy, now);
                return Err(fault);
            }
        };
        self.has_a_call()?;
        let room_id = self.new_room(kind, now)?;
        self.give_up_call(socket, place, now);
        let me = self.add_participant(room_id, own, user_id.clone(), user_id, Line::App(socket));
        self.set_place(socket, Place::Calling { room: room_id, me });
        if fields.flag("record")
            && let Some(caller) = self.participant_mut(me)
        {
            caller.record = RecordPolicy::of(kind);
        }
        self.timers
            .set(Timer::CallerJoins(room_id), now.instant + self.settings.join_time);
        if let Some(room) = self.rooms.get(&room_id)
            && let Some(caller) = room.participants.get(&me)
        {
            let text = room.about(caller).ringback(&callee);
            self.send(socket, text);
        }
        self.begin_call(room_id, me, &callee, &sockets, now);
        Ok(Reply::new().with("room_id", room_id.to_string()).into())
    }

    /// The callee's sockets that will ring: none for a user without a session, whose call waits for one (9.6).
    fn who_rings(&self, callee: &str) -> Result<BTreeSet<SocketId>, Fault> {
        match self.users.get(callee) {
            Some(all) => Some(self.idle(all)).filter(|idle| !idle.is_empty()),
            None => Some(BTreeSet::new()).filter(|_| !self.ringing.contains_key(callee)),
        }
        .ok_or(Fault::CalleeBusy)
    }

    /// The caller has not joined the call's room in time (12.29): for the callee it has left.
    pub(super) fn caller_overdue(&mut self, room_id: RoomId, now: Now) {
        let Some((caller, line)) = self
            .rooms
            .get(&room_id)
            .and_then(|room| room.caller())
            .map(|caller| (caller.id, caller.line))
        else {
            return;
        };
        if let Some(socket) = line.socket() {
            self.tell_caller(room_id, socket, now);
            self.set_place(socket, Place::Idle);
        }
        self.will_be_over(room_id, Some(CallOver::NotJoined));
        self.remove_participant(room_id, caller, Ending::Leave, now);
    }

    /// The call ends before the callee has joined: the caller is told about the callee and the other way round (9.5).
    pub(super) fn end_app_call(&mut self, room_id: RoomId, caller: SocketId, now: Now) {
        self.tell_caller(room_id, caller, now);
        let Some(room) = self.rooms.get(&room_id) else {
            return;
        };
        let over = room.call.as_ref().and_then(|call| call.over);
        let Some(left) = room.caller().map(|me| room.about(me).left(over)) else {
            return;
        };
        let stage = self.set_stage(room_id, Stage::Over);
        for socket in stage.iter().flat_map(Stage::outside) {
            self.set_place(socket, Place::Idle);
            self.send_left(socket, &left);
        }
        self.release_survivor(room_id, caller, now);
    }

    /// `WS_LEAVE_NOTI` about the callee, who is no participant (yet).
    fn tell_caller(&mut self, room_id: RoomId, caller: SocketId, now: Now) {
        let stranger = self.dice.session(now.unix);
        let Some(room) = self.rooms.get(&room_id) else {
            return;
        };
        let (Some(call), Some(me)) = (&room.call, room.caller()) else {
            return;
        };
        let callee = About {
            // A user whose session we never saw still needs one here: clients read it (Appendix A).
            session: call.heard_of.as_ref().unwrap_or(&stranger),
            user_id: &call.callee,
            user_name: &call.callee,
            ..room.about(me)
        };
        let left = callee.left(call.over);
        self.send_left(caller, &left);
    }

    /// Tells an app that somebody has left.
    pub(super) fn send_left(&mut self, socket: SocketId, left: &Left) {
        let ours = self
            .session_of(socket)
            .is_some_and(|session| session.sdk == Sdk::Own);
        self.send(socket, if ours { &left.ours } else { &left.plain }.clone());
    }

    /// An app is the only one left in a call's room. In the room, it has some time to leave by itself (12.7); a
    /// caller that has not joined yet is idle again.
    pub(super) fn release_survivor(&mut self, room_id: RoomId, socket: SocketId, now: Now) {
        if let Some(Place::Calling { me, .. }) = self.session_of(socket).map(|session| session.place) {
            self.set_place(socket, Place::Idle);
            self.places.remove(&me);
            self.remove_room(room_id);
        } else {
            self.timers
                .set(Timer::Call(room_id), now.instant + self.settings.aftermath);
        }
    }
}
