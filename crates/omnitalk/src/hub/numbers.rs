//! Call numbers of users and rooms (6.2, 10.6, 12.23). Who has which is the directory's book, which all services share
//! and which answers later; the hub keeps what it has been told.
//!
//! A personal number is its user's: it lasts while the user has a session, and sessions of one user share it.

use super::Hub;
use super::outcome::{Awaited, Handled};
use super::people::{Room, Session};
use super::shares::Maker;
use crate::effects::Effect;
use crate::fault::Fault;
use crate::fields::Fields;
use crate::ids::SocketId;
use crate::masked::CallNumber;
use crate::now::Now;
use crate::numbers::{NumberFault, NumberMaker, NumberOrder, NumberTerms, TargetKind};
use crate::outgoing::Reply;

impl From<NumberFault> for Fault {
    fn from(fault: NumberFault) -> Self {
        match fault {
            NumberFault::InUse => Self::NumberInUse,
            NumberFault::Exhausted => Self::NumbersExhausted,
            NumberFault::Quota => Self::TooManyNumbers,
            NumberFault::Guessed => Self::TooManyWishes,
            NumberFault::Unavailable => Self::NoNumberNow,
        }
    }
}

/// Who makes a number, when this session asks for it.
fn maker(session: &Session) -> NumberMaker {
    if session.user_is_drawn {
        NumberMaker::Nobody
    } else {
        NumberMaker::User(session.user_id.clone())
    }
}

/// Whether this session may give the room a number. A number admits its caller without the room's secret (12.11), so a room with a
/// secret gets one from whoever made it alone; and what one user has given a room, no other takes away.
fn may_number(room: &Room, session: &Session) -> bool {
    room.creator == session.user_id || room.secret.is_none() && room.number.is_none()
}

impl Hub {
    /// `WS_MAKE_SIPNUM_REQ` (6.2, 10.6, 12.23).
    pub(super) fn make_number(&mut self, socket: SocketId, fields: &Fields) -> Handled {
        let wanted = fields.call_number()?;
        let session = self.session(socket)?;
        let (asks, maker) = (maker(session), self.maker(socket));
        let kind = match fields.given_room()? {
            Some(room) => {
                let room = self.open_room(room)?;
                if !may_number(room, session) {
                    return Err(Fault::NotYourRoom);
                }
                TargetKind::Room(room.id)
            }
            None => TargetKind::User(session.user_id.clone()),
        };
        self.count_number(maker, &kind)?;
        let wish = self.next.wish();
        let order = Box::new(NumberOrder {
            service_id: self.service_id(),
            kind,
            maker: asks,
            wanted,
            terms: NumberTerms::default(),
        });
        self.effects.push(Effect::AssignNumber {
            socket,
            wish,
            order,
            most: self.quota().numbers,
        });
        Ok(Awaited::Number(wish).into())
    }

    /// The directory has answered. A target that is gone meanwhile gives its number back.
    pub(super) fn number_answered(
        &mut self,
        socket: SocketId,
        wish: u64,
        kind: TargetKind,
        answer: Result<CallNumber, NumberFault>,
        now: Now,
    ) {
        let room = match &kind {
            TargetKind::Room(room) => Some(*room),
            TargetKind::User(_) => None,
        };
        match answer {
            Ok(number) => self.number_is(kind, number),
            Err(_) => self.count_no_number(socket, &kind),
        }
        let reply = answer.map_err(Fault::from).map(|number| {
            let reply = Reply::new().with("call_number", number.expose());
            match room {
                Some(room) => reply.with("room_id", room.to_string()),
                None => reply,
            }
        });
        self.settle(socket, Awaited::Number(wish), |_| reply, now);
    }

