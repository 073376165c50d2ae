//! Playing prompts and tones, 20 ms at a time, into what somebody hears.

use crate::media::ids::PlaybackId;
use crate::media::playback::Playback;
use crate::media::sound::g711_out::TICK_8K;
use omnigate_audio::tone::Cadence;
use std::sync::Arc;

/// What is being played to a leg or a room.
pub(crate) struct Player {
    pub(crate) id: PlaybackId,
    kind: Kind,
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
        Player { id, kind }
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
