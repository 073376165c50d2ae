//! `[media]`

use super::faults::Faults;
use super::section::{Check, Word, section, values, word, words};
use omnigate_rtc::VideoCodec;
use std::net::IpAddr;

section! {
    /// `media.*`
    pub struct Media {
        /// Addresses in SDP and ICE candidates; empty: as `sip.advertise`.
        advertise: Vec<IpAddr> = Vec::new();
        /// Ports of phone legs, `FIRST-LAST`.
        rtp_ports: PortRange = PortRange { first: 20_000, last: 29_999 };
        /// First WebRTC port, one a shard from there; 0: any free port.
        webrtc_port: u16 = 40_000;
        /// Takes WebRTC over TCP on the same port numbers.
        webrtc_tcp: bool = true;
        /// Media threads; 0: number of cores.
        shards: usize = 0, within 0..=256;
        /// A leg without RTP and RTCP for this many seconds, while not on hold, ends.
        rtp_timeout_seconds: u64 = 30, within 1..=86_400;
        /// Video codecs, the preferred one first.
        video_codecs: Vec<VideoCodec> = VideoCodec::ALL.to_vec();
    }
}

impl Check for Media {
    fn check(&self, _: &str, faults: &mut Faults) {
        if self.video_codecs.is_empty() {
            faults.add(
                "media.video_codecs",
                "is empty; name at least one of vp8, h264, vp9",
            );
        }
    }
}

impl Media {
    /// Media threads, at least one.
    pub fn threads(&self) -> usize {
        match self.shards {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            shards => shards,
        }
    }
}

/// `FIRST-LAST`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    /// First port.
    pub first: u16,
    /// Last port.
    pub last: u16,
}

values! { word; PortRange }

impl Word for PortRange {
    fn parse(text: &str) -> Result<PortRange, String> {
        let parsed = text.split_once('-').and_then(|(a, b)| {
            let range = PortRange {
                first: a.trim().parse().ok()?,
                last: b.trim().parse().ok()?,
            };
            (range.first > 0 && range.first < range.last).then_some(range)
        });
        parsed.ok_or_else(|| format!("`{text}` is not FIRST-LAST, as 20000-29999"))
    }
}

values! { words; Vec<VideoCodec> }

impl Word for VideoCodec {
    /// A fault says which name is nearest.
    fn parse(name: &str) -> Result<VideoCodec, String> {
        let distance =
            |codec: &VideoCodec| strsim::damerau_levenshtein(codec.name(), &name.to_ascii_lowercase());
        name.parse().map_err(|error| {
            let nearest = VideoCodec::ALL
                .into_iter()
                .min_by_key(distance)
                .filter(|codec| distance(codec) <= 2)
                .map(|codec| format!("; did you mean `{codec}`?"))
                .unwrap_or_default();
            format!("`{name}` {error}{nearest}")
        })
    }
}
