//! WAV files: prompts in, test recordings out. Not for the media plane: it allocates and does I/O.

use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::{Error, Result, resample};

/// Reads a mono or stereo PCM16 file as mono at `rate_hz`; stereo is averaged, other rates are converted.
pub fn read(path: impl AsRef<Path>, rate_hz: u32) -> Result<Vec<i16>> {
    decode(hound::WavReader::open(path)?, rate_hz)
}

/// As [`read`], from bytes or any other reader.
pub fn read_from(reader: impl Read, rate_hz: u32) -> Result<Vec<i16>> {
    decode(hound::WavReader::new(reader)?, rate_hz)
}

fn decode<R: Read>(mut reader: hound::WavReader<R>, rate_hz: u32) -> Result<Vec<i16>> {
    let spec = reader.spec();
    let supported = matches!(spec.channels, 1 | 2)
        && spec.bits_per_sample == 16
        && spec.sample_format == hound::SampleFormat::Int;
    if !supported {
        return Err(Error::UnsupportedWav {
            channels: spec.channels,
            bits: spec.bits_per_sample,
        });
    }
    let samples = reader
        .samples::<i16>()
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let mono = if spec.channels == 2 {
        samples
            .chunks_exact(2)
            .map(|pair| ((i32::from(pair[0]) + i32::from(pair[1])) / 2) as i16)
            .collect()
    } else {
        samples
    };
    resample::resample_all(&mono, spec.sample_rate, rate_hz)
}

/// Writes mono PCM16.
pub fn write(path: impl AsRef<Path>, pcm: &[i16], rate_hz: u32) -> Result<()> {
    finish(hound::WavWriter::create(path, spec(rate_hz))?, pcm)
}

/// As [`write()`], into anything that can seek.
pub fn write_to(writer: impl Write + Seek, pcm: &[i16], rate_hz: u32) -> Result<()> {
    finish(hound::WavWriter::new(writer, spec(rate_hz))?, pcm)
}

fn spec(sample_rate: u32) -> hound::WavSpec {
    hound::WavSpec {
        channels: 1,
        sample_rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    }
}

fn finish<W: Write + Seek>(mut writer: hound::WavWriter<W>, pcm: &[i16]) -> Result<()> {
    for &sample in pcm {
        writer.write_sample(sample)?;
    }
    Ok(writer.finalize()?)
}
