//! DTMF: keys, tones, and finding tones in speech.

mod detector;
mod generator;
mod key;

pub use detector::Detector;
pub use generator::Generator;
pub use key::Key;

/// The four frequencies of the rows and the four of the columns, Hz (ITU-T Q.23).
const ROW_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMN_HZ: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
