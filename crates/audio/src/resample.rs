//! Sample rate conversion of a stream of 20 ms frames.
//!
//! The window is the one that leaves 3.4 kHz alone at this block length and still keeps aliases below -80 dB.
//!
//! Only where buses of different rates meet; codecs run at the rate of the bus. Synchronous FFT resampling (rubato),
//! in two blocks a frame: a delay of 5 ms.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

use crate::{Error, Result, frame_samples};

/// FFT blocks a frame: more make the delay shorter and the filter less steep.
const BLOCKS: usize = 2;

/// Converts 20 ms frames between two of 8, 16, 24 and 48 kHz.
pub struct Resampler {
    inner: Option<Fft<f32>>,
    input: Vec<f32>,
    output: Vec<f32>,
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler")
            .field("input", &self.input.len())
            .field("output", &self.output.len())
            .finish()
    }
}

impl Resampler {
    /// A resampler from `from_hz` to `to_hz`; equal rates are copied.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self> {
        for rate in [from_hz, to_hz] {
            if !matches!(rate, 8_000 | 16_000 | 24_000 | 48_000) {
                return Err(Error::UnsupportedRate(rate));
            }
        }
        let (frame_in, frame_out) = (frame_samples(from_hz), frame_samples(to_hz));
        let inner = if from_hz == to_hz {
            None
        } else {
            Some(Fft::new_custom(
                from_hz as usize,
                to_hz as usize,
                frame_in / BLOCKS,
                1,
                1,
                WindowFunction::Blackman,
                FixedSync::Both,
            )?)
        };
        Ok(Self {
            inner,
            input: vec![0.0; frame_in],
            output: vec![0.0; frame_out],
        })
    }

    /// Converts one 20 ms frame; both slices have exactly the length of a frame at their rate.
    pub fn process(&mut self, input: &[i16], output: &mut [i16]) -> Result<()> {
        if input.len() != self.input.len() {
            return Err(Error::WrongLength {
                expected: self.input.len(),
                actual: input.len(),
            });
        }
        if output.len() != self.output.len() {
            return Err(Error::WrongLength {
                expected: self.output.len(),
                actual: output.len(),
            });
        }
        let Some(inner) = &mut self.inner else {
            output.copy_from_slice(input);
            return Ok(());
        };
        for (to, &from) in self.input.iter_mut().zip(input) {
            *to = f32::from(from);
        }
        let (block_in, block_out) = (self.input.len() / BLOCKS, self.output.len() / BLOCKS);
        let wrong = |_| Error::WrongLength {
            expected: block_in,
            actual: input.len(),
        };
        let blocks = self
            .input
            .chunks_exact(block_in)
            .zip(self.output.chunks_exact_mut(block_out));
        for (from, to) in blocks {
            let from = InterleavedSlice::new(from, 1, block_in).map_err(wrong)?;
            let mut to = InterleavedSlice::new_mut(to, 1, block_out).map_err(wrong)?;
            inner.process_into_buffer(&from, &mut to, None)?;
        }
        for (to, &from) in output.iter_mut().zip(&self.output) {
            *to = from.round() as i16;
        }
        Ok(())
    }

    /// Forgets the past.
    pub fn reset(&mut self) {
        if let Some(inner) = &mut self.inner {
            inner.reset();
        }
    }

    /// Delay that the filter adds, in output samples.
    pub fn delay_samples(&self) -> usize {
        self.inner.as_ref().map_or(0, |inner| inner.output_delay())
    }
}

/// Converts a whole recording between any two rates, without the filter's delay. Allocates: not for the media plane.
pub fn resample_all(pcm: &[i16], from_hz: u32, to_hz: u32) -> Result<Vec<i16>> {
    if from_hz == to_hz || pcm.is_empty() {
        return Ok(pcm.to_vec());
    }
    if from_hz == 0 || to_hz == 0 {
        return Err(Error::UnsupportedRate(0));
    }
    let mut resampler = Fft::<f32>::new(from_hz as usize, to_hz as usize, 1_024, 1, FixedSync::Both)?;
    let input: Vec<f32> = pcm.iter().map(|&sample| f32::from(sample)).collect();
    let mut output = vec![0.0; resampler.process_all_needed_output_len(input.len())];
    let room = output.len();
    let wrong = |_| Error::WrongLength {
        expected: room,
        actual: pcm.len(),
    };
    let from = InterleavedSlice::new(&input, 1, input.len()).map_err(wrong)?;
    let mut to = InterleavedSlice::new_mut(&mut output, 1, room).map_err(wrong)?;
    let (_, produced) = resampler.process_all_into_buffer(&from, &mut to, input.len(), None)?;
    output.truncate(produced);
    Ok(output.iter().map(|&sample| sample.round() as i16).collect())
}
