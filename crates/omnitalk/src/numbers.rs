//! Call numbers of all services: who has which, and which ended lately (10.6, 12.23).

use crate::ids::SocketId;
use crate::masked::CallNumber;
use crate::random::Dice;
use omnigate_room::RoomId;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

/// Ended numbers that are remembered at most; the oldest are forgotten first.
const MOST_ENDED: usize = 100_000;

/// What a call number leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LookUp {
    /// A user or a room.
    Found(Target),
    /// Nobody has had this number lately.
    Unknown,
    /// It was valid until lately.
    Expired,
}

/// The owner of a call number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The number itself.
    pub call_number: CallNumber,
    /// The service of the user or room.
    pub service_id: String,
    /// User or room.
    pub kind: TargetKind,
}

/// What kind of owner. `Debug` does not show who.
#[derive(Clone, PartialEq, Eq)]
pub enum TargetKind {
    /// A personal number (9.9): for [`Tenants::ring`](crate::Tenants::ring).
    User(String),
    /// A room number (9.10): for [`Tenants::admit`](crate::Tenants::admit).
    Room(RoomId),
}

impl fmt::Debug for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(_) => f.write_str("User(***)"),
            Self::Room(room) => f.debug_tuple("Room").field(room).finish(),
        }
    }
}

/// Why there is no number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberFault {
    /// The wanted one has an owner.
    InUse,
    /// None is free.
    Exhausted,
    /// The directory cannot be reached.
    Unavailable,
}

/// Who has a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NumberOwner {
    /// The session on this socket: a personal number.
    Session(SocketId),
    /// A room.
    Room(RoomId),
}

/// Where a number leads to.
struct Entry {
    service_id: String,
    kind: TargetKind,
}

/// Every owner has at most one number, every number at most one owner.
pub struct NumberBook {
    dice: Dice,
    by_number: BTreeMap<CallNumber, Entry>,
    by_owner: BTreeMap<NumberOwner, CallNumber>,
    /// Number → until when it counts as "ended lately".
    ended: BTreeMap<CallNumber, Instant>,
    endings: VecDeque<(Instant, CallNumber)>,
    memory: Duration,
}

impl NumberBook {
    /// A book without numbers. `memory`: how long an ended number counts as "ended lately". Numbers are drawn from `seed`,
    /// which must be unguessable in production.
    #[must_use]
    pub fn new(memory: Duration, seed: [u8; 32]) -> Self {
        Self {
            dice: Dice::new(seed),
            by_number: BTreeMap::new(),
            by_owner: BTreeMap::new(),
            ended: BTreeMap::new(),
            endings: VecDeque::new(),
            memory,
        }
    }

