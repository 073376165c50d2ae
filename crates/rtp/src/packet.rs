//! One RTP packet (RFC 3550 section 5.1), read in place.

use crate::Result;

/// A parsed packet; padding, contributing sources and the header extension are left out of `payload`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// Synchronisation source.
    pub ssrc: u32,
    /// Sequence number, wraps.
    pub sequence: u16,
    /// Timestamp in units of the payload's clock, wraps.
    pub timestamp: u32,
    /// Payload type, 0..=127.
    pub payload_type: u8,
    /// Marker bit: for audio the start of a talkspurt (RFC 3551 section 4.1), often missing.
    pub marker: bool,
    /// The payload, possibly empty.
    pub payload: &'a [u8],
}

impl<'a> RtpPacket<'a> {
    /// Parses a datagram.
    pub fn parse(data: &'a [u8]) -> Result<Self> {
        let packet = rtp_types::RtpPacket::parse(data)?;
        let start = packet.payload_offset();
        let payload = data.get(start..start + packet.payload_len()).unwrap_or_default();
        Ok(Self {
            ssrc: packet.ssrc(),
            sequence: packet.sequence_number(),
            timestamp: packet.timestamp(),
            payload_type: packet.payload_type(),
            marker: packet.marker_bit(),
            payload,
        })
    }
}

/// Whether a datagram on a port that carries both is RTCP: second byte in 192..=223 (RFC 5761 section 4).
pub fn is_rtcp(data: &[u8]) -> bool {
    matches!(data, [first, 192..=223, ..] if first >> 6 == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_extension_and_sources_are_not_payload() {
        let mut data = vec![
            0x80 | 0x20 | 0x10 | 2,
            0x80 | 111,
            0x12,
            0x34,
            0,
            0,
            0,
            160,
            1,
            2,
            3,
            4,
        ];
        data.extend([9; 8]); // two sources
        data.extend([0xbe, 0xde, 0, 1, 0x10, 0, 0, 0]); // extension of one word
        data.extend([1, 2, 3, 4, 5]);
        data.extend([0, 0, 3]); // padding
        let packet = RtpPacket::parse(&data).unwrap();
        assert_eq!(packet.payload, [1, 2, 3, 4, 5]);
        assert_eq!(
            (packet.sequence, packet.timestamp, packet.ssrc),
            (0x1234, 160, 0x0102_0304)
        );
        assert!(packet.marker && packet.payload_type == 111);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut seed = 1u64;
        for _ in 0..200_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let length = (seed >> 60) as usize * 3;
            let data: Vec<u8> = (0..length)
                .map(|i| (seed >> (i % 8 * 7)) as u8 | u8::from(i == 0) << 7)
                .collect();
            let _ = RtpPacket::parse(&data);
            let _ = is_rtcp(&data);
        }
    }

    #[test]
    fn reports_and_payload_types_are_told_apart() {
        assert!(is_rtcp(&[0x80, 200, 0, 6]));
        assert!(is_rtcp(&[0x81, 203]));
        assert!(!is_rtcp(&[0x80, 0x80 | 8]));
        assert!(!is_rtcp(&[0x80, 111]));
        assert!(!is_rtcp(&[0x00, 200]));
        assert!(!is_rtcp(&[0x80]));
    }
}
