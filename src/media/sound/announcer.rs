//! Tells a room that it is recorded: spoken at the start and to each newcomer, a beep each so often.

use crate::media::ids::PlaybackId;
use crate::media::playback::{Announcement, Playback};
use crate::media::sound::phone_out::TICK_8K;
use crate::media::sound::player::Player;
use omnigate_audio::tone::Tone;

/// Milliseconds of a tick.
const TICK_MS: u128 = 20;

pub(crate) struct Announcer {
    announcement: Announcement,
    player: Option<Player>,
    ticks_to_beep: u32,
}

impl Announcer {
    pub(crate) fn new(announcement: Announcement) -> Announcer {
        let mut announcer = Announcer {
            announcement,
            player: None,
            ticks_to_beep: 0,
        };
        announcer.ticks_to_beep = announcer.pause();
        announcer.speak();
        announcer
    }

    fn pause(&self) -> u32 {
        let each = self
            .announcement
            .beep_each
            .map_or(0, |each| each.as_millis() / TICK_MS);
        u32::try_from(each).unwrap_or(u32::MAX)
    }

    /// From the beginning: to all when the recording starts, and when somebody comes.
    pub(crate) fn speak(&mut self) {
        if !self.announcement.prompts.is_empty() {
            let prompts = Playback::Prompts(self.announcement.prompts.clone());
            self.player = Some(Player::new(PlaybackId(0), prompts));
        }
    }

    /// The next 20 ms; false when there is nothing to hear.
    pub(crate) fn fill(&mut self, out: &mut [i16; TICK_8K]) -> bool {
        if self.announcement.beep_each.is_some() && self.player.is_none() {
            self.ticks_to_beep = self.ticks_to_beep.saturating_sub(1);
            if self.ticks_to_beep == 0 {
                self.ticks_to_beep = self.pause();
                self.player = Some(Player::new(PlaybackId(0), Playback::Tone(Tone::Recorded)));
            }
        }
        let Some(player) = &mut self.player else {
            return false;
        };
        out.fill(0);
        if !player.fill(out) {
            self.player = None;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn heard(announcer: &mut Announcer, ticks: usize) -> Vec<bool> {
        let mut out = [0; TICK_8K];
        let mut tick = || announcer.fill(&mut out) && out.iter().any(|s| *s != 0);
        (0..ticks).map(|_| tick()).collect()
    }

    #[test]
    fn it_is_said_once_and_again_to_a_newcomer() {
        let mut announcer = Announcer::new(Announcement {
            prompts: vec![vec![1_000; 1_600].into()],
            beep_each: None,
        });
        assert_eq!(heard(&mut announcer, 100).iter().filter(|h| **h).count(), 10);
        announcer.speak();
        assert_eq!(heard(&mut announcer, 100).iter().filter(|h| **h).count(), 10);
    }

    #[test]
    fn the_beep_comes_each_fifteen_seconds() {
        let mut announcer = Announcer::new(Announcement {
            prompts: Vec::new(),
            beep_each: Some(Duration::from_secs(15)),
        });
        let heard = heard(&mut announcer, 750 * 3 + 100);
        let starts = heard.windows(2).filter(|w| !w[0] && w[1]).count();
        assert_eq!(starts, 3);
        assert!(heard[..700].iter().all(|h| !h));
    }
}
