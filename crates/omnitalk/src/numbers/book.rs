//! The book of numbers: every rule about them, and an index of those that are known.

use super::{
    LookUp, NumberEntry, NumberFault, NumberMaker, NumberOrder, NumberRules, NumberState, NumberTerms,
    Target, TargetKind, TermsFault,
};
use crate::masked::CallNumber;
use crate::random::Dice;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// A service's numbers that have ended and are still reserved: so many times what it may have alive. Those that would end
/// first are given up before that; so nobody but itself loses by its haste.
const MOST_RESERVED: usize = 10;

/// A change of one number, for whoever writes the book down: what there was, and what there is now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberChange {
    /// Which.
    pub number: CallNumber,
    /// None: it was free.
    pub before: Option<NumberEntry>,
    /// None: it is free.
    pub after: Option<NumberEntry>,
}

/// Whose number.
type Owner = (String, TargetKind);

/// Every number has at most one target, every target at most one plain number.
///
/// Each method that changes something gives the changes in their order. Whoever cannot write them down takes them back with
/// [`undo`](Self::undo).
pub struct NumberBook {
    dice: Dice,
    rules: NumberRules,
    entries: BTreeMap<CallNumber, NumberEntry>,
    /// The plain number that a target has, or had last.
    plain: BTreeMap<Owner, CallNumber>,
    /// All live numbers of a target.
    live: BTreeMap<Owner, BTreeSet<CallNumber>>,
    /// Ends of states and lifetimes, unix seconds.
    ends: BTreeSet<(u64, CallNumber)>,
    /// Of each service: those that are alive, and the ends of those that are reserved.
    counts: BTreeMap<String, Counts>,
}

#[derive(Default)]
struct Counts {
    live: usize,
    reserved: BTreeSet<(u64, CallNumber)>,
}

impl fmt::Debug for NumberBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NumberBook")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

fn seconds(time: Duration) -> u64 {
    time.as_secs()
}

