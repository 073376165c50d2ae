//! What the test caller hears: a file to keep it in, a meter on the terminal.

use crate::media::Heard;
use omnigate_audio::level;
use omnigate_audio::wav;
use std::io::Write;
use std::path::Path;
use tokio::sync::mpsc;

/// Frames between two readings of the meter.
const METER: u64 = 10;

/// See the module.
pub(super) struct Ears {
    kept: Vec<i16>,
    /// Of what is kept, Hz.
    rate_hz: u32,
    keeps: bool,
    meter: bool,
}

impl Ears {
    pub(super) fn new(keeps: bool, meter: bool) -> Ears {
        Ears {
            kept: Vec::new(),
            rate_hz: 8_000,
            keeps,
            meter,
        }
    }

    /// Listens until nothing more comes.
    pub(super) async fn listen(&mut self, mut sounds: mpsc::Receiver<Heard>) {
        let mut frames = 0_u64;
        while let Some(heard) = sounds.recv().await {
            frames += 1;
            if self.meter && frames.is_multiple_of(METER) {
                meter(heard.samples());
            }
            if self.keeps {
                // Of two rates the later one is kept: the codec is agreed on in the first moment, or changes.
                if heard.rate_hz != self.rate_hz {
                    self.kept.clear();
                    self.rate_hz = heard.rate_hz;
                }
                self.kept.extend_from_slice(heard.samples());
            }
        }
    }

    /// Writes what was heard.
    pub(super) fn keep(&self, path: &Path) -> Result<(), omnigate_audio::Error> {
        wav::write(path, &self.kept, self.rate_hz)
    }
}

/// A bar from -60 to 0 dBov on the terminal.
fn meter(frame: &[i16]) {
    let db = level::dbov(frame).clamp(-60.0, 0.0);
    let bars = ((db + 60.0) / 2.0) as usize;
    let mut err = std::io::stderr();
    let _ = write!(err, "\r{:5.0} dBov |{:<30}|", db, "#".repeat(bars));
    let _ = err.flush();
}
