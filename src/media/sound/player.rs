//! Playing prompts and tones, 20 ms at a time, into what somebody hears.

use crate::media::ids::PlaybackId;
use crate::media::playback::Playback;
use crate::media::sound::phone_out::TICK_8K;
use omnigate_audio::resample::Resampler;
use omnigate_audio::tone::Cadence;
use std::sync::Arc;

/// What is being played to a leg or a room.
pub(crate) struct Player {
    pub(crate) id: PlaybackId,
    kind: Kind,
    /// To the rate of a listener who hears more than the telephone band.
    up: Option<Box<Up>>,
}

/// What is played is at 8 kHz.
struct Up {
    rate_hz: u32,
    resampler: Resampler,
    frame: Vec<i16>,
}

impl Up {
    fn new(rate_hz: u32) -> Option<Up> {
        Some(Up {
            rate_hz,
            resampler: Resampler::new(8_000, rate_hz).ok()?,
            frame: vec![0; omnigate_audio::frame_samples(rate_hz)],
        })
    }
}

enum Kind {
    Recordings {
        all: Vec<Arc<[i16]>>,
        index: usize,
        position: usize,
        pause: Option<usize>,
        pausing: usize,
    },
    Tone(Cadence),
}

impl Player {
    pub(crate) fn new(id: PlaybackId, playback: Playback) -> Player {
        let recordings = |all, pause| Kind::Recordings {
            all,
            index: 0,
            position: 0,
            pause,
            pausing: 0,
        };
        let kind = match playback {
            Playback::Prompts(all) => recordings(all, None),
            Playback::Repeat(all, pause) => {
                recordings(all, Some((pause.as_millis() as usize / 20).max(1) * TICK_8K))
            }
            Playback::Tone(tone) => Kind::Tone(Cadence::new(tone, 8_000)),
        };
        Player { id, kind, up: None }
    }

    /// Adds the next 20 ms to what a listener at any rate hears; false when this was the end. Allocates where the rate is
    /// another one than before.
    pub(crate) fn add(&mut self, mix: &mut [i16], rate_hz: u32) -> bool {
        if let Some(mix) = mix.as_mut_array::<TICK_8K>() {
            return self.fill(mix);
        }
        let mut frame = [0; TICK_8K];
        let more = self.fill(&mut frame);
        if self.up.as_ref().is_none_or(|up| up.rate_hz != rate_hz) {
            self.up = Up::new(rate_hz).map(Box::new);
        }
        if let Some(up) = &mut self.up
            && up.resampler.process(&frame, &mut up.frame).is_ok()
        {
            for (sample, played) in mix.iter_mut().zip(&up.frame) {
                *sample = sample.saturating_add(*played);
            }
        }
        more
    }

    /// Adds the next 20 ms; false when this was the end.
    pub(crate) fn fill(&mut self, mix: &mut [i16; TICK_8K]) -> bool {
        match &mut self.kind {
            Kind::Tone(cadence) => {
                let mut frame = [0; TICK_8K];
                let more = cadence.fill(&mut frame);
                for (m, s) in mix.iter_mut().zip(frame) {
                    *m = m.saturating_add(s);
                }
                more
            }
            Kind::Recordings {
                all,
                index,
                position,
                pause,
                pausing,
            } => {
                for m in mix.iter_mut() {
                    if *pausing > 0 {
                        *pausing -= 1;
                        continue;
                    }
                    while let Some(recording) = all.get(*index) {
                        if let Some(s) = recording.get(*position) {
                            *m = m.saturating_add(*s);
                            *position += 1;
                            break;
                        }
                        *index += 1;
                        *position = 0;
                    }
                    if *index >= all.len() {
                        match pause {
                            None => return false,
                            Some(p) => {
                                *index = 0;
                                *pausing = *p;
                            }
                        }
                    }
                }
                true
            }
        }
    }
}
