//! The lives of rooms: making, writing down, destroying, expiry (6.4, 6.5, 10.7, 10.8, 12.4).
//!
//! ```text
//!           create                written down              destroy, struck out
//!   (none) ───────▶ Pending ─────────────────────▶ Open ─────────────────────────▶ Destroyed ──▶ (none)
//!                      │ not written in time         ▲ │ empty for long enough       with its last participant
//!                      ▼                             │ ▼
//!                   (none), struck out   restore ────┘ (none), struck out
//! ```
//!
//! What has been answered with success is in the store: a room that was made is there after a crash, and one that was destroyed is
//! not. Rooms of calls end with their calls and are not written down.

use super::Hub;
use super::outcome::{Awaited, Handled};
use super::people::{Life, Room};
use super::shares::Maker;
use crate::effects::Effect;
use crate::fault::Fault;
use crate::fields::{Fields, LONG_LIMIT};
use crate::ids::SocketId;
use crate::kept::{KeptRoom, StoreFault};
use crate::masked::CallNumber;
use crate::now::Now;
use crate::outgoing::Reply;
use crate::room_secret::RoomSecret;
use crate::settings::HostsOnly;
use crate::timers::Timer;
use crate::words::RoomType;
use omnigate_room::RoomId;
use std::collections::BTreeMap;
use std::time::Duration;

/// A room lasts an hour unless it says otherwise (12.5), in seconds.
const DEFAULT_LENGTH: u64 = 3600;

impl Hub {
    /// `WS_CREATE_ROOM_REQ` (6.4, 12.5).
    pub(super) fn create_room(&mut self, socket: SocketId, fields: &Fields, now: Now) -> Handled {
        let creator = self.session(socket)?.user_id.clone();
        let maker = self.maker(socket);
        let room = self.plan_room(fields, creator, Some(maker), now)?;
        Ok(Awaited::Kept(room).into())
    }

    /// A room of these fields, which is to be written down before anybody finds it.
    pub(super) fn plan_room(
        &mut self,
        fields: &Fields,
        creator: String,
        maker: Option<Maker>,
        now: Now,
    ) -> Result<RoomId, Fault> {
        let kind = fields.room_type()?;
        let subject = fields.text("subject", LONG_LIMIT)?.unwrap_or_default().to_owned();
        let secret = fields.secret()?.map(RoomSecret::new);
        let (start, end) = (fields.date("start_date")?, fields.date("end_date")?);
        let start_date = start.unwrap_or(now.unix);
        if end.is_some_and(|end| end < start.unwrap_or(0)) {
            return Err(Fault::EndBeforeStart);
        }
        let id = self.new_room(kind, now)?;
        let Some(room) = self.rooms.get_mut(&id) else {
            return Err(Fault::NoSuchRoom);
        };
        if maker.is_some_and(|maker| !self.made_rooms.take(maker, self.settings.room_share)) {
            self.rooms.remove(&id);
            return Err(Fault::RoomShare);
        }
        room.made_by = maker;
        room.subject = subject;
        room.secret = secret;
        room.creator = creator;
        room.start_date = start_date;
        room.end_date = end.unwrap_or(start_date.saturating_add(DEFAULT_LENGTH));
        // A room of another day is there on its day, also when nobody has said when it ends.
        room.keep_until = end.or(start.filter(|start| *start > now.unix).map(|_| room.end_date));
        room.life = Life::Pending;
        let room = Box::new(room.kept(self.dice.salt()));
        let service_id = self.service_id();
        self.effects.push(Effect::KeepRoom { service_id, room });
        Ok(id)
    }

    /// An empty room that nobody knows yet.
    pub(super) fn new_room(&mut self, kind: RoomType, now: Now) -> Result<RoomId, Fault> {
        let most = self.quota().rooms;
        if self.rooms.len() >= most {
            return Err(Fault::TooManyRooms(most));
        }
        let mut id = self.dice.room();
        while self.rooms.contains_key(&id) {
            id = self.dice.room();
        }
        let room = Room {
            id,
            wire: id.to_string(),
            serial: self.next.room_serial(),
            kind,
            subject: String::new(),
            secret: None,
            creator: String::new(),
            made_by: None,
            numbered_by: None,
            number: None,
            start_date: now.unix,
            end_date: now.unix.saturating_add(DEFAULT_LENGTH),
            reg_date: now.unix,
            keep_until: None,
            life: Life::Open,
            call: None,
            screen: None,
            participants: BTreeMap::new(),
            recordings: BTreeMap::new(),
        };
        self.rooms.insert(id, room);
        Ok(id)
    }

