//! What can go wrong.

/// Why a capture cannot be read or a file not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// This is no capture of ours.
    #[error("not a capture: {0}")]
    NotACapture(&'static str),
    /// A codec refuses.
    #[error(transparent)]
    Audio(#[from] omnigate_audio::Error),
    /// The Opus encoder refuses.
    #[error("Opus: {0}")]
    Opus(#[from] opus::Error),
    /// The WAV writer refuses: 4 GiB is the most that such a file can hold.
    #[error("WAV: {0}")]
    Wav(#[from] hound::Error),
    /// The FLAC writer refuses.
    #[error("FLAC: {0}")]
    Flac(#[from] flac_codec::Error),
}

impl Error {
    /// What reading or writing failed with, whoever was at it.
    pub fn io(&self) -> Option<&std::io::Error> {
        match self {
            Self::Io(error)
            | Self::Wav(hound::Error::IoError(error))
            | Self::Flac(flac_codec::Error::Io(error)) => Some(error),
            _ => None,
        }
    }
}

/// With the error of this crate.
pub type Result<T> = std::result::Result<T, Error>;
