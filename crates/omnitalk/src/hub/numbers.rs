//! Call numbers of sessions and rooms (6.2, 10.6, 12.23). Who has which is the directory's book, which all services share
//! and which answers later; the hub keeps what it has been told.

use super::Hub;
use super::outcome::{Awaited, Handled};
use crate::effects::Effect;
use crate::fault::Fault;
use crate::fields::Fields;
use crate::ids::SocketId;
use crate::masked::CallNumber;
use crate::now::Now;
use crate::numbers::{NumberFault, NumberOwner, TargetKind};
use crate::outgoing::Reply;

impl From<NumberFault> for Fault {
    fn from(fault: NumberFault) -> Self {
        match fault {
            NumberFault::InUse => Self::NumberInUse,
            NumberFault::Exhausted => Self::NumbersExhausted,
            NumberFault::Unavailable => Self::NoNumberNow,
        }
    }
}

impl Hub {
    /// `WS_MAKE_SIPNUM_REQ` (6.2, 10.6, 12.23). Any session may number any open room of its service (12.17).
    pub(super) fn make_number(&mut self, socket: SocketId, fields: &Fields) -> Handled {
        let wanted = fields.call_number()?;
        let user_id = self.session(socket)?.user_id.clone();
        let (owner, kind) = match fields.given_room()? {
            Some(room) => {
                let room = self.open_room(room)?.id;
                (NumberOwner::Room(room), TargetKind::Room(room))
            }
            None => (NumberOwner::Session(socket), TargetKind::User(user_id)),
        };
        self.effects.push(Effect::AssignNumber {
            socket,
            owner,
            kind,
            wanted,
        });
        Ok(Awaited::Number(owner).into())
    }

    /// The directory has answered. An owner that is gone meanwhile gives its number back.
    pub(super) fn number_answered(
        &mut self,
        socket: SocketId,
        owner: NumberOwner,
        answer: Result<CallNumber, NumberFault>,
        now: Now,
    ) {
        if let Ok(number) = answer {
            match self.number_of(owner) {
                Some(kept) => *kept = Some(number),
                None => self.effects.push(Effect::ReleaseNumber { owner }),
            }
        }
        let reply = answer.map_err(Fault::from).map(|number| {
            let reply = Reply::new().with("call_number", number.expose());
            match owner {
                NumberOwner::Room(room) => reply.with("room_id", room.to_string()),
                NumberOwner::Session(_) => reply,
            }
        });
        self.settle(socket, Awaited::Number(owner), |_| reply, now);
    }

    /// Where the number of an owner is kept; none when the owner is gone, or has none any more.
    fn number_of(&mut self, owner: NumberOwner) -> Option<&mut Option<CallNumber>> {
        match owner {
            NumberOwner::Session(socket) => {
                let session = self.connections.get_mut(&socket)?.session.as_mut()?;
                Some(&mut session.number)
            }
            NumberOwner::Room(room) => {
                let room = self.rooms.get_mut(&room).filter(|room| room.is_open())?;
                Some(&mut room.number)
            }
        }
    }

    /// The owner has no number any more, if it has one.
    pub(super) fn release_number(&mut self, owner: NumberOwner) {
        if self.number_of(owner).and_then(Option::take).is_some() {
            self.effects.push(Effect::ReleaseNumber { owner });
        }
    }

    pub(super) fn release_all_numbers(&mut self) {
        let sessions = self.connections.keys().copied().map(NumberOwner::Session);
        let rooms = self.rooms.keys().copied().map(NumberOwner::Room);
        let all: Vec<NumberOwner> = sessions.chain(rooms).collect();
        for owner in all {
            self.release_number(owner);
        }
    }

    /// Numbers that sessions and rooms have.
    pub(super) fn numbers(&self) -> usize {
        let sessions = self.connections.values().filter_map(|one| one.session.as_ref());
        let rooms = self.rooms.values().filter(|room| room.number.is_some());
        sessions.filter(|session| session.number.is_some()).count() + rooms.count()
    }
}
