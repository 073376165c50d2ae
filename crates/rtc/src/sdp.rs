//! Reading and correcting descriptions where the stack leaves a gap.

use crate::codec::{CodecSet, VideoCodec};
use std::borrow::Cow;

/// What the answer should ask of the browser's encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpusWish {
    /// Highest rate that is of use, Hz (RFC 7587 `maxplaybackrate`).
    pub max_playback_rate: u32,
}

/// The first section of a kind (`audio`, `video`) that is not refused, from after its `m=`.
fn section<'a>(description: &'a str, kind: &str) -> Option<&'a str> {
    description
        .split("\nm=")
        .skip(1)
        .filter(|s| s.split(' ').next() == Some(kind))
        .find(|s| s.split(' ').nth(1) != Some("0"))
}

fn mid(section: &str) -> Option<&str> {
    section.lines().find_map(|l| l.trim().strip_prefix("a=mid:"))
}

/// The identification (RFC 5888) of the first audio section that is not refused.
pub(crate) fn audio_mid(offer: &str) -> Option<&str> {
    section(offer, "audio").and_then(mid)
}

/// The same of video.
pub(crate) fn video_mid(offer: &str) -> Option<&str> {
    section(offer, "video").and_then(mid)
}

/// True for the line of a direction (RFC 8866 section 6.7).
fn is_direction(line: &str) -> bool {
    matches!(
        line.trim(),
        "a=sendrecv" | "a=sendonly" | "a=recvonly" | "a=inactive"
    )
}

/// The codecs that the video section of an offer has, `None` without a section that sends.
pub(crate) fn video_codecs(offer: &str) -> Option<CodecSet> {
    let section = section(offer, "video")?;
    let session = offer.split("\nm=").next().unwrap_or_default();
    let direction = section
        .lines()
        .chain(session.lines())
        .find(|l| is_direction(l))
        .map(str::trim);
    if matches!(direction, Some("a=recvonly" | "a=inactive")) {
        return None;
    }
    let attribute = |name: &str, pt: &str| {
        section.lines().find_map(|l| {
            let (number, value) = l.trim().strip_prefix(name)?.split_once(' ')?;
            (number == pt).then_some(value)
        })
    };
    let mut set = CodecSet::default();
    for pt in section.lines().next()?.split_whitespace().skip(3) {
        let Some(map) = attribute("a=rtpmap:", pt) else {
            continue;
        };
        set.extend(VideoCodec::of(map, attribute("a=fmtp:", pt).unwrap_or_default()));
    }
    Some(set)
}

/// The offer as one that only sends, a single encoding: so the answer comes out `recvonly`, as the SDKs expect,
/// and without layers, of which only one could be forwarded.
pub(crate) fn sending_only(offer: &str) -> String {
    let mut out = String::with_capacity(offer.len() + 16);
    let mut video = false;
    for line in offer.lines() {
        if line.starts_with("m=") {
            if std::mem::take(&mut video) {
                out.push_str("a=sendonly\r\n");
            }
            video = line.starts_with("m=video");
        }
        let layers = line.starts_with("a=simulcast") || line.starts_with("a=rid:");
        if video && (is_direction(line) || layers) {
            continue;
        }
        out.push_str(line);
        out.push_str("\r\n");
    }
    if video {
        out.push_str("a=sendonly\r\n");
    }
    out
}

/// Puts our Opus parameters (RFC 7587 section 7.1) in the place of the stack's.
pub(crate) fn wish(answer: &str, opus: OpusWish) -> Cow<'_, str> {
    let opus_type = answer.lines().find_map(|l| {
        let (pt, rest) = l.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        rest.to_ascii_lowercase().starts_with("opus/").then_some(pt)
    });
    let Some(pt) = opus_type else {
        return answer.into();
    };
    let mut out = String::with_capacity(answer.len() + 128);
    for line in answer.lines() {
        if line.starts_with(&format!("a=fmtp:{pt} ")) {
            continue;
        }
        out.push_str(line);
        out.push_str("\r\n");
        if line.starts_with(&format!("a=rtpmap:{pt} ")) {
            out.push_str(&format!(
                "a=fmtp:{pt} minptime=10;useinbandfec=1;stereo=0;sprop-stereo=0;usedtx=0;maxplaybackrate={}\r\n",
                opus.max_playback_rate
            ));
        }
    }
    out.into()
}

/// Says after each section's candidates that there are no more (RFC 8840 section 8.2).
pub(crate) fn end_candidates(description: &str) -> String {
    let mut out = String::with_capacity(description.len() + 64);
    let mut has_candidates = false;
    let close = |out: &mut String, had: &mut bool| {
        if std::mem::take(had) {
            out.push_str("a=end-of-candidates\r\n");
        }
    };
    for line in description.lines() {
        if line.starts_with("m=") {
            close(&mut out, &mut has_candidates);
        }
        if line.starts_with("a=end-of-candidates") {
            continue;
        }
        has_candidates |= line.starts_with("a=candidate:");
        out.push_str(line);
        out.push_str("\r\n");
    }
    close(&mut out, &mut has_candidates);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_asks_for_mono_and_ends_its_candidates() {
        let answer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=candidate:1 1 udp 1 1.2.3.4 5 typ host\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10\r\nm=application 9 x\r\na=mid:1\r\n";
        let done = wish(
            answer,
            OpusWish {
                max_playback_rate: 8000,
            },
        );
        let done = end_candidates(&done);
        assert!(done.contains("a=fmtp:111 minptime=10;useinbandfec=1;stereo=0;"));
        assert!(done.contains("maxplaybackrate=8000\r\n"));
        assert_eq!(done.matches("a=fmtp").count(), 1);
        assert!(done.contains("a=end-of-candidates\r\nm=application"));
    }

    const VIDEO: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendrecv\r\na=mid:a\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97 102 108 100\r\na=mid:v\r\na=sendrecv\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=rtpmap:102 H264/90000\r\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\na=rtpmap:108 H264/90000\r\na=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f\r\na=rtpmap:100 VP9/90000\r\na=fmtp:100 profile-id=2\r\na=simulcast:send h;l\r\n";

    #[test]
    fn only_codecs_and_profiles_that_everybody_can_decode_are_seen() {
        let set = video_codecs(VIDEO).unwrap();
        assert!(set.has(VideoCodec::Vp8));
        assert!(!set.has(VideoCodec::H264) && !set.has(VideoCodec::Vp9));
        let baseline = VIDEO
            .replace("64001f", "42e034")
            .replace("profile-id=2", "profile-id=0");
        let set = video_codecs(&baseline).unwrap();
        assert!(set.has(VideoCodec::H264) && set.has(VideoCodec::Vp9));
        assert_eq!(video_mid(VIDEO), Some("v"));
    }

    #[test]
    fn a_video_section_that_does_not_send_is_none() {
        assert!(video_codecs(&VIDEO.replace("a=mid:v\r\na=sendrecv", "a=mid:v\r\na=recvonly")).is_none());
        assert!(video_codecs(&VIDEO.replace("m=video 9", "m=video 0")).is_none());
        assert!(video_codecs("m=video").is_none());
    }

    #[test]
    fn an_offer_is_read_as_one_that_sends_a_single_encoding() {
        let text = sending_only(VIDEO);
        assert!(text.contains("a=sendrecv\r\na=mid:a"), "audio stays");
        assert!(text.ends_with("a=sendonly\r\n"));
        assert!(!text.contains("simulcast"));
    }
}
