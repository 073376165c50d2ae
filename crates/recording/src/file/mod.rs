//! Audio files: Ogg Opus (RFC 7845), WAV, FLAC (RFC 9639).

mod flac;
mod ogg_opus;
mod wav;

use crate::Result;
use std::io::{Seek, Write};

/// Format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Ogg Opus: 24 kbit/s for telephone sound, 48 kbit/s for fullband, half as much again for two channels.
    Opus,
    /// WAV, 16-bit PCM; 4 GiB at most, which is 12 hours of one channel at 48 kHz.
    Wav,
    /// FLAC, 16 bit.
    Flac,
}

impl Format {
    /// Name in configuration, index and webhook; also the extension of the file's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Wav => "wav",
            Self::Flac => "flac",
        }
    }

    /// The one with this name.
    pub fn parse(name: &str) -> Option<Format> {
        [Self::Opus, Self::Wav, Self::Flac]
            .into_iter()
            .find(|format| format.name() == name)
    }

    /// Media type (RFC 5334, RFC 2361, RFC 9639).
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Opus => "audio/ogg",
            Self::Wav => "audio/wav",
            Self::Flac => "audio/flac",
        }
    }
}

enum Inner<W: Write + Seek> {
    Opus(Box<ogg_opus::OggOpus<W>>),
    Wav(wav::Wav<W>),
    Flac(Box<flac::Flac<W>>),
}

/// A file that is being written. Without [`finish`](Self::finish) it is not complete.
pub struct AudioFile<W: Write + Seek>(Inner<W>);

impl<W: Write + Seek> AudioFile<W> {
    /// Begins a file of `channels` (1 or 2) at `rate_hz` (8 000 or 48 000).
    pub fn new(writer: W, format: Format, rate_hz: u32, channels: u16) -> Result<Self> {
        Ok(Self(match format {
            Format::Opus => Inner::Opus(Box::new(ogg_opus::OggOpus::new(writer, rate_hz, channels)?)),
            Format::Wav => Inner::Wav(wav::new(writer, rate_hz, channels)?),
            Format::Flac => Inner::Flac(Box::new(flac::Flac::new(writer, rate_hz, channels)?)),
        }))
    }

    /// Appends 20 ms, the samples of the channels in turn.
    pub fn write(&mut self, pcm: &[i16]) -> Result<()> {
        match &mut self.0 {
            Inner::Opus(file) => file.write(pcm),
            Inner::Wav(file) => wav::write(file, pcm),
            Inner::Flac(file) => file.write(pcm),
        }
    }

    /// Completes the file.
    pub fn finish(self) -> Result<()> {
        match self.0 {
            Inner::Opus(file) => file.finish(),
            Inner::Wav(file) => Ok(file.finalize()?),
            Inner::Flac(file) => file.finish(),
        }
    }
}
