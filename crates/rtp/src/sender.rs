//! Writes the packets of one outgoing stream.

/// Sequence, timestamp and counters of one outgoing stream.
#[derive(Debug, Clone)]
pub struct RtpSender {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    packets: u32,
    octets: u32,
}

/// Bytes of a header without contributing sources.
pub const HEADER_BYTES: usize = 12;

impl RtpSender {
    /// A stream; the initial values should be random (RFC 3550 section 5.1).
    pub const fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            ssrc,
            sequence,
            timestamp,
            packets: 0,
            octets: 0,
        }
    }

    /// Replaces the contents of `out` by a packet at the current timestamp and counts the sequence number on.
    pub fn write(&mut self, payload_type: u8, marker: bool, payload: &[u8], out: &mut Vec<u8>) {
        self.write_at(self.timestamp, payload_type, marker, payload, out);
    }

    /// As [`write`](Self::write) with another timestamp: telephone events keep that of their start.
    pub fn write_at(
        &mut self,
        timestamp: u32,
        payload_type: u8,
        marker: bool,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) {
        out.clear();
        out.extend_from_slice(&[0x80, (payload_type & 0x7f) | u8::from(marker) << 7]);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
    }

    /// Moves the timestamp on, whether or not something was sent: time passes.
    pub fn advance(&mut self, samples: u32) {
        self.timestamp = self.timestamp.wrapping_add(samples);
    }

    /// Synchronisation source.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Timestamp of the next packet.
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// Sequence number of the next packet.
    pub fn sequence(&self) -> u16 {
        self.sequence
    }

    /// Packets sent; wraps (RFC 3550 section 6.4.1).
    pub fn packets(&self) -> u32 {
        self.packets
    }

    /// Payload octets sent; wraps.
    pub fn octets(&self) -> u32 {
        self.octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RtpPacket;

    #[test]
    fn what_is_written_is_read_and_sequence_and_timestamp_wrap() {
        let mut sender = RtpSender::new(7, u16::MAX, u32::MAX - 100);
        let mut out = Vec::new();
        sender.write(8, true, &[1, 2, 3], &mut out);
        sender.advance(160);
        let first = RtpPacket::parse(&out).unwrap();
        assert_eq!(
            (first.sequence, first.timestamp, first.marker),
            (u16::MAX, u32::MAX - 100, true)
        );
        assert_eq!(
            (first.ssrc, first.payload_type, first.payload),
            (7, 8, &[1, 2, 3][..])
        );
        sender.write(8, false, &[4], &mut out);
        let second = RtpPacket::parse(&out).unwrap();
        assert_eq!((second.sequence, second.timestamp, second.marker), (0, 59, false));
        assert_eq!((sender.packets(), sender.octets()), (2, 4));
    }
}
