//! Call numbers: who has which, and which ended lately (10.6, 12.23).

use crate::fault::Fault;
use crate::ids::SocketId;
use crate::masked::CallNumber;
use crate::random::Dice;
use omnigate_room::RoomId;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Ended numbers that are remembered at most; the oldest are forgotten first.
const MOST_ENDED: usize = 100_000;

/// What a number leads to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Owner {
    /// The session on this socket: a personal number.
    Session(SocketId),
    /// A room.
    Room(RoomId),
}

/// Every owner has at most one number, every number at most one owner.
pub(crate) struct NumberBook {
    by_number: BTreeMap<CallNumber, Owner>,
    by_owner: BTreeMap<Owner, CallNumber>,
    /// Number → until when it counts as "ended lately".
    ended: BTreeMap<CallNumber, Instant>,
    endings: VecDeque<(Instant, CallNumber)>,
    memory: Duration,
}

impl NumberBook {
    /// `memory`: how long an ended number counts as "ended lately".
    pub(crate) fn new(memory: Duration) -> Self {
        Self {
            by_number: BTreeMap::new(),
            by_owner: BTreeMap::new(),
            ended: BTreeMap::new(),
            endings: VecDeque::new(),
            memory,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_number.len()
    }

    pub(crate) fn owners(&self) -> impl Iterator<Item = Owner> + '_ {
        self.by_owner.keys().copied()
    }

    pub(crate) fn of(&self, owner: Owner) -> Option<CallNumber> {
        self.by_owner.get(&owner).copied()
    }

    pub(crate) fn owner(&self, number: CallNumber) -> Option<Owner> {
        self.by_number.get(&number).copied()
    }

    pub(crate) fn ended_lately(&self, number: CallNumber, now: Instant) -> bool {
        self.ended.get(&number).is_some_and(|until| *until > now)
    }

    /// Gives `owner` the wanted number, or keeps the one it has, or draws one. Another wanted number replaces the
    /// one it has (12.23). A drawn number is one that has not ended lately, so that no caller with an old number
    /// reaches a stranger.
    pub(crate) fn assign(
        &mut self,
        owner: Owner,
        wanted: Option<CallNumber>,
        dice: &mut Dice,
        now: Instant,
    ) -> Result<CallNumber, Fault> {
        let number = match (wanted, self.of(owner)) {
            (None, Some(existing)) => return Ok(existing),
            (Some(wanted), Some(existing)) if wanted == existing => return Ok(existing),
            (Some(wanted), _) if self.by_number.contains_key(&wanted) => return Err(Fault::NumberInUse),
            (Some(wanted), _) => wanted,
            (None, None) => self.draw(dice, now).ok_or(Fault::NumbersExhausted)?,
        };
        self.release(owner, now);
        self.ended.remove(&number);
        self.by_number.insert(number, owner);
        self.by_owner.insert(owner, number);
        Ok(number)
    }

    fn draw(&self, dice: &mut Dice, now: Instant) -> Option<CallNumber> {
        dice.number(|number| !self.by_number.contains_key(&number) && !self.ended_lately(number, now))
            .or_else(|| dice.number(|number| !self.by_number.contains_key(&number)))
    }

    /// The owner is gone: its number ends.
    pub(crate) fn release(&mut self, owner: Owner, now: Instant) {
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
    const ME: Owner = Owner::Session(SocketId(1));
    const ROOM: Owner = Owner::Room(RoomId(9));

    fn number(text: &str) -> CallNumber {
        CallNumber::parse(text).unwrap()
    }

    #[test]
    fn the_same_target_without_a_number_keeps_its_number() {
        let (mut book, mut dice, now) = (NumberBook::new(MEMORY), Dice::new([0; 32]), Instant::now());
        let first = book.assign(ME, None, &mut dice, now).unwrap();
        assert_eq!(book.assign(ME, None, &mut dice, now), Ok(first));
        assert_eq!(book.assign(ME, Some(first), &mut dice, now), Ok(first));
        assert_eq!(book.len(), 1);
    }

    #[test]
    fn another_number_replaces_the_old_one_which_then_has_ended() {
        let (mut book, mut dice, now) = (NumberBook::new(MEMORY), Dice::new([0; 32]), Instant::now());
        let first = book.assign(ME, None, &mut dice, now).unwrap();
        book.assign(ME, Some(number("012345")), &mut dice, now).unwrap();
        assert_eq!(book.owner(number("012345")), Some(ME));
        assert_eq!(book.owner(first), None);
        assert!(book.ended_lately(first, now));
        assert!(!book.ended_lately(first, now + MEMORY));
    }

    #[test]
    fn a_number_in_use_goes_to_nobody_else_and_the_old_one_stays() {
        let (mut book, mut dice, now) = (NumberBook::new(MEMORY), Dice::new([0; 32]), Instant::now());
        book.assign(ME, Some(number("111111")), &mut dice, now).unwrap();
        let own = book.assign(ROOM, None, &mut dice, now).unwrap();
        assert_eq!(
            book.assign(ROOM, Some(number("111111")), &mut dice, now),
            Err(Fault::NumberInUse)
        );
        assert_eq!(book.of(ROOM), Some(own));
    }

    #[test]
    fn a_number_that_lives_again_is_not_forgotten_early() {
        let (mut book, mut dice, now) = (NumberBook::new(MEMORY), Dice::new([0; 32]), Instant::now());
        book.assign(ME, Some(number("111111")), &mut dice, now).unwrap();
        book.release(ME, now);
        let later = now + Duration::from_secs(30);
        book.assign(ROOM, Some(number("111111")), &mut dice, later)
            .unwrap();
        book.release(ROOM, later);
        let end = now + MEMORY;
        book.release(ME, end);
        assert!(book.ended_lately(number("111111"), end));
    }
}
