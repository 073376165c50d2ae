//! The directory of this process: a book in memory that answers at once, and rows in the store that outlive a crash.
//!
//! What is given out is written first and told then. What ends is taken out of the book at once and written as soon as the
//! store takes it: until then a crash would bring it back to whom it belonged, and to nobody else.

use super::{Calling, Directory, LookUpError, Numbers, rows};
use crate::clock::unix_now;
use crate::store::{Result as Stored, Store};
use crate::supervise::test_point;
use crate::sync::lock;
use omnigate_omnitalk::{
    CallNumber, LookUp, NumberBook, NumberChange, NumberEntry, NumberFault, NumberOrder, NumberRules,
    NumberTerms, Target, TargetKind, TermsFault,
};
use omnigate_room::{CallId, RoomId};
use std::collections::VecDeque;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tracing::{info, warn};

/// How often ends are looked for, and what could not be written is written again.
const LOOK: Duration = Duration::from_secs(1);

/// Calls whose use of a counted number is remembered.
const REMEMBERED: usize = 1024;

/// Numbers of this process.
pub struct EmbeddedDirectory {
    book: StdMutex<NumberBook>,
    store: Store,
    /// Changes that are yet to be written; at most one for each number that has ended. Locked while something is written.
    unwritten: Mutex<Vec<NumberChange>>,
    /// Whether what an earlier process has written is read.
    read: watch::Sender<bool>,
    /// Whether it was told that something cannot be written.
    complained: AtomicBool,
    /// The last calls that have used a counted number.
    used: StdMutex<VecDeque<(CallId, Target)>>,
}

/// What became of writing.
enum Write {
    Done,
    /// The row of this number is somebody else's.
    Conflict(CallNumber),
}

impl EmbeddedDirectory {
    /// A directory whose numbers are in this store, once they are [read](Self::keep); new ones are drawn from `seed`.
    pub fn new(store: Store, rules: NumberRules, seed: [u8; 32]) -> EmbeddedDirectory {
        EmbeddedDirectory {
            book: StdMutex::new(NumberBook::new(rules, seed)),
            store,
            unwritten: Mutex::default(),
            read: watch::channel(false).0,
            complained: AtomicBool::new(false),
            used: StdMutex::default(),
        }
    }

    /// Reads the numbers as soon as the store is open, then sees that what ends does so. Runs for ever.
    pub async fn keep(&self) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            test_point("numbers");
            if !*self.read.borrow() {
                self.store.opened().await;
                if let Err(error) = self.read().await {
                    warn!(%error, "the call numbers cannot be read; it is tried again");
                }
                continue;
            }
            self.change(|book| book.sweep(unix_now())).await;
        }
    }

    /// Reads the numbers that an earlier process has written.
    pub async fn read(&self) -> Stored<()> {
        let all = rows::all(&self.store).await?;
        if *self.read.borrow() {
            return Ok(());
        }
        let count = all.len();
        let now = unix_now();
        let mut book = lock(&self.book);
        for entry in all {
            book.restore(entry, now);
        }
        drop(book);
        info!(numbers = count, "call numbers read");
        self.read.send_replace(true);
        Ok(())
    }

    /// Writes what waits, then `changes`, all or nothing.
    async fn write(&self, unwritten: &mut Vec<NumberChange>, changes: &[NumberChange]) -> Stored<Write> {
        let mut transaction = self.store.begin().await?;
        for change in unwritten.iter().chain(changes) {
            if !rows::write(&mut transaction, change).await? {
                return Ok(Write::Conflict(change.number));
            }
        }
        transaction
            .commit()
            .await
            .map_err(crate::store::StoreError::from)?;
        unwritten.clear();
        self.complained.store(false, Relaxed);
        Ok(Write::Done)
    }

    /// Changes the book, and writes it: now if possible, else as soon as it is.
    async fn change(&self, change: impl FnOnce(&mut NumberBook) -> Vec<NumberChange>) {
        let mut unwritten = self.unwritten.lock().await;
        unwritten.extend(change(&mut lock(&self.book)));
        self.catch_up(&mut unwritten).await;
    }

    async fn catch_up(&self, unwritten: &mut Vec<NumberChange>) {
        if unwritten.is_empty() {
            return;
        }
        match self.write(unwritten, &[]).await {
            Ok(Write::Done) => {}
            Ok(Write::Conflict(number)) => {
                unwritten.retain(|change| change.number != number);
                self.correct(number).await;
            }
            Err(error) => {
                if !self.complained.swap(true, Relaxed) {
                    warn!(%error, waiting = unwritten.len(), "ends of call numbers wait for the store");
                }
            }
        }
    }

    /// The row is somebody else's: an answer that we took for a failure was none. The book takes it as it is.
    async fn correct(&self, number: CallNumber) {
        match rows::one(&self.store, number).await {
            Ok(Some(entry)) => lock(&self.book).restore(entry, unix_now()),
            Ok(None) => {}
            Err(error) => warn!(%error, "a call number cannot be read again"),
        }
    }

    /// One call uses a number once, however often it is asked for: when an answer is lost, or the caller keys it in again.
    fn repeated(&self, number: CallNumber, call: CallId) -> Option<Target> {
        let used = lock(&self.used);
        let same = |(one, target): &&(CallId, Target)| *one == call && target.call_number == number;
        used.iter().find(same).map(|(_, target)| target.clone())
    }

    fn remember(&self, target: Target, call: CallId) {
        let mut used = lock(&self.used);
        if used.len() >= REMEMBERED {
            used.pop_front();
        }
        used.push_back((call, target));
    }

    fn not_read(&self) -> Option<LookUpError> {
        let why = || self.store.absent().unwrap_or_else(|| "in a moment".to_owned());
        (!*self.read.borrow()).then(|| LookUpError::NotRead(why()))
    }
}

