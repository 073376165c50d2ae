//! G.722 at 64 kbit/s: 7 kHz of sound at 16 kHz in half a byte a sample (ITU-T G.722 (09/2012), mode 1).
//!
//! A pair of filters splits the sound at 4 kHz; each half is coded by what its predictor did not foresee, the lower one with
//! six bits, the upper one with two. Decoder and encoder predict alike, so a lost packet is heard for some tens of
//! milliseconds after it.
//!
//! The RTP clock of G.722 is 8 000 Hz although it samples at 16 kHz: an error in RFC 1890 that has been kept (RFC 3551
//! section 4.5.2). So one byte is two samples and one unit of the timestamp.

mod arithmetic;
mod filters;
mod halves;
mod predictor;

use crate::{Error, Result};
use filters::{Joining, Splitting};
use halves::{Lower, Upper};

/// Rate of the samples, Hz.
pub const RATE_HZ: u32 = 16_000;
/// Samples in a byte.
pub const SAMPLES_A_BYTE: usize = 2;

/// One outgoing stream.
#[derive(Debug, Clone, Default)]
pub struct Encoder {
    filter: Splitting,
    lower: Lower,
    upper: Upper,
}

impl Encoder {
    /// An encoder that has heard nothing.
    pub fn new() -> Encoder {
        Encoder::default()
    }

    /// Encodes an even number of samples; how many bytes of `out` that were.
    ///
    /// # Errors
    /// [`Error::WrongLength`] for an odd number, or when `out` is too short.
    pub fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize> {
        let (pairs, rest) = pcm.as_chunks::<SAMPLES_A_BYTE>();
        if !rest.is_empty() || out.len() < pairs.len() {
            return Err(Error::WrongLength {
                expected: out.len() * SAMPLES_A_BYTE,
                actual: pcm.len(),
            });
        }
        for (code, pair) in out.iter_mut().zip(pairs) {
            let (low, high) = self.filter.split(*pair);
            *code = self.upper.encode(high) << 6 | self.lower.encode(low);
        }
        Ok(pairs.len())
    }
}

/// One incoming stream.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    filter: Joining,
    lower: Lower,
    upper: Upper,
}

impl Decoder {
    /// A decoder that has heard nothing.
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Decodes all of `codes`; how many samples of `out` that were.
    ///
    /// # Errors
    /// [`Error::WrongLength`] when `out` is too short.
    pub fn decode(&mut self, codes: &[u8], out: &mut [i16]) -> Result<usize> {
        let (pairs, _) = out.as_chunks_mut::<SAMPLES_A_BYTE>();
        if pairs.len() < codes.len() {
            return Err(Error::WrongLength {
                expected: codes.len() * SAMPLES_A_BYTE,
                actual: pairs.len() * SAMPLES_A_BYTE,
            });
        }
        for (pair, code) in pairs.iter_mut().zip(codes) {
            let (low, high) = (self.lower.decode(code & 0x3f), self.upper.decode(code >> 6));
            *pair = self.filter.join(low, high);
        }
        Ok(codes.len() * SAMPLES_A_BYTE)
    }
}
