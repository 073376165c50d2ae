//! Calls from an app to a telephone (9.8).
//!
//! ```text
//!   WS_OFFER_CALL_REQ ──Dial──▶ somebody calls the telephone ──dialled(Ok)──▶ Dialling ──telephone_answered──▶ Joined …
//!                                        │ dialled(Err)                         │ failed, app gone, its time
//!                                        ▼                                      ▼
//!                                 the offer fails                    LEAVE to the app, a notice to the telephone
//! ```
//!
//! The telephone is a participant from the moment that it is called, so that what it says before it answers (early media,
//! or our ring-back tone) is heard in the room; nobody is told of it before it answers.

use super::Hub;
use super::outcome::{Awaited, Handled};
use super::people::{Asked, Call, Line, Place, Stage};
use crate::dial::{DialRefusal, Dialling};
use crate::effects::{Effect, TelephoneEnd, TelephoneNotice};
use crate::fault::Fault;
use crate::fields::Fields;
use crate::ids::SocketId;
use crate::now::Now;
use crate::outgoing::Reply;
use crate::record_policy::RecordPolicy;
use crate::timers::Timer;
use crate::words::RoomType;
use omnigate_room::{CallId, CallOver, CallStage, RoomId};
use std::time::Duration;

/// Whoever calls the telephone gives up sooner; this is the last resort.
const DIALLING_LIMIT: Duration = Duration::from_secs(300);
/// What a key takes on the wire, with the pause behind it.
const KEY_TIME: Duration = Duration::from_millis(200);
/// Keys that may wait for their turn.
const MOST_KEYS: u32 = 64;

impl Hub {
    /// An app wants to call a telephone: whether that is done is known later.
    pub(super) fn offer_to_telephone(
        &mut self,
        socket: SocketId,
        callee: String,
        record: bool,
        now: Now,
    ) -> Handled {
        let user_id = self.session(socket)?.user_id.clone();
        self.has_a_call()?;
        let service = self.settings.service.as_ref().ok_or(Fault::NoSession)?;
        let call = self.dice.call(now.unix);
        self.effects.push(Effect::Dial {
            call,
            dialling: Box::new(Dialling {
                service_id: service.id.clone(),
                number: callee.clone().into(),
                user_id: user_id.into(),
            }),
        });
        self.dialling.insert(
            call,
            Asked {
                socket,
                callee,
                record,
            },
        );
        Ok(Awaited::Dialled(call).into())
    }

    /// It is known whether the telephone is called. Whoever asked may be gone, or not wait any longer.
    pub(super) fn dial_answered(&mut self, call: CallId, answer: Result<(), DialRefusal>, now: Now) {
        let Some(asked) = self.dialling.remove(&call) else {
            if answer.is_ok() {
                self.notify(call, TelephoneNotice::Ended(TelephoneEnd::AppLeft));
            }
            return;
        };
        let (socket, awaited) = (asked.socket, Awaited::Dialled(call));
        let mut taken = false;
        let handle = |hub: &mut Self| {
            answer.map_err(Fault::Dial)?;
            let reply = hub.begin_dialling(call, asked, now);
            taken = reply.is_ok();
            reply
        };
        self.settle(socket, awaited, handle, now);
        if answer.is_ok() && !taken {
            self.notify(call, TelephoneNotice::Ended(TelephoneEnd::AppLeft));
        }
    }

    /// Nobody has said in time whether the telephone is called, or nobody waits for it any more.
    pub(super) fn forget_dialling(&mut self, call: CallId) {
        self.dialling.remove(&call);
    }