    /// Numbers that lead somewhere.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_number.len()
    }

    /// Whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    /// Where a number leads to.
    #[must_use]
    pub fn look_up(&self, number: CallNumber, now: Instant) -> LookUp {
        match self.by_number.get(&number) {
            Some(entry) => LookUp::Found(Target {
                call_number: number,
                service_id: entry.service_id.clone(),
                kind: entry.kind.clone(),
            }),
            None if self.ended_lately(number, now) => LookUp::Expired,
            None => LookUp::Unknown,
        }
    }

    fn ended_lately(&self, number: CallNumber, now: Instant) -> bool {
        self.ended.get(&number).is_some_and(|until| *until > now)
    }

    /// Gives `owner` the wanted number, or keeps the one it has, or draws one. Another wanted number replaces the
    /// one it has (12.23). A drawn number is one that has not ended lately, so that no caller with an old number
    /// reaches a stranger.
    ///
    /// # Errors
    /// The wanted number has an owner, or none is free.
    pub fn assign(
        &mut self,
        owner: NumberOwner,
        service_id: &str,
        kind: TargetKind,
        wanted: Option<CallNumber>,
        now: Instant,
    ) -> Result<CallNumber, NumberFault> {
        let number = match (wanted, self.by_owner.get(&owner).copied()) {
            (None, Some(existing)) => return Ok(existing),
            (Some(wanted), Some(existing)) if wanted == existing => return Ok(existing),
            (Some(wanted), _) if self.by_number.contains_key(&wanted) => return Err(NumberFault::InUse),
            (Some(wanted), _) => wanted,
            (None, None) => self.draw(now).ok_or(NumberFault::Exhausted)?,
        };
        self.release(owner, now);
        self.ended.remove(&number);
        let service_id = service_id.to_owned();
        self.by_number.insert(number, Entry { service_id, kind });
        self.by_owner.insert(owner, number);
        Ok(number)
    }

    fn draw(&mut self, now: Instant) -> Option<CallNumber> {
        let (taken, ended) = (&self.by_number, &self.ended);
        let free = |number: CallNumber| !taken.contains_key(&number);
        let fresh = |number| free(number) && ended.get(&number).is_none_or(|until| *until <= now);
        self.dice.number(fresh).or_else(|| self.dice.number(free))
    }

    /// The owner is gone: its number ends.
    pub fn release(&mut self, owner: NumberOwner, now: Instant) {
        while let Some((until, number)) = self.endings.front().copied() {
            if until > now && self.endings.len() <= MOST_ENDED {
                break;
            }
            self.endings.pop_front();
            // The number may have been given out and ended again since.
            if self.ended.get(&number) == Some(&until) {
                self.ended.remove(&number);
            }
        }
        if let Some(number) = self.by_owner.remove(&owner) {
            self.by_number.remove(&number);
            let until = now + self.memory;
            self.ended.insert(number, until);
            self.endings.push_back((until, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: Duration = Duration::from_secs(60);
    const ME: NumberOwner = NumberOwner::Session(SocketId(1));
    const ROOM: NumberOwner = NumberOwner::Room(RoomId(9));

    fn assign(
        book: &mut NumberBook,
        owner: NumberOwner,
        wanted: Option<CallNumber>,
        now: Instant,
    ) -> Result<CallNumber, NumberFault> {
        let kind = match owner {
            NumberOwner::Session(_) => TargetKind::User("me".to_owned()),
            NumberOwner::Room(room) => TargetKind::Room(room),
        };
        book.assign(owner, "SVC1", kind, wanted, now)
    }

    fn number(text: &str) -> CallNumber {
        CallNumber::parse(text).unwrap()
    }

    #[test]
    fn the_same_target_without_a_number_keeps_its_number() {
        let (mut book, now) = (NumberBook::new(MEMORY, [0; 32]), Instant::now());
        let first = assign(&mut book, ME, None, now).unwrap();
        assert_eq!(assign(&mut book, ME, None, now), Ok(first));
        assert_eq!(assign(&mut book, ME, Some(first), now), Ok(first));
        assert_eq!(book.len(), 1);
    }

    #[test]
    fn another_number_replaces_the_old_one_which_then_has_ended() {
        let (mut book, now) = (NumberBook::new(MEMORY, [0; 32]), Instant::now());
        let first = assign(&mut book, ME, None, now).unwrap();
        assign(&mut book, ME, Some(number("012345")), now).unwrap();
        assert!(book.by_number.contains_key(&number("012345")));
        assert!(!book.by_number.contains_key(&first));
        assert!(book.ended_lately(first, now));
        assert!(!book.ended_lately(first, now + MEMORY));
    }

    #[test]
    fn a_number_in_use_goes_to_nobody_else_and_the_old_one_stays() {
        let (mut book, now) = (NumberBook::new(MEMORY, [0; 32]), Instant::now());
        assign(&mut book, ME, Some(number("111111")), now).unwrap();
        let own = assign(&mut book, ROOM, None, now).unwrap();
        assert_eq!(
            assign(&mut book, ROOM, Some(number("111111")), now),
            Err(NumberFault::InUse)
        );
        assert_eq!(book.by_owner.get(&ROOM).copied(), Some(own));
    }

    #[test]
    fn a_number_that_lives_again_is_not_forgotten_early() {
        let (mut book, now) = (NumberBook::new(MEMORY, [0; 32]), Instant::now());
        assign(&mut book, ME, Some(number("111111")), now).unwrap();
        book.release(ME, now);
        let later = now + Duration::from_secs(30);
        assign(&mut book, ROOM, Some(number("111111")), later).unwrap();
        book.release(ROOM, later);
        let end = now + MEMORY;
        book.release(ME, end);
        assert!(book.ended_lately(number("111111"), end));
    }
}