    /// Counts the number that the target is to get for this maker, unless it is counted already.
    fn count_number(&mut self, maker: Maker, kind: &TargetKind) -> Result<(), Fault> {
        let counted = match kind {
            TargetKind::User(_) => self.session(maker.socket)?.numbered,
            TargetKind::Room(room) => {
                let room = self.open_room(*room)?;
                room.number.is_some() || room.numbered_by.is_some()
            }
        };
        if counted {
            return Ok(());
        }
        if !self.made_numbers.take(maker, self.settings.number_share) {
            return Err(Fault::NumberShare);
        }
        match kind {
            TargetKind::User(_) => self.set_numbered(maker.socket, true),
            TargetKind::Room(room) => {
                if let Some(room) = self.rooms.get_mut(room) {
                    room.numbered_by = Some(maker);
                }
            }
        }
        Ok(())
    }

    /// The target gets none: it is not counted any more, unless it has one.
    fn count_no_number(&mut self, socket: SocketId, kind: &TargetKind) {
        match kind {
            TargetKind::User(user) => {
                let counted = self.session_of(socket).is_some_and(|session| session.numbered);
                if counted && !self.personal.contains_key(user) {
                    self.set_numbered(socket, false);
                    self.made_numbers.give_back(self.maker(socket));
                }
            }
            TargetKind::Room(room) => {
                let room = self.rooms.get_mut(room).filter(|room| room.number.is_none());
                if let Some(maker) = room.and_then(|room| room.numbered_by.take()) {
                    self.made_numbers.give_back(maker);
                }
            }
        }
    }

    fn set_numbered(&mut self, socket: SocketId, numbered: bool) {
        let connection = self.connections.get_mut(&socket);
        if let Some(session) = connection.and_then(|connection| connection.session.as_mut()) {
            session.numbered = numbered;
        }
    }

    /// The target has this number; one that is gone gives it back.
    pub(super) fn number_is(&mut self, kind: TargetKind, number: CallNumber) {
        match &kind {
            TargetKind::User(user) if self.users.contains_key(user) => {
                self.personal.insert(user.clone(), number);
                return;
            }
            TargetKind::Room(room) => {
                if let Some(room) = self.rooms.get_mut(room).filter(|room| room.is_open()) {
                    room.number = Some(number);
                    return;
                }
            }
            TargetKind::User(_) => {}
        }
        self.push_release(kind);
    }

    /// The number was withdrawn by the service.
    pub(super) fn number_gone(&mut self, kind: &TargetKind, number: CallNumber) {
        match kind {
            TargetKind::User(user) => {
                if self.personal.get(user) != Some(&number) {
                    return;
                }
                self.personal.remove(user);
                for socket in self.users.get(user).cloned().unwrap_or_default() {
                    self.count_no_number(socket, kind);
                }
            }
            TargetKind::Room(room) => {
                let room = self.rooms.get_mut(room);
                let Some(room) = room.filter(|room| room.number == Some(number)) else {
                    return;
                };
                room.number = None;
                if let Some(maker) = room.numbered_by.take() {
                    self.made_numbers.give_back(maker);
                }
            }
        }
    }

    fn push_release(&mut self, kind: TargetKind) {
        let service_id = self.service_id();
        self.effects.push(Effect::ReleaseNumber { service_id, kind });
    }

    /// The room has no numbers any more.
    pub(super) fn release_of_room(&mut self, room: omnigate_room::RoomId) {
        if let Some(room) = self.rooms.get_mut(&room) {
            room.number = None;
            if let Some(maker) = room.numbered_by.take() {
                self.made_numbers.give_back(maker);
            }
        }
        self.push_release(TargetKind::Room(room));
    }

    /// The user has no session any more. A number that is `owed` comes too late.
    pub(super) fn release_of_user(&mut self, user: &str, owed: bool) {
        if self.personal.remove(user).is_some() || owed {
            self.push_release(TargetKind::User(user.to_owned()));
        }
    }

    /// Numbers that users and rooms have.
    pub(super) fn numbers(&self) -> usize {
        let rooms = self.rooms.values().filter(|room| room.number.is_some());
        self.personal.len() + rooms.count()
    }
}
