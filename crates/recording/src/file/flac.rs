//! FLAC by flac-codec.

use crate::Result;
use flac_codec::encode::{FlacSampleWriter, Options};
use std::io::{Seek, Write};

pub(super) struct Flac<W: Write + Seek> {
    writer: FlacSampleWriter<W>,
    samples: Vec<i32>,
}

impl<W: Write + Seek> Flac<W> {
    pub(super) fn new(writer: W, rate_hz: u32, channels: u16) -> Result<Self> {
        let channels = channels.min(2) as u8;
        Ok(Self {
            writer: FlacSampleWriter::new(writer, Options::default(), rate_hz, 16, channels, None)?,
            samples: Vec::new(),
        })
    }

    pub(super) fn write(&mut self, pcm: &[i16]) -> Result<()> {
        self.samples.clear();
        self.samples.extend(pcm.iter().map(|sample| i32::from(*sample)));
        Ok(self.writer.write(&self.samples)?)
    }

    pub(super) fn finish(self) -> Result<()> {
        Ok(self.writer.finalize()?)
    }
}
