//! Where key frames start, and how often they may be asked for.

use crate::codec::VideoCodec;
use std::time::{Duration, Instant};

/// Shortest time between two requests to one publisher.
pub const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(500);

/// True when an RTP payload is the first one of a key frame, with all that a decoder needs to start.
pub fn starts_key_frame(codec: VideoCodec, payload: &[u8]) -> bool {
    match codec {
        VideoCodec::Vp8 => vp8(payload),
        VideoCodec::H264 => h264(payload),
        VideoCodec::Vp9 => vp9(payload),
    }
    .unwrap_or(false)
}

/// RFC 7741 section 4.2 (descriptor `X R N S R PID`) and 4.3 (payload header, whose bit P is 0 for a key frame).
fn vp8(payload: &[u8]) -> Option<bool> {
    let first = *payload.first()?;
    let mut at = 1;
    if first & 0x80 != 0 {
        let extension = *payload.get(at)?;
        at += 1;
        if extension & 0x80 != 0 {
            at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        }
        at += usize::from(extension & 0x40 != 0);
        at += usize::from(extension & 0x30 != 0);
    }
    let starts_frame = first & 0x10 != 0 && first & 0x07 == 0;
    Some(starts_frame && payload.get(at)? & 1 == 0)
}

/// RFC 6184 sections 5.3 (NAL unit header), 5.7.1 (STAP-A) and 5.8 (FU-A). The mark is the sequence parameter set:
/// it precedes every IDR picture of a WebRTC sender, and without it no decoder starts.
fn h264(payload: &[u8]) -> Option<bool> {
    const PARAMETERS: u8 = 7;
    const STAP_A: u8 = 24;
    const FU_A: u8 = 28;
    match payload.first()? & 0x1f {
        PARAMETERS => Some(true),
        STAP_A => {
            let mut rest = &payload[1..];
            while let [high, low, unit @ ..] = rest {
                if unit.first()? & 0x1f == PARAMETERS {
                    return Some(true);
                }
                rest = unit.get(usize::from(u16::from_be_bytes([*high, *low]))..)?;
            }
            Some(false)
        }
        FU_A => {
            let header = payload.get(1)?;
            Some(header & 0x80 != 0 && header & 0x1f == PARAMETERS)
        }
        _ => Some(false),
    }
}

/// RFC 9628 section 4.2 (descriptor `I P L F B E V Z`): not predicted from another picture (P = 0), start of a
/// frame (B = 1), and that of the lowest spatial layer.
fn vp9(payload: &[u8]) -> Option<bool> {
    let first = *payload.first()?;
    if first & 0x40 != 0 || first & 0x08 == 0 {
        return Some(false);
    }
    let mut at = 1;
    if first & 0x80 != 0 {
        at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
    }
    let lowest = first & 0x20 == 0 || payload.get(at)? & 0x0e == 0;
    Some(lowest && payload.len() > at)
}

/// Requests to one publisher: at most one in [`KEY_FRAME_INTERVAL`]; what comes too early is kept for later, and
/// forgotten when a key frame comes before.
#[derive(Debug, Default)]
pub struct KeyFrameRequests {
    wanted: bool,
    last: Option<Instant>,
}

impl KeyFrameRequests {
    /// Somebody needs a key frame.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// A key frame has started.
    pub fn arrived(&mut self) {
        self.wanted = false;
    }

    /// True when a request is to be sent now.
    pub fn due(&mut self, now: Instant) -> bool {
        let rested = self
            .last
            .is_none_or(|last| now.saturating_duration_since(last) >= KEY_FRAME_INTERVAL);
        let due = self.wanted && rested;
        if due {
            self.wanted = false;
            self.last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vp8_key_frame_starts_where_the_descriptor_and_the_header_say_so() {
        let is = |p: &[u8]| starts_key_frame(VideoCodec::Vp8, p);
        assert!(is(&[0x10, 0x00, 1, 2]), "no extension");
        assert!(is(&[0x90, 0x80, 0x81, 0x02, 0x00]), "15-bit picture id");
        assert!(
            is(&[0x90, 0xf0, 0x01, 0x07, 0x20, 0x00]),
            "picture id, TL0PICIDX, TID"
        );
        assert!(!is(&[0x10, 0x01]), "interframe");
        assert!(!is(&[0x00, 0x00]), "continuation");
        assert!(!is(&[0x11, 0x00]), "second partition");
    }

    #[test]
    fn an_h264_key_frame_starts_with_its_parameter_set() {
        let is = |p: &[u8]| starts_key_frame(VideoCodec::H264, p);
        assert!(is(&[0x67, 0x42, 0xe0]));
        assert!(is(&[0x78, 0, 2, 0x09, 0xf0, 0, 2, 0x67, 0x42]), "STAP-A");
        assert!(is(&[0x7c, 0x87, 0]), "FU-A, first");
        assert!(!is(&[0x7c, 0x07, 0]), "FU-A, later");
        assert!(!is(&[0x65, 1]), "IDR slice alone");
        assert!(!is(&[0x41, 1]));
        assert!(!is(&[0x78, 0, 9, 0x68]), "cut STAP-A");
    }

    #[test]
    fn a_vp9_key_frame_starts_in_the_lowest_layer() {
        let is = |p: &[u8]| starts_key_frame(VideoCodec::Vp9, p);
        assert!(is(&[0x8a, 0x01, 0x82]), "picture id of 7 bits");
        assert!(is(&[0xaa, 0x81, 0x02, 0x00, 0x18]), "layers, spatial 0");
        assert!(!is(&[0xaa, 0x81, 0x02, 0x02, 0x18]), "spatial 1 of a key picture");
        assert!(!is(&[0xca, 0x01, 0x82]), "predicted");
        assert!(!is(&[0x80, 0x01, 0x82]), "not the start");
    }

    #[test]
    fn nothing_cut_short_is_a_key_frame() {
        for codec in VideoCodec::ALL {
            for payload in [&[][..], &[0x90], &[0x90, 0x80], &[0x78], &[0x7c], &[0xaa]] {
                assert!(!starts_key_frame(codec, payload), "{codec} {payload:?}");
            }
        }
    }

    #[test]
    fn requests_are_spaced_and_a_late_one_is_not_forgotten() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut requests = KeyFrameRequests::default();
        assert!(!requests.due(at(0)));
        requests.want();
        requests.want();
        assert!(
            requests.due(at(0)) && !requests.due(at(600)),
            "two wishes, one request"
        );
        requests.want();
        assert!(requests.due(at(700)));
        requests.want();
        assert!(!requests.due(at(1100)), "too early");
        assert!(requests.due(at(1200)), "made up for");
        requests.want();
        requests.arrived();
        assert!(!requests.due(at(9000)), "the key frame came by itself");
    }
}
