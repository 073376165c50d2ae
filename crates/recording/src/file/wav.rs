//! WAV by hound.

use crate::Result;
use std::io::{Seek, Write};

pub(super) type Wav<W> = hound::WavWriter<W>;

pub(super) fn new<W: Write + Seek>(writer: W, rate_hz: u32, channels: u16) -> Result<Wav<W>> {
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    Ok(hound::WavWriter::new(writer, spec)?)
}

pub(super) fn write<W: Write + Seek>(file: &mut Wav<W>, pcm: &[i16]) -> Result<()> {
    for sample in pcm {
        file.write_sample(*sample)?;
    }
    Ok(())
}
