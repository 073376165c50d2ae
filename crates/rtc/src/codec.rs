//! Video codecs that are forwarded.

use std::fmt;
use std::str::FromStr;
use str0m::RtcConfig;
use str0m::format::{Codec, FormatParams};
use str0m::media::Frequency;

/// A video codec, always in the profile that every receiver of the codec can decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// RFC 7741.
    Vp8,
    /// RFC 6184, Constrained Baseline with packetization mode 1 (mandatory to implement: RFC 7742 section 6.2).
    H264,
    /// RFC 9628, profile 0.
    Vp9,
}

impl VideoCodec {
    /// All of them, the usual preference first.
    pub const ALL: [VideoCodec; 3] = [VideoCodec::Vp8, VideoCodec::H264, VideoCodec::Vp9];

    /// The name in settings.
    pub fn name(self) -> &'static str {
        match self {
            VideoCodec::Vp8 => "vp8",
            VideoCodec::H264 => "h264",
            VideoCodec::Vp9 => "vp9",
        }
    }

    /// The codec of a payload type's `rtpmap` value and `fmtp` parameters, if it is one of ours in our profile.
    pub(crate) fn of(rtpmap: &str, fmtp: &str) -> Option<VideoCodec> {
        let parameter = |name: &str| {
            fmtp.split(';').find_map(|p| {
                let (key, value) = p.trim().split_once('=')?;
                key.eq_ignore_ascii_case(name).then_some(value.trim())
            })
        };
        let name = rtpmap.split('/').next()?.trim();
        match name.to_ascii_lowercase().as_str() {
            "vp8" => Some(VideoCodec::Vp8),
            "vp9" => (parameter("profile-id").unwrap_or("0") == "0").then_some(VideoCodec::Vp9),
            "h264" => {
                let mode = parameter("packetization-mode") == Some("1");
                let profile = parameter("profile-level-id").and_then(|p| u32::from_str_radix(p, 16).ok());
                // RFC 6184 table 5: profile_idc 66 with constraint_set1.
                let constrained = profile.is_some_and(|p| p >> 16 == 0x42 && p & 0x4000 != 0);
                (mode && constrained).then_some(VideoCodec::H264)
            }
            _ => None,
        }
    }

    pub(crate) fn codec(self) -> Codec {
        match self {
            VideoCodec::Vp8 => Codec::Vp8,
            VideoCodec::H264 => Codec::H264,
            VideoCodec::Vp9 => Codec::Vp9,
        }
    }

    /// A configuration that knows this codec alone, with RTX.
    pub(crate) fn only(self, base: &RtcConfig) -> RtcConfig {
        let mut config = base.clone();
        let codecs = config.codec_config();
        match self {
            VideoCodec::Vp8 => codecs.enable_vp8(true),
            // Level 3.1 is announced; level asymmetry lets a sender go higher.
            VideoCodec::H264 => codecs.add_h264(108.into(), Some(109.into()), true, 0x42e01f),
            VideoCodec::Vp9 => codecs.add_config(
                98.into(),
                Some(99.into()),
                Codec::Vp9,
                Frequency::NINETY_KHZ,
                None,
                FormatParams {
                    profile_id: Some(0),
                    ..FormatParams::default()
                },
            ),
        }
        config
    }

    fn bit(self) -> u8 {
        match self {
            VideoCodec::Vp8 => 1,
            VideoCodec::H264 => 2,
            VideoCodec::Vp9 => 4,
        }
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Not the name of a [`VideoCodec`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a video codec; known are vp8, h264, vp9")]
pub struct NotACodec;

impl FromStr for VideoCodec {
    type Err = NotACodec;

    fn from_str(name: &str) -> Result<VideoCodec, NotACodec> {
        VideoCodec::ALL
            .into_iter()
            .find(|c| c.name() == name)
            .ok_or(NotACodec)
    }
}

/// Some video codecs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CodecSet(u8);

impl CodecSet {
    /// True when the codec is one of them.
    pub fn has(self, codec: VideoCodec) -> bool {
        self.0 & codec.bit() != 0
    }
}

impl Extend<VideoCodec> for CodecSet {
    fn extend<T: IntoIterator<Item = VideoCodec>>(&mut self, codecs: T) {
        for codec in codecs {
            self.0 |= codec.bit();
        }
    }
}

impl FromIterator<VideoCodec> for CodecSet {
    fn from_iter<T: IntoIterator<Item = VideoCodec>>(codecs: T) -> CodecSet {
        let mut set = CodecSet::default();
        set.extend(codecs);
        set
    }
}

/// The order in which codecs are tried for a new stream: those of `preference` that all `others` have offered (the
/// publishers of the room: what a member offers to send it can decode), then VP8, which every browser decodes.
pub fn codec_order(preference: &[VideoCodec], others: impl IntoIterator<Item = CodecSet>) -> Vec<VideoCodec> {
    let all: CodecSet = VideoCodec::ALL.into_iter().collect();
    let common = others.into_iter().fold(all, |a, b| CodecSet(a.0 & b.0));
    let mut order: Vec<VideoCodec> = preference.iter().copied().filter(|c| common.has(*c)).collect();
    if !order.contains(&VideoCodec::Vp8) {
        order.push(VideoCodec::Vp8);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_gets_a_codec_that_the_whole_room_has_and_else_vp8() {
        use VideoCodec::{H264, Vp8, Vp9};
        let both: CodecSet = [Vp8, H264].into_iter().collect();
        assert_eq!(codec_order(&[H264, Vp8], []), [H264, Vp8]);
        assert_eq!(codec_order(&[Vp9, H264], [both]), [H264, Vp8]);
        assert_eq!(codec_order(&[Vp9], [both, both]), [Vp8]);
    }

    #[test]
    fn names_are_read_back() {
        for codec in VideoCodec::ALL {
            assert_eq!(codec.name().parse(), Ok(codec));
        }
        assert_eq!("av1".parse::<VideoCodec>(), Err(NotACodec));
    }
}
