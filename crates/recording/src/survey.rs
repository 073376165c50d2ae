//! What a capture shows at a glance, without decoding anything.

use crate::capture::{CaptureReader, Media, MediaKind, Record, RecordKind};
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

/// Members, sources of one member and intervals of one kind at most: whoever sends nonsense is not to fill memory, nor a
/// manifest. What does not fit is counted.
const MOST_MEMBERS: usize = 4_096;
const MOST_SOURCES: usize = 64;
const MOST_INTERVALS: usize = 1_000;

/// An interval that has begun.
#[derive(Default)]
struct Open {
    since_us: Option<u64>,
    all: Vec<Interval>,
    left_out: u64,
}

impl Open {
    fn set(&mut self, on: bool, at_us: u64) {
        match (on, self.since_us) {
            (true, None) => self.since_us = Some(at_us),
            (false, Some(since_us)) => {
                self.since_us = None;
                if self.all.len() < MOST_INTERVALS {
                    self.all.push((since_us, at_us));
                } else {
                    self.left_out += 1;
                }
            }
            _ => {}
        }
    }

    /// Within the span and counted from its start; one that still runs ends with the span.
    fn within(mut self, span: Span, left_out: &mut u64) -> Vec<Interval> {
        self.set(false, span.end_us.max(self.since_us.unwrap_or(0)));
        *left_out += self.left_out;
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
    source: Option<u32>,
    /// Sources that did not fit.
    left_out: u64,
}

/// Reads a capture to its end, or to the end of `span`, and tells what happened within it.
pub fn survey<R: Read + Seek>(reader: CaptureReader<R>, span: Span) -> Result<Timeline> {
    Ok(survey_each(reader, &[span])?.pop().unwrap_or_default())
}

/// The same for several spans of one capture, which is read once.
pub fn survey_each<R: Read + Seek>(mut reader: CaptureReader<R>, spans: &[Span]) -> Result<Vec<Timeline>> {
    let mut surveys: Vec<Survey> = spans.iter().map(|span| Survey::new(*span)).collect();
    let end_us = spans.iter().map(|span| span.end_us).max().unwrap_or(0);
    while let Some(record) = reader.read()? {
        // Times of different members are in order up to some milliseconds.
        if record.at_us > end_us.saturating_add(GAP_US) {
            break;
        }
        surveys.iter_mut().for_each(|survey| survey.take(&record));
    }
    let damaged = reader.damaged();
    Ok(surveys.into_iter().map(|survey| survey.finish(damaged)).collect())
}

/// What is seen of one span.
struct Survey {
    span: Span,
    seen: BTreeMap<u64, Seen>,
    paused: Open,
    timeline: Timeline,
}

impl Survey {
    fn new(span: Span) -> Survey {
        Survey {
            span,
            seen: BTreeMap::new(),
            paused: Open::default(),
            timeline: Timeline::default(),
        }
    }

    fn take(&mut self, record: &Record<'_>) {
        let (span, at_us) = (self.span, record.at_us);
        if at_us >= span.end_us {
            return;
        }
        let inside = at_us >= span.start_us;
        let from_start = at_us.saturating_sub(span.start_us);
        self.timeline.last_us = self.timeline.last_us.max(from_start);
        match record.kind {
            RecordKind::Paused(on) => return self.paused.set(on, at_us),
            RecordKind::Missing(count) => return self.timeline.missing += u64::from(count),
            _ => {}
        }
        if self.seen.len() >= MOST_MEMBERS && !self.seen.contains_key(&record.member) {
            self.timeline.left_out += 1;
            return;
        }
        let one = self.seen.entry(record.member).or_default();
        match record.kind {
            RecordKind::Media(media) if inside => one.media(&media, from_start, at_us),
            RecordKind::Event(sequence) if inside => one.came(sequence, at_us),
            RecordKind::Joined => one.present.set(true, at_us),
            RecordKind::Left => one.present.set(false, at_us),
            RecordKind::Muted(on) => one.muted.set(on, at_us),
            RecordKind::Held(on) => one.held.set(on, at_us),
            _ => {}
        }
    }

    fn finish(self, damaged: u32) -> Timeline {
        let (span, mut timeline) = (self.span, self.timeline);
        timeline.damaged = damaged;
        let mut left_out = timeline.left_out;
        timeline.paused = self.paused.within(span, &mut left_out);
        let mut finish = |(member, seen): (u64, Seen)| (member, seen.finish(span, &mut left_out));
        let members = self.seen.into_iter().map(&mut finish);
        timeline.members = members
            .filter(|(_, line)| !line.present.is_empty() || line.packets > 0)
            .collect();
        timeline.left_out = left_out;
        timeline
    }
}

/// Whether it carries more than the telephone band.
fn is_wide(kind: MediaKind) -> bool {
    match PayloadKind::from(kind) {
        PayloadKind::Speech(codec) => codec.band() > Band::Narrow,
        PayloadKind::ComfortNoise => false,
    }
}

impl Seen {
    fn media(&mut self, media: &Media<'_>, from_start: u64, at_us: u64) {
        self.line.packets += 1;
        self.line.opus |= media.kind == MediaKind::Opus;
        self.line.wide |= is_wide(media.kind);
        if self.source != Some(media.ssrc) {
            self.source = Some(media.ssrc);
            self.sequence = None;
            if self.line.sources.len() < MOST_SOURCES {
                self.line.sources.push((media.ssrc, from_start));
            } else {
                self.left_out += 1;
            }
        }
        self.came(media.sequence, at_us);
    }

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

    fn finish(self, span: Span, left_out: &mut u64) -> MemberTimeline {
        *left_out += self.left_out;
        MemberTimeline {
            present: self.present.within(span, left_out),
            muted: self.muted.within(span, left_out),
            held: self.held.within(span, left_out),
            gaps: self.gaps.within(span, left_out),
            ..self.line
        }
    }
}