    /// A room of an earlier process.
    pub(super) fn restore_room(&mut self, kept: &KeptRoom, number: Option<CallNumber>, now: Now) {
        let Some(kind) = RoomType::parse(&kept.room_type).filter(|_| !self.rooms.contains_key(&kept.id))
        else {
            return;
        };
        let room = Room {
            id: kept.id,
            wire: kept.id.to_string(),
            serial: self.next.room_serial(),
            kind,
            subject: kept.subject.clone(),
            secret: kept.secret.clone().map(RoomSecret::Hashed),
            creator: kept.creator.clone(),
            made_by: None,
            numbered_by: None,
            number,
            start_date: kept.start_date,
            end_date: kept.end_date,
            reg_date: kept.reg_date,
            keep_until: kept.keep_until,
            life: Life::Open,
            call: None,
            screen: None,
            participants: BTreeMap::new(),
            recordings: BTreeMap::new(),
        };
        self.listing.add(room.serial, kept.id, kind);
        self.rooms.insert(kept.id, room);
        self.watch_if_empty(kept.id, now);
    }

    /// The open room.
    pub(super) fn open_room(&self, id: RoomId) -> Result<&Room, Fault> {
        let room = self.rooms.get(&id).filter(|room| room.is_open());
        room.ok_or(if self.awaits_rooms {
            Fault::StoreAbsent
        } else {
            Fault::NoSuchRoom
        })
    }

    /// Whether the new room is written down. One that nobody was told of in time goes again.
    pub(super) fn keep_answered(&mut self, id: RoomId, kept: Result<(), StoreFault>, now: Now) {
        let awaited = Awaited::Kept(id);
        match self.awaiting(awaited) {
            Some(socket) => self.settle(socket, awaited, |hub| hub.room_ready(id, kept, now), now),
            // Whoever has made it looks whether it is there.
            None if self.managed.remove(&id) => drop(self.room_ready(id, kept, now)),
            None => self.give_up_pending(id),
        }
    }

    pub(super) fn room_ready(
        &mut self,
        id: RoomId,
        kept: Result<(), StoreFault>,
        now: Now,
    ) -> Result<Reply, Fault> {
        let pending = self.rooms.get_mut(&id).filter(|room| room.life == Life::Pending);
        let (Some(room), Ok(())) = (pending, kept) else {
            self.give_up_pending(id);
            return Err(Fault::StoreAbsent);
        };
        room.life = Life::Open;
        self.listing.add(room.serial, id, room.kind);
        self.watch_if_empty(id, now);
        Ok(Reply::new().with("room_id", id.to_string()))
    }

    /// Whatever became of it in the store: nobody was told of it, so it is not there.
    pub(super) fn give_up_pending(&mut self, id: RoomId) {
        let known = self.rooms.get(&id).map(|room| room.life);
        if known.is_some_and(|life| life != Life::Pending) {
            return;
        }
        self.remove_room(id);
        self.strike(id, false);
    }

    pub(super) fn strike(&mut self, room: RoomId, asked: bool) {
        let service_id = self.service_id();
        self.effects.push(Effect::StrikeRoom {
            service_id,
            room,
            asked,
        });
    }

    /// `WS_DESTROY_ROOM_REQ` (6.5, 10.7): whoever is inside goes on, nobody else gets in.
    pub(super) fn destroy_room(&mut self, socket: SocketId, fields: &Fields) -> Handled {
        let room = self.open_room(fields.room()?)?;
        let id = room.id;
        self.may_as_host(socket, room, self.hosts_only().destroy, "destroy it")?;
        self.strike(id, true);
        Ok(Awaited::Struck(id).into())
    }

