//! One key press may arrive as a telephone event, as SIP INFO and as a tone: it must count once.

use std::time::{Duration, Instant};

use omnigate_audio::dtmf::Key;

/// Where a digit came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// RFC 4733 packets.
    TelephoneEvent,
    /// SIP INFO (`application/dtmf-relay`, `application/dtmf`).
    SipInfo,
    /// Tones in the audio.
    InBand,
}

/// Two reports of one press arrive within this time.
const WINDOW: Duration = Duration::from_millis(1_500);
/// Presses that are remembered; nobody presses more within the window.
const MEMORY: usize = 32;

#[derive(Clone, Copy)]
struct Press {
    key: Key,
    at: Instant,
    /// One bit for each source that has reported this press.
    reported_by: u8,
}

/// Merges the digits of all sources of one call.
///
/// A press is remembered with the sources that have reported it. A digit that is equal to a press which its source
/// has not reported yet is that press; the oldest such press is taken, so fast repeats stay in step.
#[derive(Clone, Default)]
pub struct DigitMerger {
    presses: [Option<Press>; MEMORY],
    next: usize,
}

impl DigitMerger {
    /// A merger that has heard nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether this is a new key press; `false` when another source has reported it already.
    pub fn accept(&mut self, source: Source, key: Key, now: Instant) -> bool {
        let bit = 1 << source as u8;
        let same = self
            .presses
            .iter_mut()
            .flatten()
            .filter(|press| press.key == key && press.reported_by & bit == 0)
            .filter(|press| now.saturating_duration_since(press.at) <= WINDOW)
            .min_by_key(|press| press.at);
        if let Some(press) = same {
            press.reported_by |= bit;
            return false;
        }
        self.presses[self.next] = Some(Press {
            key,
            at: now,
            reported_by: bit,
        });
        self.next = (self.next + 1) % MEMORY;
        true
    }
}

impl std::fmt::Debug for DigitMerger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DigitMerger").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Source::{InBand, SipInfo, TelephoneEvent};

    fn run(reports: &[(u64, Source, char)]) -> String {
        let start = Instant::now();
        let mut merger = DigitMerger::new();
        reports
            .iter()
            .filter(|&&(ms, source, c)| {
                merger.accept(
                    source,
                    Key::from_char(c).unwrap(),
                    start + Duration::from_millis(ms),
                )
            })
            .map(|&(_, _, c)| c)
            .collect()
    }

    #[test]
    fn one_press_that_arrives_three_ways_counts_once() {
        assert_eq!(
            run(&[(0, TelephoneEvent, '5'), (40, InBand, '5'), (300, SipInfo, '5')]),
            "5"
        );
        assert_eq!(
            run(&[
                (0, InBand, '5'),
                (200, TelephoneEvent, '5'),
                (1_400, SipInfo, '5')
            ]),
            "5"
        );
    }

    #[test]
    fn the_same_key_pressed_again_counts_again() {
        assert_eq!(run(&[(0, TelephoneEvent, '1'), (150, TelephoneEvent, '1')]), "11");
        let both = [
            (0, TelephoneEvent, '1'),
            (150, TelephoneEvent, '1'),
            (160, SipInfo, '1'),
            (300, SipInfo, '1'),
            (400, TelephoneEvent, '1'),
            (500, SipInfo, '1'),
        ];
        assert_eq!(run(&both), "111");
    }

    #[test]
    fn a_source_that_lags_by_several_digits_is_followed() {
        let late: Vec<_> = "112233"
            .chars()
            .enumerate()
            .map(|(i, c)| (i as u64 * 120, TelephoneEvent, c))
            .collect();
        let info = "112233"
            .chars()
            .enumerate()
            .map(|(i, c)| (i as u64 * 120 + 700, SipInfo, c));
        let mut all: Vec<_> = late.into_iter().chain(info).collect();
        all.sort_by_key(|report| report.0);
        assert_eq!(run(&all), "112233");
    }

    #[test]
    fn a_digit_that_only_one_source_has_is_kept() {
        assert_eq!(
            run(&[
                (0, TelephoneEvent, '1'),
                (100, InBand, '1'),
                (300, InBand, '2'),
                (900, SipInfo, '3')
            ]),
            "123"
        );
    }

    #[test]
    fn an_equal_digit_of_another_source_after_the_window_is_a_new_press() {
        assert_eq!(run(&[(0, TelephoneEvent, '1'), (1_600, SipInfo, '1')]), "11");
    }

    #[test]
    fn thousands_of_digits_take_no_more_memory_and_nothing_shows_them() {
        let start = Instant::now();
        let mut merger = DigitMerger::new();
        for i in 0..10_000 {
            assert!(merger.accept(TelephoneEvent, Key::Nine, start + Duration::from_millis(i)));
        }
        assert!(!format!("{merger:?}").contains('9'));
    }
}
