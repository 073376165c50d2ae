//! Opus towards a browser: one encoder, silence without it.

use omnigate_audio::opus::{Encoder, EncoderSettings, MAX_PACKET_BYTES};
use std::sync::Arc;

/// Ticks of silence that are really encoded, so that the far decoder settles; then the last packet is repeated.
const ENCODED_SILENCE: u32 = 5;

/// An outgoing Opus stream.
pub(crate) struct OpusOut {
    encoder: Encoder,
    silent: u32,
    last: Arc<[u8]>,
    buffer: [u8; MAX_PACKET_BYTES],
}

impl OpusOut {
    pub(crate) fn new(rate_hz: u32) -> Result<OpusOut, omnigate_audio::Error> {
        let settings = EncoderSettings {
            // 48 kHz rooms are app to app; 24 kbit/s is for the telephone band (12 kbit/s more for fullband).
            bitrate: if rate_hz > 16_000 { 36_000 } else { 24_000 },
            ..EncoderSettings::default()
        };
        Ok(OpusOut {
            encoder: Encoder::new(rate_hz, settings)?,
            silent: 0,
            last: Arc::from(&[][..]),
            buffer: [0; MAX_PACKET_BYTES],
        })
    }

    /// One tick: `pcm`, or silence without the encoder once it has settled.
    pub(crate) fn tick(&mut self, pcm: &[i16], silent: bool) -> Arc<[u8]> {
        self.silent = if silent { self.silent.saturating_add(1) } else { 0 };
        if self.silent > ENCODED_SILENCE && !self.last.is_empty() {
            return self.last.clone();
        }
        if let Ok(length) = self.encoder.encode(pcm, &mut self.buffer)
            && let Some(packet) = self.buffer.get(..length)
        {
            self.last = Arc::from(packet);
        }
        self.last.clone()
    }

    /// Forgets the past: the stream goes on after another encoder served this listener.
    pub(crate) fn restart(&mut self) {
        let _ = self.encoder.reset();
        self.silent = 0;
    }
}
