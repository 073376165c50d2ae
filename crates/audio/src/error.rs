//! The crate's error.

/// What can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// libopus refused a packet or a setting.
    #[error("opus: {0}")]
    Opus(#[from] ::opus::Error),
    /// A sample rate that the codec or the operation does not have, in Hz.
    #[error("sample rate of {0} Hz is not supported here")]
    UnsupportedRate(u32),
    /// A buffer of the wrong length, in samples.
    #[error("expected {expected} samples, got {actual}")]
    WrongLength {
        /// Samples the operation needs.
        expected: usize,
        /// Samples it was given.
        actual: usize,
    },
    /// The resampler could not be made.
    #[error("resampler: {0}")]
    Resampler(#[from] rubato::ResamplerConstructionError),
    /// The resampler refused a block.
    #[error("resampling: {0}")]
    Resample(#[from] rubato::ResampleError),
    /// A WAV file that cannot be read or written.
    #[error("wav: {0}")]
    Wav(#[from] hound::Error),
    /// A WAV file that is not mono or stereo PCM of 16 bits.
    #[error("wav: want mono or stereo PCM of 16 bits, got {channels} channels of {bits} bits")]
    UnsupportedWav {
        /// Channels in the file.
        channels: u16,
        /// Bits a sample in the file.
        bits: u16,
    },
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
