//! How the media plane is set up.

use omnigate_rtc::VideoCodec;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How the media plane is set up.
#[derive(Debug, Clone)]
pub struct MediaSettings {
    /// Address that sockets are bound on.
    pub bind: IpAddr,
    /// Addresses announced in SDP and candidates; the first of a family is used for phones.
    pub advertise: Vec<IpAddr>,
    /// Port range of phone legs.
    pub rtp_ports: RangeInclusive<u16>,
    /// First WebRTC port; one a shard from there. 0: any free port.
    pub webrtc_port: u16,
    /// Takes ICE over TCP (RFC 6544) on the same port numbers.
    pub webrtc_tcp: bool,
    /// Number of shards, at least 1.
    pub shards: usize,
    /// A leg without RTP and RTCP for this long, while not on hold, is reported silent.
    pub silence_timeout: Duration,
    /// Video codecs, the preferred one first.
    pub video_codecs: Vec<VideoCodec>,
}
