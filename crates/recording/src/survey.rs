//! What a capture shows at a glance, without decoding anything.

use crate::capture::{CaptureReader, MediaKind, RecordKind};
use crate::manifest::{Interval, MemberTimeline, Timeline};
use crate::{Result, Span};
use omnigate_audio::codec::Band;
use omnigate_rtp::playout::PayloadKind;
use std::collections::BTreeMap;
use std::io::{Read, Seek};

/// A pause between two packets of more than this is noted, microseconds.
const GAP_US: u64 = 1_000_000;
/// Sequence numbers further apart than this belong to another source or are strays.
const MOST_LOST: u16 = 3_000;

/// An interval that has begun.
#[derive(Default)]
struct Open {
    since_us: Option<u64>,
    all: Vec<Interval>,
}

impl Open {
    fn set(&mut self, on: bool, at_us: u64) {
        match (on, self.since_us) {
            (true, None) => self.since_us = Some(at_us),
            (false, Some(since_us)) => {
                self.all.push((since_us, at_us));
                self.since_us = None;
            }
            _ => {}
        }
    }

    /// Within the span and counted from its start; one that still runs ends with the span.
    fn within(mut self, span: Span) -> Vec<Interval> {
        self.set(false, span.end_us.max(self.since_us.unwrap_or(0)));
        let inside = |(from, to): (u64, u64)| {
            let (from, to) = (from.max(span.start_us), to.min(span.end_us));
            (from < to).then(|| (from - span.start_us, to - span.start_us))
        };
        self.all.into_iter().filter_map(inside).collect()
    }
}

#[derive(Default)]
struct Seen {
    line: MemberTimeline,
    present: Open,
    muted: Open,
    held: Open,
    gaps: Open,
    last_us: Option<u64>,
    sequence: Option<u16>,
}

/// Reads a capture to its end, or to the end of `span`, and tells what happened within it.
pub fn survey<R: Read + Seek>(mut reader: CaptureReader<R>, span: Span) -> Result<Timeline> {
    let mut seen: BTreeMap<u64, Seen> = BTreeMap::new();
    let mut paused = Open::default();
    let mut timeline = Timeline::default();
    while let Some(record) = reader.read()? {
        let at_us = record.at_us;
        if at_us >= span.end_us {
            // Times of different members are in order up to some milliseconds.
            if at_us > span.end_us.saturating_add(GAP_US) {
                break;
            }
            continue;
        }
        let inside = at_us >= span.start_us;
        let from_start = at_us.saturating_sub(span.start_us);
        timeline.last_us = timeline.last_us.max(from_start);
        let one = seen.entry(record.member).or_default();
        match record.kind {
            RecordKind::Media(media) if inside => {
                one.line.packets += 1;
                one.line.opus |= media.kind == MediaKind::Opus;
                one.line.wide |= is_wide(media.kind);
                if one
                    .line
                    .sources
                    .last()
                    .is_none_or(|(ssrc, _)| *ssrc != media.ssrc)
                {
                    one.line.sources.push((media.ssrc, from_start));
                    one.sequence = None;
                }
                one.came(media.sequence, at_us);
            }
            RecordKind::Event(sequence) if inside => one.came(sequence, at_us),
            RecordKind::Media(_) | RecordKind::Event(_) => {}
            RecordKind::Joined => one.present.set(true, at_us),
            RecordKind::Left => one.present.set(false, at_us),
            RecordKind::Muted(on) => one.muted.set(on, at_us),
            RecordKind::Held(on) => one.held.set(on, at_us),
            RecordKind::Paused(on) => paused.set(on, at_us),
            RecordKind::Missing(count) => timeline.missing += u64::from(count),
        }
    }
    timeline.damaged = reader.damaged();
    timeline.paused = paused.within(span);
    timeline.members = seen
        .into_iter()
        .map(|(member, seen)| (member, seen.finish(span)))
        .filter(|(_, line)| !line.present.is_empty() || line.packets > 0)
        .collect();
    Ok(timeline)
}

/// Whether it carries more than the telephone band.
fn is_wide(kind: MediaKind) -> bool {
    match PayloadKind::from(kind) {
        PayloadKind::Speech(codec) => codec.band() > Band::Narrow,
        PayloadKind::ComfortNoise => false,
    }
}

impl Seen {
    fn came(&mut self, sequence: u16, at_us: u64) {
        if let Some(last) = self.sequence {
            let step = sequence.wrapping_sub(last);
            match step {
                1..=MOST_LOST => self.line.lost += u64::from(step) - 1,
                // One that was overtaken, and counted as lost.
                _ if last.wrapping_sub(sequence) <= MOST_LOST && step != 0 => {
                    self.line.lost = self.line.lost.saturating_sub(1);
                    return;
                }
                _ => {}
            }
        }
        self.sequence = Some(sequence);
        if let Some(last_us) = self.last_us.filter(|last_us| at_us > last_us + GAP_US) {
            self.gaps.set(true, last_us);
            self.gaps.set(false, at_us);
        }
        self.last_us = Some(at_us);
    }

    fn finish(self, span: Span) -> MemberTimeline {
        MemberTimeline {
            present: self.present.within(span),
            muted: self.muted.within(span),
            held: self.held.within(span),
            gaps: self.gaps.within(span),
            ..self.line
        }
    }
}
