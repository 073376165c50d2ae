//! Everything that is drawn: session ids, room ids, names, call numbers. One seeded generator (ChaCha): whoever does
//! not know the seed cannot guess the next value from the earlier ones.

use crate::masked::CallNumber;
use crate::now::Now;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use omnigate_room::{CallId, RecordingId, RoomId};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Letters of a generated user id, user name or session prefix (section 1).
const LETTERS: usize = 10;
/// The first random call number: the first digit is not 0.
const FIRST_NUMBER: u64 = 100_000;
/// How many random call numbers there are: those that do not begin with 0.
pub const NUMBERS: u64 = 900_000;

pub(crate) struct Dice {
    rng: StdRng,
    sessions: u64,
    /// The moment of the last recording, and how many there were in it before.
    recordings: ((u64, u32), u16),
}

impl Dice {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self {
            rng: StdRng::from_seed(seed),
            sessions: 0,
            recordings: ((0, 0), 0),
        }
    }

    /// Ten random letters.
    pub(crate) fn letters(&mut self) -> String {
        const ALPHABET: &[u8; 52] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        (0..LETTERS)
            .map(|_| char::from(ALPHABET[self.rng.random_range(0..ALPHABET.len())]))
            .collect()
    }

    /// A new session id (12.1): base64 without padding over ten letters, unix seconds, `-`, a running number. Such
    /// text yields letters and digits alone, so the id also works as an HTML element id (11.20).
    pub(crate) fn session(&mut self, unix: u64) -> String {
        self.sessions += 1;
        let plain = format!("{}{unix}-{}", self.letters(), self.sessions);
        STANDARD_NO_PAD.encode(plain)
    }

    /// Sorts after all that were drawn before, also within one microsecond.
    pub(crate) fn recording(&mut self, now: Now) -> RecordingId {
        let moment = (now.unix, now.micros);
        self.recordings = match self.recordings {
            (last, count) if last == moment => (last, count.saturating_add(1)),
            _ => (moment, 0),
        };
        RecordingId::new(now.unix, now.micros, self.recordings.1, self.rng.random())
    }

    pub(crate) fn call(&mut self, unix: u64) -> CallId {
        CallId::new(unix.saturating_mul(1000), self.rng.random())
    }

    /// For the hash of a secret.
    pub(crate) fn salt(&mut self) -> [u8; 16] {
        self.rng.random()
    }

    pub(crate) fn room(&mut self) -> RoomId {
        RoomId(self.rng.random::<u128>() & RoomId::MASK)
    }

    /// A random call number that `free` accepts; `None` when there is none at all.
    pub(crate) fn number(&mut self, free: impl Fn(CallNumber) -> bool) -> Option<CallNumber> {
        /// Independent draws before the numbers are searched one by one: so many fail only when nearly all are taken.
        const DRAWS: usize = 64;
        let drawn = (0..DRAWS).find_map(|_| {
            let offset = self.rng.random_range(0..NUMBERS);
            CallNumber::from_integer(FIRST_NUMBER + offset).filter(|number| free(*number))
        });
        drawn.or_else(|| {
            let start = self.rng.random_range(0..NUMBERS);
            (0..NUMBERS)
                .filter_map(|step| CallNumber::from_integer(FIRST_NUMBER + (start + step) % NUMBERS))
                .find(|number| free(*number))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_ids_are_letters_and_digits_and_decode_to_the_vendors_shape() {
        let mut dice = Dice::new([1; 32]);
        for running in 1..200 {
            let id = dice.session(1_700_000_000);
            assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
            let plain = String::from_utf8(STANDARD_NO_PAD.decode(&id).unwrap()).unwrap();
            assert!(plain[..10].bytes().all(|byte| byte.is_ascii_alphabetic()));
            assert_eq!(&plain[10..], format!("1700000000-{running}"));
        }
    }

    #[test]
    fn recordings_of_one_second_and_of_one_microsecond_sort_by_their_order() {
        let mut dice = Dice::new([5; 32]);
        let instant = std::time::Instant::now();
        let mut ids = Vec::new();
        for step in 0..4000u32 {
            let now = Now {
                instant,
                unix: 1_700_000_000,
                micros: step / 4 * 1000,
            };
            ids.push(dice.recording(now).to_string());
        }
        assert!(ids.is_sorted() && ids.windows(2).all(|two| two[0] != two[1]));
        assert!(ids.iter().all(|id| id.starts_with("6553f100")), "as old ones do");
    }

    #[test]
    fn random_numbers_never_start_with_zero() {
        let mut dice = Dice::new([2; 32]);
        for _ in 0..500 {
            assert_ne!(dice.number(|_| true).unwrap().expose().as_bytes()[0], b'0');
        }
    }

    #[test]
    fn the_last_free_number_is_found_and_no_free_number_is_told() {
        let mut dice = Dice::new([3; 32]);
        let last = CallNumber::parse("777777").unwrap();
        assert_eq!(dice.number(|number| number == last), Some(last));
        assert_eq!(dice.number(|_| false), None);
    }

    #[test]
    fn the_same_seed_draws_the_same_values() {
        let (mut one, mut other) = (Dice::new([4; 32]), Dice::new([4; 32]));
        assert_eq!(one.room(), other.room());
        assert_eq!(one.letters(), other.letters());
    }
}
