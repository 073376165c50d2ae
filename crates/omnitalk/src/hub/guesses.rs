//! Wrong room secrets: six digits are soon guessed by whoever may try without end.
//!
//! Wrong ones count together while less than the bar's time lies between two of them. Whoever reaches the limit is
//! barred for that time from rooms with a secret. A room that many are wrong about goes on letting in whoever is right,
//! but leaves everybody a single try.

use crate::ids::{ClientId, SocketId};
use crate::settings::HubSettings;
use omnigate_room::RoomId;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Whoever is remembered: the least recently wrong one is forgotten first.
const MOST_REMEMBERED: usize = 50_000;

/// What wrong secrets are counted for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// All sessions of one client, however often it begins anew.
    Client(ClientId),
    /// One session, where the driver does not tell clients apart.
    Session(SocketId),
    /// A room, whoever guesses.
    Room(RoomId),
}

struct Wrong {
    count: u32,
    /// Time of the last one.
    last: Instant,
    barred: bool,
}

/// Who has been wrong of late.
#[derive(Default)]
pub(super) struct Guesses(BTreeMap<Subject, Wrong>);

impl Guesses {
    /// How long `who` is barred yet.
    pub(super) fn barred(&self, who: Subject, settings: &HubSettings, now: Instant) -> Option<Duration> {
        let wrong = self.0.get(&who).filter(|wrong| wrong.barred)?;
        let since = now.saturating_duration_since(wrong.last);
        settings
            .secret_bar
            .checked_sub(since)
            .filter(|left| !left.is_zero())
    }

    /// `who` has given a wrong secret for `room`.
    pub(super) fn wrong(&mut self, who: Subject, room: RoomId, settings: &HubSettings, now: Instant) {
        let of_room = self.add(Subject::Room(room), settings, now).count;
        let tries = if of_room >= settings.wrong_secrets_per_room {
            1
        } else {
            settings.wrong_secrets
        };
        let wrong = self.add(who, settings, now);
        wrong.barred = wrong.count >= tries;
    }

    fn add(&mut self, subject: Subject, settings: &HubSettings, now: Instant) -> &mut Wrong {
        let is_over = |wrong: &Wrong| now.saturating_duration_since(wrong.last) >= settings.secret_bar;
        if self.0.len() >= MOST_REMEMBERED && !self.0.contains_key(&subject) {
            self.0.retain(|_, wrong| !is_over(wrong));
            let oldest = self
                .0
                .iter()
                .min_by_key(|(_, wrong)| wrong.last)
                .map(|(one, _)| *one);
            if let Some(oldest) = oldest.filter(|_| self.0.len() >= MOST_REMEMBERED) {
                self.0.remove(&oldest);
            }
        }
        let fresh = Wrong {
            count: 0,
            last: now,
            barred: false,
        };
        let wrong = self.0.entry(subject).or_insert(fresh);
        if is_over(wrong) {
            wrong.count = 0;
        }
        wrong.count = wrong.count.saturating_add(1);
        wrong.last = now;
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let settings = HubSettings::default();
        let (start, room) = (Instant::now(), RoomId(1));
        let mut guesses = Guesses::default();
        let client = |n: usize| Subject::Client(ClientId(n as u128));
        for n in 0..MOST_REMEMBERED + 10 {
            guesses.wrong(
                client(n),
                room,
                &settings,
                start + Duration::from_micros(n as u64),
            );
        }
        assert_eq!(guesses.0.len(), MOST_REMEMBERED);
        assert!(guesses.0.contains_key(&Subject::Room(room)));
        assert!(!guesses.0.contains_key(&client(0)), "the oldest goes first");
        guesses.wrong(client(0), room, &settings, start + settings.secret_bar * 2);
        assert_eq!(guesses.0.len(), 2);
    }
}
