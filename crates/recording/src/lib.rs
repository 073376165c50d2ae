//! Recordings without threads, clocks or sockets: what is captured while people talk, and the files made of it later.
//!
//! ```text
//!   packets, mutes, pauses ──▶ Record ──▶ capture (Ogg pages) ──▶ Replay ──▶ frames of 20 ms ──▶ AudioFile
//!        media thread                      writer thread           after the call, at leisure
//! ```
//!
//! While a room is recorded its packets are kept as they came, with the times of their arrival. Nothing is decoded then.
//! The files are made afterwards: [`Replay`] puts every packet where it belongs by its own timestamp, which undoes
//! jitter, reordering and the drift of the far end's clock, and plays all of them with one clock.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod capture;
mod error;
pub mod file;
pub mod manifest;
mod peaks;
mod replay;
pub mod sealed;
mod straighten;
mod survey;
mod voice;
mod voices;

pub use error::{Error, Result};
pub use peaks::Peaks;
pub use replay::Replay;
pub use survey::{survey, survey_each};

/// Length of a frame, microseconds.
pub const FRAME_US: u64 = 20_000;

/// A part of a capture, in microseconds since its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First moment.
    pub start_us: u64,
    /// First moment after it.
    pub end_us: u64,
}

impl Span {
    /// Frames of 20 ms that cover it.
    pub fn frames(self) -> u64 {
        self.end_us.saturating_sub(self.start_us).div_ceil(FRAME_US)
    }
}