impl NumberBook {
    /// A book without numbers. They are drawn from `seed`, which must be unguessable in production.
    #[must_use]
    pub fn new(rules: NumberRules, seed: [u8; 32]) -> Self {
        Self {
            dice: Dice::new(seed),
            rules,
            entries: BTreeMap::new(),
            plain: BTreeMap::new(),
            live: BTreeMap::new(),
            ends: BTreeSet::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Takes an entry as it was written down by an earlier process. No session of that time is there any more, so its user has a
    /// while to come back.
    pub fn restore(&mut self, mut entry: NumberEntry, now: u64) {
        if entry.state == NumberState::Live && ends_with_its_user(&entry) {
            let until = now.saturating_add(seconds(self.rules.awaiting));
            entry.state = NumberState::Awaiting { until };
        }
        self.put(entry.number, Some(entry));
    }

    /// Numbers that lead somewhere.
    #[must_use]
    pub fn live(&self) -> usize {
        self.counts.values().map(|counts| counts.live).sum()
    }

    /// Those of one service.
    #[must_use]
    pub fn live_of(&self, service_id: &str) -> usize {
        self.counts.get(service_id).map_or(0, |counts| counts.live)
    }

    /// A service is gone: all its numbers end. They are reserved as long as others that have ended, so that no caller with an old one
    /// reaches a stranger.
    pub fn release_all(&mut self, service_id: &str, now: u64) -> Vec<NumberChange> {
        let theirs = self.all_live().filter(|entry| entry.service_id == service_id);
        let theirs: Vec<NumberEntry> = theirs.cloned().collect();
        theirs.into_iter().map(|entry| self.end(entry, now)).collect()
    }

    /// The number's entry, alive or reserved.
    #[must_use]
    pub fn get(&self, number: CallNumber) -> Option<&NumberEntry> {
        self.entries.get(&number)
    }

    /// All entries that lead somewhere, by number.
    pub fn all_live(&self) -> impl Iterator<Item = &NumberEntry> {
        self.entries.values().filter(|entry| entry.is_live())
    }

    /// Where a number leads to, whoever asks.
    #[must_use]
    pub fn look_up(&self, number: CallNumber, now: u64) -> LookUp {
        match self.entries.get(&number) {
            Some(entry) if self.leads(entry, now) => LookUp::Found(Target {
                call_number: number,
                service_id: entry.service_id.clone(),
                kind: entry.kind.clone(),
            }),
            Some(entry) if self.ended_lately(entry, now) => LookUp::Expired,
            _ => LookUp::Unknown,
        }
    }

    /// Whether a number leads to its target now, unix seconds.
    #[must_use]
    pub fn leads(&self, entry: &NumberEntry, now: u64) -> bool {
        let in_time = entry.terms.expires_at.is_none_or(|end| now < end);
        let state = match entry.state {
            NumberState::Live => true,
            NumberState::Awaiting { until } => now < until,
            NumberState::Reserved { .. } => false,
        };
        in_time && state
    }

    /// A reservation may be far longer than anybody remembers a number.
    fn ended_lately(&self, entry: &NumberEntry, now: u64) -> bool {
        match entry.state {
            NumberState::Reserved { until } => {
                let ended = until.saturating_sub(self.kept(&entry.maker));
                now < until && now < ended.saturating_add(seconds(self.rules.remembered))
            }
            // Its end is due, and not written yet.
            NumberState::Live | NumberState::Awaiting { .. } => true,
        }
    }

    /// How long what this maker had is reserved, seconds.
    fn kept(&self, maker: &NumberMaker) -> u64 {
        seconds(match maker {
            NumberMaker::User(_) | NumberMaker::Service => self.rules.reserved,
            NumberMaker::Nobody => self.rules.remembered.min(self.rules.reserved),
        })
    }

    /// The same for somebody who calls it: a number for certain callers leads nobody else anywhere, and one that is counted is
    /// used once more.
    pub fn redeem(&mut self, number: CallNumber, caller: &str, now: u64) -> (LookUp, Vec<NumberChange>) {
        let found = self.look_up(number, now);
        let Some(entry) = self
            .entries
            .get(&number)
            .filter(|_| matches!(found, LookUp::Found(_)))
        else {
            return (found, Vec::new());
        };
        let callers = &entry.terms.callers;
        if !callers.is_empty() && !callers.iter().any(|one| one == caller) {
            return (LookUp::NotForCaller, Vec::new());
        }
        let Some(uses) = entry.terms.uses else {
            return (found, Vec::new());
        };
        let mut used = entry.clone();
        used.terms.uses = Some(uses.saturating_sub(1));
        let change = match uses {
            0 | 1 => self.end(used, now),
            _ => self.change(number, Some(used)),
        };
        (found, vec![change])
    }

    /// Carries out an order. `most`: how many numbers the service may have alive.
    ///
    /// # Errors
    /// [`NumberFault`]; nothing has changed then.
    pub fn assign(
        &mut self,
        order: NumberOrder,
        most: usize,
        now: u64,
    ) -> Result<(CallNumber, Vec<NumberChange>), NumberFault> {
        let owner = (order.service_id.clone(), order.kind.clone());
        let is_plain = order.terms.is_plain();
        let had = self.plain.get(&owner).filter(|_| is_plain);
        let had = had.and_then(|number| self.entries.get(number)).cloned();
        let living = had.as_ref().filter(|entry| entry.is_live());
        let number = match (order.wanted, &had) {
            (None, Some(had)) if had.is_live() || self.may_have(had, &order, now) => had.number,
            (None, _) => self.draw(now).ok_or(NumberFault::Exhausted)?,
            (Some(wanted), Some(had)) if had.number == wanted && had.is_live() => wanted,
            (Some(wanted), _) => {
                let taken = self.entries.get(&wanted);
                if taken.is_some_and(|entry| !self.may_have(entry, &order, now)) {
                    return Err(NumberFault::InUse);
                }
                wanted
            }
        };
        if living.is_none() && self.live_of(&order.service_id) >= most {
            return Err(NumberFault::Quota);
        }
        let mut changes = Vec::new();
        if let Some(replaced) = living.filter(|entry| entry.number != number) {
            changes.push(self.end(replaced.clone(), now));
        }
        let kept = living.filter(|entry| entry.number == number);
        if kept.is_some_and(|entry| entry.state == NumberState::Live) {
            return Ok((number, changes));
        }
        let entry = NumberEntry {
            number,
            service_id: order.service_id,
            kind: order.kind,
            maker: order.maker,
            terms: order.terms,
            state: NumberState::Live,
            made_at: kept.map_or(now, |entry| entry.made_at),
        };
        changes.push(self.change(number, Some(entry)));
        self.give_up_most(&owner.0, most, &mut changes);
        Ok((number, changes))
    }

    /// Whether whoever orders may have a number that has this entry.
    fn may_have(&self, entry: &NumberEntry, order: &NumberOrder, now: u64) -> bool {
        let NumberState::Reserved { until } = entry.state else {
            return false;
        };
        let his = entry.service_id == order.service_id
            && match (&entry.maker, &order.maker) {
                (NumberMaker::User(had), NumberMaker::User(asks)) => had == asks,
                (NumberMaker::Nobody, _)
                | (NumberMaker::Service, NumberMaker::User(_) | NumberMaker::Nobody) => false,
                (_, NumberMaker::Service) => true,
                (NumberMaker::User(_), NumberMaker::Nobody) => false,
            };
        his || until <= now
    }

    fn draw(&mut self, now: u64) -> Option<CallNumber> {
        let entries = &self.entries;
        self.dice.number(|number| {
            entries
                .get(&number)
                .is_none_or(|entry| matches!(entry.state, NumberState::Reserved { until } if until <= now))
        })
    }

    /// The target is gone: a room with all its numbers, a user's last session with the plain one that it has made. What the
    /// service has made for a user goes on to its own end.
    pub fn release(&mut self, service_id: &str, kind: &TargetKind, now: u64) -> Vec<NumberChange> {
        let all = self.live.get(&(service_id.to_owned(), kind.clone()));
        let ends = |number: &CallNumber| {
            matches!(kind, TargetKind::Room(_)) || self.entries.get(number).is_some_and(ends_with_its_user)
        };
        let ended = all.into_iter().flatten().copied().filter(ends).collect();
        self.end_all(ended, now)
    }

    /// The number is withdrawn by its service; no change: it has no such number.
    pub fn withdraw(&mut self, service_id: &str, number: CallNumber, now: u64) -> Vec<NumberChange> {
        let theirs = self
            .entries
            .get(&number)
            .filter(|entry| entry.service_id == service_id);
        let theirs = theirs.map(|entry| entry.number);
        self.end_all(theirs.into_iter().collect(), now)
    }

    /// Another number in the place of one of a service, to the same target and narrowed alike; nothing: it has no such number.
    ///
    /// # Errors
    /// [`NumberFault::Exhausted`]; nothing has changed then.
    pub fn replace(
        &mut self,
        service_id: &str,
        number: CallNumber,
        now: u64,
    ) -> Result<Option<(CallNumber, Vec<NumberChange>)>, NumberFault> {
        let found = self.entries.get(&number);
        let found = found.filter(|entry| entry.service_id == service_id && self.leads(entry, now));
        let Some(old) = found.cloned() else {
            return Ok(None);
        };
        let number = self.draw(now).ok_or(NumberFault::Exhausted)?;
        let new = NumberEntry {
            number,
            maker: NumberMaker::Service,
            state: NumberState::Live,
            made_at: now,
            ..old.clone()
        };
        let changes = vec![self.end(old, now), self.change(number, Some(new))];
        Ok(Some((number, changes)))
    }

    /// What narrows a number of a service is this from now on.
    ///
    /// # Errors
    /// [`TermsFault`]; nothing has changed then.
    pub fn set_terms(
        &mut self,
        service_id: &str,
        number: CallNumber,
        terms: NumberTerms,
        now: u64,
    ) -> Result<Vec<NumberChange>, TermsFault> {
        let found = self.entries.get(&number);
        let found = found.filter(|entry| entry.service_id == service_id && self.leads(entry, now));
        let mut entry = found.cloned().ok_or(TermsFault::NoNumber)?;
        if entry.terms.is_plain() || terms.is_plain() {
            return Err(TermsFault::Plain);
        }
        entry.terms = terms;
        Ok(vec![self.change(number, Some(entry))])
    }

    fn end_all(&mut self, numbers: BTreeSet<CallNumber>, now: u64) -> Vec<NumberChange> {
        let live = |number| self.entries.get(&number).filter(|entry| entry.is_live()).cloned();
        let live: Vec<NumberEntry> = numbers.into_iter().filter_map(live).collect();
        live.into_iter().map(|entry| self.end(entry, now)).collect()
    }

    fn end(&mut self, mut entry: NumberEntry, now: u64) -> NumberChange {
        let until = now.saturating_add(self.kept(&entry.maker));
        entry.state = NumberState::Reserved { until };
        self.change(entry.number, Some(entry))
    }

    /// The service's reservations beyond what is kept for it end, the oldest first.
    fn give_up_most(&mut self, service_id: &str, most: usize, changes: &mut Vec<NumberChange>) {
        let Some(counts) = self.counts.get(service_id) else {
            return;
        };
        let over = counts
            .reserved
            .len()
            .saturating_sub(most.saturating_mul(MOST_RESERVED));
        let oldest: Vec<CallNumber> = counts
            .reserved
            .iter()
            .take(over)
            .map(|(_, number)| *number)
            .collect();
        changes.extend(oldest.into_iter().map(|number| self.change(number, None)));
    }

    /// When the next [`sweep`](Self::sweep) has something to do, unix seconds.
    #[must_use]
    pub fn next_end(&self) -> Option<u64> {
        self.ends.first().map(|(end, _)| *end)
    }

    /// Ends what is due: lifetimes, users that have not come back, reservations.
    pub fn sweep(&mut self, now: u64) -> Vec<NumberChange> {
        let mut changes = Vec::new();
        while let Some((_, number)) = self.ends.first().copied().filter(|(end, _)| *end <= now) {
            let Some(entry) = self.entries.get(&number).cloned() else {
                self.ends.pop_first();
                continue;
            };
            changes.push(match entry.is_live() {
                true => self.end(entry, now),
                false => self.change(number, None),
            });
        }
        changes
    }

    /// Takes changes back that could not be written down, the last first.
    pub fn undo(&mut self, changes: Vec<NumberChange>) {
        for change in changes.into_iter().rev() {
            self.put(change.number, change.before);
        }
    }

    fn change(&mut self, number: CallNumber, after: Option<NumberEntry>) -> NumberChange {
        let before = self.put(number, after.clone());
        NumberChange {
            number,
            before,
            after,
        }
    }

    /// Replaces an entry in all indexes.
    fn put(&mut self, number: CallNumber, entry: Option<NumberEntry>) -> Option<NumberEntry> {
        let before = self.entries.remove(&number);
        if let Some(before) = &before {
            self.forget(before);
        }
        if let Some(entry) = entry {
            self.note(&entry);
            self.entries.insert(number, entry);
        }
        before
    }

    fn note(&mut self, entry: &NumberEntry) {
        let owner = (entry.service_id.clone(), entry.kind.clone());
        let counts = self.counts.entry(entry.service_id.clone()).or_default();
        if let NumberState::Reserved { until } = entry.state {
            counts.reserved.insert((until, entry.number));
        } else {
            counts.live += 1;
            self.live.entry(owner.clone()).or_default().insert(entry.number);
        }
        self.ends.extend(end_of(entry).map(|end| (end, entry.number)));
        // Of several that a target has had, the last one is given back.
        let had = self.plain.get(&owner).and_then(|had| self.entries.get(had));
        if entry.terms.is_plain() && had.is_none_or(|had| age(had) <= age(entry)) {
            self.plain.insert(owner, entry.number);
        }
    }

    fn forget(&mut self, entry: &NumberEntry) {
        let owner = (entry.service_id.clone(), entry.kind.clone());
        if let Some(counts) = self.counts.get_mut(&entry.service_id) {
            match entry.state {
                NumberState::Reserved { until } => drop(counts.reserved.remove(&(until, entry.number))),
                NumberState::Live | NumberState::Awaiting { .. } => counts.live -= 1,
            }
            if counts.live == 0 && counts.reserved.is_empty() {
                self.counts.remove(&entry.service_id);
            }
        }
        if let Some(live) = self.live.get_mut(&owner) {
            live.remove(&entry.number);
            if live.is_empty() {
                self.live.remove(&owner);
            }
        }
        if let Some(end) = end_of(entry) {
            self.ends.remove(&(end, entry.number));
        }
        if self.plain.get(&owner) == Some(&entry.number) {
            self.plain.remove(&owner);
        }
    }
}

/// Whether it is a personal number that a session has made.
fn ends_with_its_user(entry: &NumberEntry) -> bool {
    let is_user = matches!(entry.kind, TargetKind::User(_));
    is_user && entry.terms.is_plain() && entry.maker != NumberMaker::Service
}

/// Sorts the numbers of one target: those that have ended by their end, then the one that is alive.
fn age(entry: &NumberEntry) -> u64 {
    match entry.state {
        NumberState::Reserved { until } => until,
        NumberState::Live | NumberState::Awaiting { .. } => u64::MAX,
    }
}

/// When a number's present state or lifetime ends.
fn end_of(entry: &NumberEntry) -> Option<u64> {
    let NumberTerms { expires_at, .. } = &entry.terms;
    match entry.state {
        NumberState::Live => *expires_at,
        NumberState::Awaiting { until } => Some(expires_at.map_or(until, |end| end.min(until))),
        NumberState::Reserved { until } => Some(until),
    }
}

#[cfg(test)]
mod tests;