    fn begin_dialling(&mut self, call: CallId, asked: Asked, now: Now) -> Result<Reply, Fault> {
        let Asked {
            socket,
            callee,
            record,
        } = asked;
        let session = self.session(socket)?;
        let (own, user_id, place) = (session.id.clone(), session.user_id.clone(), session.place);
        let room_id = self.new_room(RoomType::SipCall, now)?;
        self.give_up_call(socket, place, now);
        let me = self.add_participant(room_id, own, user_id.clone(), user_id.clone(), Line::App(socket));
        self.set_place(socket, Place::Calling { room: room_id, me });
        if record && let Some(caller) = self.participant_mut(me) {
            caller.record = RecordPolicy::of(RoomType::SipCall);
        }
        let theirs = self.dice.session(now.unix);
        let line = Line::Telephone(call);
        let participant = self.add_participant(room_id, theirs.clone(), callee.clone(), callee.clone(), line);
        let room = self.rooms.get_mut(&room_id).ok_or(Fault::NoSuchRoom)?;
        self.call_rooms += 1;
        room.call = Some(Call {
            id: call,
            caller: me,
            callee: callee.clone(),
            heard_of: Some(theirs),
            by_telephone: false,
            caller_id: user_id,
            started_at: now.unix,
            answered_at: None,
            declined: false,
            over: None,
            stage: Stage::Dialling,
        });
        if let Some(caller) = room.participants.get(&me) {
            let text = room.about(caller).ringback(&callee);
            self.send(socket, text);
        }
        self.timers
            .set(Timer::CallerJoins(room_id), now.instant + self.settings.join_time);
        self.timers
            .set(Timer::Call(room_id), now.instant + DIALLING_LIMIT);
        self.notify(
            call,
            TelephoneNotice::Dialled {
                room: room_id,
                participant,
            },
        );
        self.tell_call(room_id, CallStage::Started);
        Ok(Reply::new().with("room_id", room_id.to_string()))
    }

    /// The telephone has answered: the call is connected once the app's audio is up.
    pub(super) fn dialled_answers(&mut self, call: CallId, now: Now) {
        let Some(room_id) = self.room_of_telephone(call) else {
            return;
        };
        let dialling = self
            .rooms
            .get(&room_id)
            .and_then(|room| room.call.as_ref())
            .is_some_and(|call| matches!(call.stage, Stage::Dialling));
        if !dialling {
            return;
        }
        self.set_stage(room_id, Stage::Joined);
        self.timers
            .set(Timer::Call(room_id), now.instant + self.settings.audio_time);
        self.bridge(room_id, now);
    }

    /// The telephone does not answer, or the network says why it cannot be called.
    pub(super) fn dialled_fails(&mut self, call: CallId, why: CallOver, now: Now) {
        let Some(room_id) = self.room_of_telephone(call) else {
            return self.forget_dialling(call);
        };
        self.will_be_over(room_id, Some(why));
        self.end_telephone(call, None, now);
    }

    fn room_of_telephone(&self, call: CallId) -> Option<RoomId> {
        self.places.get(self.telephones.get(&call)?).copied()
    }

    /// `WS_KEYS_REQ`, which only our own client knows: presses keys towards the telephone of this call.
    pub(super) fn press_keys(&mut self, socket: SocketId, fields: &Fields, now: Now) -> Result<Reply, Fault> {
        let keys = fields.keys()?;
        let (room_id, _) = self.inside(socket)?;
        let room = self.rooms.get(&room_id).ok_or(Fault::NotInRoom)?;
        let talks = room
            .call
            .as_ref()
            .is_some_and(|call| matches!(call.stage, Stage::Dialling | Stage::Joined | Stage::Talking));
        let telephone = room.telephone().filter(|_| talks).ok_or(Fault::NoTelephone)?;
        let (call, me) = match telephone.line {
            Line::Telephone(call) => (call, telephone.id),
            Line::App(_) => return Err(Fault::NoTelephone),
        };
        let participant = self.participant_mut(me).ok_or(Fault::NoTelephone)?;
        let count = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        let from = participant
            .keys_until
            .map_or(now.instant, |at| at.max(now.instant));
        let until = from + KEY_TIME * count.min(MOST_KEYS + 1);
        if until - now.instant > KEY_TIME * MOST_KEYS {
            return Err(Fault::TooManyKeys);
        }
        participant.keys_until = Some(until);
        self.effects.push(Effect::Press {
            call,
            keys: keys.to_owned().into(),
        });
        Ok(Reply::new())
    }
}
