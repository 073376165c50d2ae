//! A recording at a glance: its waveform in a few hundred points.

/// Points at most.
const MOST: usize = 600;

/// Collects the loudest sample of each frame, and of ever more frames together, so that any length fits.
#[derive(Debug, Default)]
pub struct Peaks {
    points: Vec<u8>,
    /// Frames in one point.
    each: usize,
    filled: usize,
    loudest: u16,
}

impl Peaks {
    /// Takes the next frame.
    pub fn push(&mut self, pcm: &[i16]) {
        let each = self.each.max(1);
        let loudest = pcm.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
        self.loudest = self.loudest.max(loudest);
        self.filled += 1;
        if self.filled < each {
            return;
        }
        self.close();
        if self.points.len() >= 2 * MOST {
            self.points = self
                .points
                .chunks(2)
                .map(|pair| pair.iter().copied().max().unwrap_or(0))
                .collect();
            self.each = each * 2;
        }
    }

    fn close(&mut self) {
        self.points.push((self.loudest >> 7).min(255) as u8);
        (self.loudest, self.filled) = (0, 0);
    }

    /// The points: 0 is silence, 255 full scale; at most 1 200 of one length each, the last one apart.
    pub fn finish(mut self) -> Vec<u8> {
        if self.filled > 0 {
            self.close();
        }
        self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loud_part_stays_where_it_is_however_long_the_recording() {
        for frames in [10usize, 1_000, 180_000] {
            let mut peaks = Peaks::default();
            for frame in 0..frames {
                let loud = frame >= frames / 2;
                peaks.push(&[if loud { i16::MIN } else { 128 }; 160]);
            }
            let points = peaks.finish();
            assert!(points.len() <= 2 * MOST, "{}", points.len());
            let first = points.iter().position(|p| *p == 255).unwrap();
            let middle = points.len() as f64 / 2.0;
            assert!(
                (first as f64 - middle).abs() <= 1.0,
                "{first} of {}",
                points.len()
            );
            assert!(points[..first].iter().all(|p| *p == 1));
        }
    }
}