#[async_trait::async_trait]
impl Directory for EmbeddedDirectory {
    async fn look_up(&self, number: CallNumber) -> Result<LookUp, LookUpError> {
        match self.not_read() {
            Some(error) => Err(error),
            None => Ok(lock(&self.book).look_up(number, unix_now())),
        }
    }

    async fn redeem(&self, number: CallNumber, calling: &Calling) -> Result<LookUp, LookUpError> {
        let now = unix_now();
        if let LookUp::Found(target) = self.look_up(number).await?
            && calling
                .service
                .as_ref()
                .is_some_and(|service| *service != target.service_id)
        {
            return Ok(LookUp::NotForCaller);
        }
        if let Some(target) = self.repeated(number, calling.call) {
            return Ok(LookUp::Found(target));
        }
        let (found, changes) = lock(&self.book).redeem(number, &calling.caller, now);
        let counted = !changes.is_empty();
        if counted {
            // Without the store the call goes on; what it has used is written later.
            let mut unwritten = self.unwritten.lock().await;
            unwritten.extend(changes);
            self.catch_up(&mut unwritten).await;
        }
        if let (LookUp::Found(target), true) = (&found, counted) {
            self.remember(target.clone(), calling.call);
        }
        Ok(found)
    }
}

#[async_trait::async_trait]
impl Numbers for EmbeddedDirectory {
    async fn assign(&self, order: NumberOrder, most: usize) -> Result<CallNumber, NumberFault> {
        if self.not_read().is_some() {
            return Err(NumberFault::Unavailable);
        }
        let mut unwritten = self.unwritten.lock().await;
        let (number, changes) = lock(&self.book).assign(order, most, unix_now())?;
        if changes.is_empty() {
            return Ok(number);
        }
        let written = self.write(&mut unwritten, &changes).await;
        let failed = match written {
            Ok(Write::Done) => return Ok(number),
            Ok(Write::Conflict(number)) => Ok(number),
            Err(error) => Err(error),
        };
        lock(&self.book).undo(changes);
        match failed {
            Ok(number) => {
                unwritten.retain(|change| change.number != number);
                self.correct(number).await;
                Err(NumberFault::InUse)
            }
            Err(error) => {
                warn!(%error, "a call number cannot be written down, so it is not given out");
                Err(NumberFault::Unavailable)
            }
        }
    }

    async fn release(&self, service_id: &str, kind: &TargetKind) {
        self.change(|book| book.release(service_id, kind, unix_now()))
            .await;
    }

    async fn of_service(&self, service_id: &str) -> Option<Vec<NumberEntry>> {
        if self.not_read().is_some() {
            return None;
        }
        let (book, now) = (lock(&self.book), unix_now());
        let theirs = book.all_live().filter(|entry| entry.service_id == service_id);
        Some(theirs.filter(|entry| book.leads(entry, now)).cloned().collect())
    }

    async fn of(&self, number: CallNumber) -> Option<Option<NumberEntry>> {
        if self.not_read().is_some() {
            return None;
        }
        let (book, now) = (lock(&self.book), unix_now());
        Some(book.get(number).filter(|entry| book.leads(entry, now)).cloned())
    }

    async fn replace(&self, service_id: &str, number: CallNumber) -> Result<Option<CallNumber>, NumberFault> {
        if self.not_read().is_some() {
            return Err(NumberFault::Unavailable);
        }
        let mut unwritten = self.unwritten.lock().await;
        let replaced = lock(&self.book).replace(service_id, number, unix_now())?;
        let Some((number, changes)) = replaced else {
            return Ok(None);
        };
        match self.write(&mut unwritten, &changes).await {
            Ok(Write::Done) => Ok(Some(number)),
            Ok(Write::Conflict(_)) | Err(_) => {
                lock(&self.book).undo(changes);
                Err(NumberFault::Unavailable)
            }
        }
    }

    async fn withdraw(&self, service_id: &str, number: CallNumber) -> bool {
        let mut ended = false;
        self.change(|book| {
            let changes = book.withdraw(service_id, number, unix_now());
            ended = !changes.is_empty();
            changes
        })
        .await;
        ended
    }

    async fn set_terms(
        &self,
        service_id: &str,
        number: CallNumber,
        terms: NumberTerms,
    ) -> Result<(), TermsFault> {
        if self.not_read().is_some() {
            return Err(TermsFault::Unavailable);
        }
        let mut unwritten = self.unwritten.lock().await;
        let changes = lock(&self.book).set_terms(service_id, number, terms, unix_now())?;
        match self.write(&mut unwritten, &changes).await {
            Ok(Write::Done) => Ok(()),
            Ok(Write::Conflict(_)) | Err(_) => {
                lock(&self.book).undo(changes);
                Err(TermsFault::Unavailable)
            }
        }
    }

    async fn release_all(&self, service_id: &str) {
        self.change(|book| book.release_all(service_id, unix_now())).await;
    }

    async fn of_rooms(&self) -> Vec<(String, RoomId, CallNumber)> {
        let mut read = self.read.subscribe();
        // The sender lives as long as this.
        let _ = read.wait_for(|read| *read).await;
        let book = lock(&self.book);
        let rooms = book.all_live().filter(|entry| entry.terms.is_plain());
        let room = |kind: &TargetKind| match kind {
            TargetKind::Room(room) => Some(*room),
            TargetKind::User(_) => None,
        };
        rooms
            .filter_map(|entry| Some((entry.service_id.clone(), room(&entry.kind)?, entry.number)))
            .collect()
    }
}

#[cfg(test)]
mod tests;
