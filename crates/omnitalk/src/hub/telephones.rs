//! Telephones: calling a person (9.9), entering a room (9.10), hanging up.

use super::Hub;
use super::people::Line;
use crate::effects::{Effect, RefusedReason, TelephoneCaller, TelephoneEnd, TelephoneNotice};
use crate::fault::Fault;
use crate::fields::NAME_LIMIT;
use crate::ids::SocketId;
use crate::now::Now;
use crate::words::RoomType;
use omnigate_room::Ending;
use omnigate_room::{CallId, ParticipantId, RoomId};
use std::collections::BTreeSet;

/// The user id of a caller who withholds the number (12.25).
const ANONYMOUS: &str = "anonymous";

/// A telephone's number as the user id and name of its participant.
fn shown_name(number: &str) -> String {
    let name: String = number
        .chars()
        .filter(|c| !c.is_control())
        .take(NAME_LIMIT / 2)
        .collect();
    if name.trim().is_empty() {
        ANONYMOUS.to_owned()
    } else {
        name
    }
}

impl Hub {
    pub(super) fn notify(&mut self, call: CallId, notice: TelephoneNotice) {
        self.effects.push(Effect::Telephone { call, notice });
    }

    pub(super) fn ring_user(&mut self, call: CallId, user_id: &str, caller: TelephoneCaller<'_>, now: Now) {
        if self.telephones.contains_key(&call) {
            return;
        }
        match self.try_to_ring(call, user_id, caller, now) {
            Ok((room, participant, sockets)) => {
                self.notify(call, TelephoneNotice::Ringing { room, participant });
                self.begin_call(room, participant, user_id, &sockets, now);
            }
            Err(reason) => {
                self.notify(call, TelephoneNotice::Refused(reason));
                if let Some(over) = TelephoneNotice::Refused(reason).means() {
                    let caller = shown_name(caller.number);
                    self.tell_refused(call, RoomType::SipCall, caller, user_id.to_owned(), over, now);
                }
            }
        }
    }

    /// Unlike an app, a telephone does not wait for a user without a session.
    fn try_to_ring(
        &mut self,
        telephone: CallId,
        user_id: &str,
        caller: TelephoneCaller<'_>,
        now: Now,
    ) -> Result<(RoomId, ParticipantId, BTreeSet<SocketId>), RefusedReason> {
        let all = self.users.get(user_id).ok_or(RefusedReason::NoSession)?;
        let idle = self.idle(all);
        if idle.is_empty() {
            return Err(RefusedReason::Busy);
        }
        self.has_a_call().map_err(|_| RefusedReason::Quota)?;
        let room = self
            .new_room(RoomType::SipCall, now)
            .map_err(|_| RefusedReason::Quota)?;
        Ok((room, self.add_telephone(room, telephone, caller, now), idle))
    }

    /// Whether the service may have another call, and somebody in it.
    pub(super) fn has_a_call(&self) -> Result<(), Fault> {
        self.has_a_place()?;
        let most = self.quota().calls;
        let full = self.calls_used() >= most;
        if full {
            Err(Fault::TooManyCalls(most))
        } else {
            Ok(())
        }
    }

    /// Calls: 1:1 calls, and telephones in other rooms.
    pub(super) fn calls_used(&self) -> usize {
        let admitted = self.telephones.values().filter(|id| {
            let room = self.places.get(id).and_then(|room| self.rooms.get(room));
            room.is_some_and(|room| room.call.is_none())
        });
        self.call_rooms + admitted.count()
    }

    fn add_telephone(
        &mut self,
        room: RoomId,
        call: CallId,
        caller: TelephoneCaller<'_>,
        now: Now,
    ) -> ParticipantId {
        let name = shown_name(caller.number);
        let session = self.dice.session(now.unix);
        let id = self.add_participant(room, session, name.clone(), name, Line::Telephone(call));
        if let Some(telephone) = self.participant_mut(id) {
            telephone.record = caller.record;
        }
        id
    }

    pub(super) fn admit_telephone(
        &mut self,
        call: CallId,
        room_id: RoomId,
        caller: TelephoneCaller<'_>,
        now: Now,
    ) {
        if self.telephones.contains_key(&call) {
            return;
        }
        let refused = match self.rooms.get(&room_id).filter(|room| room.is_open()) {
            None => Some(RefusedReason::NoRoom),
            Some(room) if room.participants.len() >= self.settings.most_participants => {
                Some(RefusedReason::RoomFull)
            }
            Some(_) if self.has_a_call().is_err() => Some(RefusedReason::Quota),
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

    /// The telephone goes, by itself (no notice) or by our doing.
    pub(super) fn end_telephone(&mut self, call: CallId, notice: Option<TelephoneNotice>, now: Now) {
        let Some(participant) = self.telephones.get(&call).copied() else {
            return;
        };
        let Some(room) = self.places.get(&participant).copied() else {
            return;
        };
        let ending = match notice {
            None => Ending::Leave,
            Some(TelephoneNotice::Ended(TelephoneEnd::KickedOut)) => Ending::KickOut,
            Some(_) => Ending::RoomClosed,
        };
        if let Some(notice) = notice {
            self.will_be_over(room, notice.means());
            self.notify(call, notice);
        }
        self.remove_participant(room, participant, ending, now);
    }
}
