//! Keys that a caller sends as tones in the audio.

use super::phone_out::TICK_8K;
use omnigate_audio::dtmf::{Detector, Key};
use omnigate_audio::resample::Resampler;

/// Looks for tones until the caller has shown to send events: there are carriers that agree on events and send tones all
/// the same. A first key that comes both ways counts once, for the call's merger knows it from either; after it each key
/// comes as an event (RFC 4733 section 2.3.1: a sender takes the tones out of the audio or sends both), and speech
/// cannot be taken for a key any more.
#[derive(Default)]
pub(super) struct Tones {
    detector: Option<Box<Detector>>,
    /// To the detector's rate, for a caller who is heard at a higher one.
    down: Option<Box<Resampler>>,
    /// A key has come as an event.
    by_event: bool,
}

impl Tones {
    /// A new agreement, with events or without.
    pub(super) fn agree(&mut self, events: bool) {
        if events && self.by_event {
            self.detector = None;
        } else if self.detector.is_none() {
            self.detector = Some(Box::new(Detector::new()));
        }
    }

    /// A key came as an event.
    pub(super) fn pressed(&mut self) {
        self.by_event = true;
        self.detector = None;
    }

    /// Hears at this rate from now on.
    pub(super) fn set_rate(&mut self, rate_hz: u32) {
        let wide = rate_hz != 8_000;
        let down = wide.then(|| Resampler::new(rate_hz, 8_000).ok());
        self.down = down.flatten().map(Box::new);
    }

    /// Takes 20 ms.
    pub(super) fn hear(&mut self, pcm: &[i16], on_key: impl FnMut(Key)) {
        let Some(detector) = &mut self.detector else {
            return;
        };
        match &mut self.down {
            None => detector.push(pcm, on_key),
            Some(down) => {
                let mut narrow = [0; TICK_8K];
                if down.process(pcm, &mut narrow).is_ok() {
                    detector.push(&narrow, on_key);
                }
            }
        }
    }
}
