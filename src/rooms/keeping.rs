//! What of rooms and numbers outlives the process: given to those who write it down, and what they answer.

use super::host::Host;
use super::ledger::{Left, Line, Written};
use super::numbers::{Assigned, Wish};
use crate::directory::Guesser;
use omnigate_omnitalk::{CallNumber, Effect, Now, Service, TargetKind};
use omnigate_room::RoomId;
use std::collections::HashMap;
use tokio::sync::oneshot;

impl Host {
    /// What outlives the process is written by others. Those that have ended take the process along.
    pub(super) fn write(&mut self, effect: Effect) {
        match effect {
            Effect::AssignNumber {
                socket,
                wish,
                order,
                most,
            } => {
                let client = self.sockets.get(&socket).and_then(|one| one.client);
                let _ = self.parts.wishes.send(Wish::Assign {
                    socket,
                    wish,
                    order,
                    most,
                    by: client.map_or(Guesser::Session(socket), Guesser::Client),
                });
            }
            Effect::ReleaseNumber { service_id, kind } => {
                let _ = self.parts.wishes.send(Wish::Release { service_id, kind });
            }
            Effect::KeepRoom { service_id, room } => {
                let _ = self.parts.lines.send(Line::Keep { service_id, room });
            }
            Effect::StrikeRoom {
                service_id,
                room,
                asked,
            } => {
                let _ = self.parts.lines.send(Line::Strike {
                    service_id,
                    room,
                    asked,
                });
            }
            _ => {}
        }
    }

    pub(super) fn assigned(&mut self, answer: Assigned, now: Now) {
        let tenants = &mut self.parts.tenants;
        let Assigned {
            socket,
            wish,
            service_id,
            kind,
            number,
        } = answer;
        let effects = tenants.number_assigned(socket, wish, &service_id, kind, number, now);
        self.carry_out(effects, now);
    }

    pub(super) fn written(&mut self, written: Written, now: Now) {
        let tenants = &mut self.parts.tenants;
        let (service, room, written, effects) = match written {
            Written::Read(left) => return self.restore(left, now),
            Written::ReadOf { service_id, left } => return self.restore_of(&service_id, left, now),
            Written::Kept {
                service_id,
                room,
                written,
            } => {
                let effects = tenants.room_kept(&service_id, room, written, now);
                (service_id, room, written, effects)
            }
            Written::Struck {
                service_id,
                room,
                written,
            } => {
                let effects = tenants.room_struck(&service_id, room, written, now);
                (service_id, room, written, effects)
            }
        };
        self.carry_out(effects, now);
        self.is_written(&service, room, written.is_ok(), now);
    }

    /// Rooms of services that are not there any more stay in the store. A number whose room is gone ends: the process died between
    /// the two.
    fn restore(&mut self, left: Left, now: Now) {
        let mut numbers: HashMap<RoomId, (String, CallNumber)> = HashMap::new();
        for (service, room, number) in left.numbers {
            numbers.insert(room, (service, number));
        }
        for (service, room) in &left.rooms {
            let number = numbers.remove(&room.id).map(|(_, number)| number);
            self.parts.tenants.restore(service, room, number, now);
        }
        self.parts.tenants.await_rooms(false);
        for (room, (service_id, _)) in numbers {
            let kind = TargetKind::Room(room);
            self.write(Effect::ReleaseNumber { service_id, kind });
        }
        self.restored = true;
        for waits in self.await_restored.drain(..) {
            let _ = waits.send(());
        }
    }

    /// There is a service, or it is another one from now on. One that has come later may have rooms; false: there have been too many.
    pub(super) fn set_service(&mut self, service: Service) -> bool {
        let (tenants, service_id) = (&mut self.parts.tenants, service.id.clone());
        let is_new = tenants.hub(&service_id).is_none();
        if !tenants.set_service(service) {
            return false;
        }
        if is_new && self.restored {
            tenants.await_rooms_of(&service_id, true);
            let _ = self.parts.lines.send(Line::Read { service_id });
        }
        true
    }

    /// There is no such service any more. `forget`: nor its rooms and numbers; otherwise they come back with it.
    pub(super) fn remove_service(&mut self, service_id: &str, forget: bool, now: Now) {
        let effects = self.parts.tenants.remove_service(service_id, forget, now);
        self.carry_out(effects, now);
    }

    fn restore_of(&mut self, service_id: &str, left: Left, now: Now) {
        let tenants = &mut self.parts.tenants;
        let number = |wanted: RoomId| {
            let found = left.numbers.iter().find(|(_, room, _)| *room == wanted);
            found.map(|(.., number)| *number)
        };
        for (_, room) in &left.rooms {
            // Made since it is there again.
            if tenants.hub(service_id).is_some_and(|hub| !hub.is_open(room.id)) {
                tenants.restore(service_id, room, number(room.id), now);
            }
        }
        tenants.await_rooms_of(service_id, false);
    }

    /// Tells when the rooms of an earlier process are there.
    pub(super) fn tell_restored(&mut self, waits: oneshot::Sender<()>) {
        if self.restored {
            let _ = waits.send(());
        } else {
            self.await_restored.push(waits);
        }
    }
}
