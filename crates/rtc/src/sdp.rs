//! Small corrections of the answer's text.

/// What the answer should ask of the browser's encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpusWish {
    /// Highest rate that is of use, Hz (RFC 7587 `maxplaybackrate`).
    pub max_playback_rate: u32,
}

/// The identification (RFC 5888) of the first audio section that is not refused.
pub(crate) fn audio_mid(offer: &str) -> Option<&str> {
    let sections = offer.split("\nm=").skip(1);
    let audio = sections
        .filter(|s| s.starts_with("audio "))
        .find(|s| s.split(' ').nth(1) != Some("0"))?;
    audio.lines().find_map(|l| l.trim().strip_prefix("a=mid:"))
}

/// Adds our Opus parameters (RFC 7587 section 7.1) and end-of-candidates (RFC 8840) to an answer.
pub(crate) fn finish(answer: &str, opus: OpusWish) -> String {
    let opus_type = answer.lines().find_map(|l| {
        let (pt, rest) = l.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        rest.to_ascii_lowercase()
            .starts_with("opus/")
            .then(|| pt.to_owned())
    });
    let wish = format!(
        "minptime=10;useinbandfec=1;stereo=0;sprop-stereo=0;usedtx=0;maxplaybackrate={}",
        opus.max_playback_rate
    );
    let mut out = String::with_capacity(answer.len() + 256);
    let mut section_has_candidates = false;
    let close = |out: &mut String, had: &mut bool| {
        if *had && !out.ends_with("a=end-of-candidates\r\n") {
            out.push_str("a=end-of-candidates\r\n");
        }
        *had = false;
    };
    for line in answer.lines() {
        if line.starts_with("m=") {
            close(&mut out, &mut section_has_candidates);
        }
        if line.starts_with("a=end-of-candidates") {
            continue;
        }
        section_has_candidates |= line.starts_with("a=candidate:");
        let fmtp = opus_type
            .as_deref()
            .is_some_and(|pt| line.starts_with(&format!("a=fmtp:{pt} ")));
        if fmtp {
            continue;
        }
        out.push_str(line);
        out.push_str("\r\n");
        if let Some(pt) = opus_type.as_deref()
            && line.starts_with(&format!("a=rtpmap:{pt} "))
        {
            out.push_str(&format!("a=fmtp:{pt} {wish}\r\n"));
        }
    }
    close(&mut out, &mut section_has_candidates);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_asks_for_mono_and_ends_its_candidates() {
        let answer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=candidate:1 1 udp 1 1.2.3.4 5 typ host\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10\r\nm=application 9 x\r\na=mid:1\r\n";
        let done = finish(
            answer,
            OpusWish {
                max_playback_rate: 8000,
            },
        );
        assert!(done.contains("a=fmtp:111 minptime=10;useinbandfec=1;stereo=0;"));
        assert!(done.contains("maxplaybackrate=8000\r\n"));
        assert_eq!(done.matches("a=fmtp").count(), 1);
        assert!(done.contains("a=end-of-candidates\r\nm=application"));
    }
}
