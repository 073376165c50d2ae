//! What of a packet stays readable, for whoever opens it.

use crate::{Error, Result};

/// The SSRC of an RTP packet, its sequence number, and how many of its bytes stay readable: fixed header, sources and header
/// extension (RFC 3550 section 5.1).
pub(crate) fn rtp_header(packet: &[u8]) -> Result<(u32, u16, usize)> {
    let &[first, _, s0, s1, _, _, _, _, a, b, c, d, ..] = packet else {
        return Err(Error::Malformed);
    };
    let mut length = 12 + 4 * usize::from(first & 15);
    if first & 0x10 != 0 {
        let Some(&[_, _, high, low]) = packet.get(length..length + 4) else {
            return Err(Error::Malformed);
        };
        length += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
    }
    if first >> 6 != 2 || length > packet.len() {
        return Err(Error::Malformed);
    }
    let (ssrc, sequence) = (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([s0, s1]));
    Ok((ssrc, sequence, length))
}

/// Bytes of an RTCP packet that stay readable: the first header and the SSRC of its sender.
pub(crate) const RTCP_HEADER: usize = 8;

/// The SSRC of an RTCP packet's sender.
pub(crate) fn rtcp_sender(packet: &[u8]) -> Result<u32> {
    match packet {
        &[first, _, _, _, a, b, c, d, ..] if first >> 6 == 2 => Ok(u32::from_be_bytes([a, b, c, d])),
        _ => Err(Error::Malformed),
    }
}
