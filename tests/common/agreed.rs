//! What a telephone and its leg have agreed on, for all tests that play one packet by packet.

use omnigate_audio::codec::Codec;
use omnigate_sip::{Agreed, Direction};
use std::net::SocketAddr;

/// G.711 A-law in packets of 20 ms, keys as telephone events, both ways, with a telephone whose RTP comes from `rtp`.
pub(crate) fn a_law(rtp: SocketAddr) -> Agreed {
    Agreed {
        remote_rtp: rtp,
        remote_rtcp: None,
        codec: Codec::Pcma,
        payload_type: 8,
        max_bitrate: None,
        receive: vec![(8, Codec::Pcma)],
        telephone_events: vec![101],
        telephone_event_sent: Some(101),
        comfort_noise: None,
        ptime_ms: 20,
        direction: Direction::SendRecv,
    }
}
