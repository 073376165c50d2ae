//! Sound without sockets: codecs, concealment, tones, levels, mixing and files.
//!
//! Everything here is a pure function of samples and bytes. PCM is mono, signed 16 bit, native endian, in `i16`
//! slices; a *frame* is 20 ms unless an item says otherwise. Levels are in dBov: 0 dBov is the power of a full-scale
//! square wave (RFC 6464), so a full-scale sine is at -3 dBov. Nothing allocates per frame once it is constructed.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod codec;
pub mod comfort_noise;
pub mod dtmf;
pub mod error;
pub mod g711;
pub mod g722;
pub mod level;
pub mod mix;
pub mod opus;
pub mod plc;
pub mod resample;
pub mod time_scale;
pub mod tone;
pub mod wav;

pub use error::{Error, Result};

/// Length of a frame, in milliseconds.
pub const FRAME_MS: u32 = 20;

/// Samples of one 20 ms frame at `rate_hz`.
pub const fn frame_samples(rate_hz: u32) -> usize {
    (rate_hz / 50) as usize
}