    /// Whether the room is struck out of the store. If so it is destroyed, also when nobody waits for it any more.
    pub(super) fn strike_answered(&mut self, id: RoomId, struck: Result<(), StoreFault>, now: Now) {
        if struck.is_ok() && self.open_room(id).is_ok() {
            self.release_of_room(id);
            if let Some(room) = self.rooms.get_mut(&id) {
                room.life = Life::Destroyed;
                self.listing.remove(room.serial, id, room.kind);
            }
            self.watch_if_empty(id, now);
            if self.managed.contains(&id) {
                self.empty_room(id, now);
            }
        }
        self.managed.remove(&id);
        let reply = Reply::new().with("room_id", id.to_string());
        let awaited = Awaited::Struck(id);
        // Several may have asked for the same.
        while let Some(socket) = self.awaiting(awaited) {
            let answer = struck
                .map(|()| reply.clone())
                .map_err(|StoreFault| Fault::StoreAbsent);
            self.settle(socket, awaited, |_| answer, now);
        }
    }

    /// An empty room goes: a destroyed one at once, another one after a while (12.4).
    pub(super) fn watch_if_empty(&mut self, id: RoomId, now: Now) {
        let Some(room) = self.rooms.get(&id).filter(|room| room.participants.is_empty()) else {
            return;
        };
        if room.life == Life::Destroyed {
            self.remove_room(id);
            return;
        }
        let longest = self.settings.longest_keep.as_secs();
        let kept = room.keep_until.unwrap_or(0).saturating_sub(now.unix).min(longest);
        let time = self.settings.empty_room.max(Duration::from_secs(kept));
        self.timers.set(Timer::EmptyRoom(id), now.instant + time);
    }

    /// The room has been empty for long enough.
    pub(super) fn expire_room(&mut self, id: RoomId) {
        self.release_of_room(id);
        self.strike(id, false);
        self.remove_room(id);
    }

    /// The service is gone, and all rooms and numbers with it.
    pub(super) fn strike_all(&mut self) {
        let rooms: Vec<RoomId> = self
            .rooms
            .values()
            .filter(|room| room.call.is_none())
            .map(|room| room.id)
            .collect();
        for room in rooms {
            self.release_of_room(room);
            self.strike(room, false);
        }
        let users: Vec<String> = self.personal.keys().cloned().collect();
        for user in users {
            self.release_of_user(&user, false);
        }
    }

    /// Forgets a room that nobody is in.
    pub(super) fn remove_room(&mut self, id: RoomId) {
        self.timers.clear(Timer::EmptyRoom(id));
        self.timers.clear(Timer::Call(id));
        self.timers.clear(Timer::CallerJoins(id));
        let Some(room) = self.rooms.remove(&id) else {
            return;
        };
        self.listing.remove(room.serial, id, room.kind);
        self.call_rooms -= usize::from(room.call.is_some());
        if let Some(maker) = room.made_by {
            self.made_rooms.give_back(maker);
        }
        if let Some(maker) = room.numbered_by {
            self.made_numbers.give_back(maker);
        }
    }

    /// Whether a session may do something in a room that its service may have left to hosts. Of those who have come by a join token, only
    /// the ones that were made hosts may.
    pub(super) fn may_as_host(
        &self,
        socket: SocketId,
        room: &Room,
        hosts_only: bool,
        what: &'static str,
    ) -> Result<(), Fault> {
        let session = self.session(socket)?;
        let may = match &session.guest {
            Some(guest) => guest.host,
            None => !hosts_only || room.is_hosted_by(&session.user_id),
        };
        may.then_some(()).ok_or(Fault::HostsOnly(what))
    }

    /// What only hosts may do.
    pub(super) fn hosts_only(&self) -> HostsOnly {
        let service = self.settings.service.as_ref();
        service.map(|service| service.hosts_only).unwrap_or_default()
    }
}

impl Room {
    /// Whether this user may do what only hosts may. A call has no host: both sides may do what there is to do.
    pub(super) fn is_hosted_by(&self, user: &str) -> bool {
        self.call.is_some() || self.creator == user
    }

    /// What of it is written down.
    fn kept(&self, salt: [u8; 16]) -> KeptRoom {
        KeptRoom {
            id: self.id,
            room_type: self.kind.word().to_owned(),
            subject: self.subject.clone(),
            secret: self.secret.as_ref().map(|secret| secret.hash(salt)),
            creator: self.creator.clone(),
            start_date: self.start_date,
            end_date: self.end_date,
            reg_date: self.reg_date,
            keep_until: self.keep_until,
        }
    }
}
