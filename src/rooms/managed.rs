//! What services' own servers want of their rooms, by the API: asked on the thread of the rooms, answered when it is in the store.

use super::host::Host;
use super::orders::{Answer, RoomOrder};
use omnigate_omnitalk::{Effect, Hub, Now, Refusal};
use omnigate_room::RoomId;

fn do_it(hub: &mut Hub, order: RoomOrder, now: Now) -> (Result<RoomId, Refusal>, Vec<Effect>) {
    match order {
        RoomOrder::Make(fields) => hub.make_room(fields, now),
        RoomOrder::Close(room) => {
            let (done, effects) = hub.close_room(room);
            (done.map(|()| room), effects)
        }
        RoomOrder::Remove(room, session) => {
            let (done, effects) = hub.remove(room, &session, now);
            (done.map(|()| room), effects)
        }
        RoomOrder::Mute(room, session, muted) => {
            let (done, effects) = hub.mute_session(room, &session, muted);
            (done.map(|()| room), effects)
        }
        RoomOrder::Numbered(room, number, plain) => {
            let (done, effects) = hub.room_numbered(room, number, plain);
            (done.map(|()| room), effects)
        }
        RoomOrder::Withdrawn(kind, number) => {
            hub.number_withdrawn(&kind, number);
            (Ok(RoomId(0)), Vec::new())
        }
        RoomOrder::MuteCall(call, muted) => {
            let (done, effects) = hub.mute_telephone(call, muted);
            (done.map(|()| RoomId(0)), effects)
        }
    }
}

impl Host {
    /// Carries an order out; its answer comes when it is in the store.
    pub(super) fn manage(&mut self, service: &str, order: RoomOrder, answer: Answer, now: Now) {
        let is_written = matches!(order, RoomOrder::Make(_) | RoomOrder::Close(_));
        let done = self.parts.tenants.managed(service, |hub| do_it(hub, order, now));
        let Some((done, effects)) = done else {
            let _ = answer.send(Err(Refusal::no_service()));
            return;
        };
        match done {
            Ok(room) if is_written => self.waiting.0.entry(room).or_default().push(answer),
            done => drop(answer.send(done)),
        }
        self.carry_out(effects, now);
    }

    /// A room is written down or struck out, or is not: who waits for that is told.
    pub(super) fn is_written(&mut self, service: &str, room: RoomId, written: bool, now: Now) {
        let Some(answers) = self.waiting.0.remove(&room) else {
            return;
        };
        let is_open = self
            .parts
            .tenants
            .hub(service)
            .is_some_and(|hub| hub.is_open(room));
        let mut heard = false;
        for answer in answers {
            let done = written.then_some(room).ok_or_else(Refusal::store_absent);
            heard |= answer.send(done).is_ok();
        }
        // It was promised to nobody: whoever asked has given up.
        if is_open && written && !heard {
            let closed = self.parts.tenants.managed(service, |hub| hub.close_room(room));
            if let Some((_, effects)) = closed {
                self.carry_out(effects, now);
            }
        }
    }
}
