//! What is heard of a telephone, for whoever listens to it outside the media plane.

/// Most samples of 20 ms.
const MOST: usize = 960;

/// 20 ms of a telephone.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Hz.
    pub rate_hz: u32,
    samples: [i16; MOST],
    length: usize,
}

impl Heard {
    pub(crate) fn new(frame: &[i16], rate_hz: u32) -> Heard {
        let length = frame.len().min(MOST);
        let mut samples = [0; MOST];
        samples[..length].copy_from_slice(&frame[..length]);
        Heard {
            rate_hz,
            samples,
            length,
        }
    }

    /// Its samples.
    pub fn samples(&self) -> &[i16] {
        &self.samples[..self.length]
    }
}
