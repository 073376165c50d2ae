//! One member's voices: one a codec, as it may change codecs, and as often as it likes.

use crate::Result;
use crate::voice::Voice;
use omnigate_rtp::playout::PayloadKind;

/// The voices of a member. At most one a codec, so whoever changes it with every packet costs no more than that.
#[derive(Default)]
pub(crate) struct Voices {
    /// Heard at present; the last one speaks.
    heard: Vec<Voice>,
    /// Spoke once, and has been heard to its end.
    resting: Vec<Voice>,
    /// Of one voice, before all are added up.
    rest: Vec<i16>,
}

impl Voices {
    /// Nothing is heard, unless something comes.
    pub(crate) fn are_silent(&self) -> bool {
        self.heard.iter().all(Voice::is_silent)
    }

    /// The voice of a packet, made at `at_us` if there is none; `None` for noise before any speech.
    pub(crate) fn of(&mut self, kind: PayloadKind, rate_hz: u32, at_us: u64) -> Result<Option<&mut Voice>> {
        if let Some(place) = self.heard.iter().rposition(|voice| voice.speaks(kind)) {
            let voice = self.heard.remove(place);
            self.heard.push(voice);
        } else if let Some(place) = self.resting.iter().position(|voice| voice.speaks(kind)) {
            let mut voice = self.resting.remove(place);
            voice.begin_at(at_us);
            self.heard.push(voice);
        } else if let PayloadKind::Speech(codec) = kind {
            self.heard.push(Voice::new(codec, rate_hz, at_us)?);
        }
        Ok(self.heard.last_mut())
    }

    /// The next 20 ms of all of them.
    pub(crate) fn pull(&mut self, frame: &mut [i16]) -> Result<()> {
        frame.fill(0);
        self.rest.resize(frame.len(), 0);
        for voice in &mut self.heard {
            voice.pull(&mut self.rest)?;
            for (sample, rest) in frame.iter_mut().zip(&self.rest) {
                *sample = sample.saturating_add(*rest);
            }
        }
        // The last one goes on with its noise, and knows what it has lost.
        while self.heard.len() > 1
            && let Some(place) = self.heard[..self.heard.len() - 1]
                .iter()
                .position(Voice::is_silent)
        {
            self.resting.push(self.heard.remove(place));
        }
        Ok(())
    }
}
