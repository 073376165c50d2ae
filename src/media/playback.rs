//! What is played to a leg or a room.

use omnigate_audio::tone::Tone;
use std::sync::Arc;
use std::time::Duration;

/// What is played to a leg, mixed into what it hears.
#[derive(Debug, Clone)]
pub enum Playback {
    /// Recordings at 8 kHz, one after the other, once.
    Prompts(Vec<Arc<[i16]>>),
    /// Recordings at 8 kHz over and over, with this pause between.
    Repeat(Vec<Arc<[i16]>>, Duration),
    /// A call progress tone.
    Tone(Tone),
}

/// What a recorded room hears about it.
#[derive(Debug, Clone, Default)]
pub struct Announcement {
    /// Recordings at 8 kHz, one after the other, once; again when somebody comes.
    pub prompts: Vec<Arc<[i16]>>,
    /// A beep each so often.
    pub beep_each: Option<Duration>,
}
