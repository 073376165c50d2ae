//! Plays a capture: what everybody said, frame by frame on one clock.

use crate::capture::{CaptureReader, Media, Record, RecordKind};
use crate::straighten::{Packet, Straightener, WINDOW_US};
use crate::voice::Voice;
use crate::{FRAME_US, Result, Span};
use omnigate_audio::frame_samples;
use omnigate_audio::level::TalkDetector;
use omnigate_audio::mix::{self, Limiter};
use omnigate_rtp::playout::PayloadKind;
use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Seek};

/// Packets this far ahead are decoded before a frame is taken: whoever is silent for longer has paused.
const AHEAD_US: u64 = 200_000;
/// Packets this long before the span are played too, so that decoders have settled at its start.
const LEAD_US: u64 = 500_000;

/// A record of which only what is needed later is kept.
enum Held {
    Media(Packet),
    Event(u16),
}

/// What changes for a member, or for all.
#[derive(Clone, Copy)]
enum Change {
    Present(bool),
    Muted(bool),
    Held(bool),
}

struct Member {
    straight: Straightener,
    events: VecDeque<(u64, u16)>,
    changes: VecDeque<(u64, Change)>,
    /// Made with the first packet, which tells the codec.
    voice: Option<Voice>,
    /// That of the codec before, until it has been heard to its end.
    before: Option<Voice>,
    present: bool,
    muted: bool,
    held: bool,
    /// This frame at the recording's rate.
    frame: Vec<i16>,
    talk: TalkDetector,
    talking: bool,
}

/// Reads a capture and yields its frames.
pub struct Replay<R: Read + Seek> {
    reader: CaptureReader<R>,
    span: Span,
    rate_hz: u32,
    members: BTreeMap<u64, Member>,
    pauses: VecDeque<(u64, bool)>,
    paused: bool,
    read_us: u64,
    ended: bool,
    /// The next frame begins here.
    at_us: u64,
    sum: Vec<i32>,
}

impl<R: Read + Seek> Replay<R> {
    /// Plays `span` at `rate_hz` (8 000 or 48 000).
    pub fn new(reader: CaptureReader<R>, span: Span, rate_hz: u32) -> Replay<R> {
        Replay {
            reader,
            span,
            rate_hz,
            members: BTreeMap::new(),
            pauses: VecDeque::new(),
            paused: false,
            read_us: 0,
            ended: false,
            at_us: span.start_us.saturating_sub(LEAD_US),
            sum: vec![0; frame_samples(rate_hz)],
        }
    }

    /// Makes the next frame; false after the last one.
    pub fn advance(&mut self) -> Result<bool> {
        while self.at_us + FRAME_US <= self.span.start_us {
            self.step()?;
        }
        // What was played before the span has ended at most a frame early: the span begins exactly where it begins.
        self.at_us = self.at_us.max(self.span.start_us);
        if self.at_us >= self.span.end_us {
            return Ok(false);
        }
        self.step()?;
        Ok(true)
    }

    fn step(&mut self) -> Result<()> {
        let at_us = self.at_us;
        self.read_until(at_us + AHEAD_US + WINDOW_US)?;
        while let Some((_, paused)) = self.pauses.pop_front_if(|(when, _)| *when <= at_us) {
            self.paused = paused;
        }
        for member in self.members.values_mut() {
            member.play(at_us, self.rate_hz, self.paused)?;
        }
        self.at_us += FRAME_US;
        Ok(())
    }

    fn read_until(&mut self, until_us: u64) -> Result<()> {
        while !self.ended && self.read_us <= until_us {
            let Some(record) = self.reader.read()? else {
                self.ended = true;
                return Ok(());
            };
            self.read_us = record.at_us;
            take(
                record,
                self.span.start_us.saturating_sub(LEAD_US),
                self.rate_hz,
                &mut self.members,
                &mut self.pauses,
            );
        }
        Ok(())
    }

    /// The frame as the room heard it: all who talk together.
    pub fn mix(&mut self, limiter: &mut Limiter, out: &mut [i16]) {
        self.add_up(|_, member| member.talking, limiter, out);
    }

    /// The frame of those that `wanted` chooses, whether they talk or just breathe.
    pub fn only(&mut self, wanted: impl Fn(u64) -> bool, limiter: &mut Limiter, out: &mut [i16]) {
        self.add_up(|id, _| wanted(id), limiter, out);
    }

    fn add_up(&mut self, wanted: impl Fn(u64, &Member) -> bool, limiter: &mut Limiter, out: &mut [i16]) {
        self.sum.fill(0);
        for (id, member) in &self.members {
            if wanted(*id, member) {
                mix::add(&mut self.sum, &member.frame);
            }
        }
        mix::minus_self(&self.sum, None, out, limiter);
    }
}

fn take(
    record: Record<'_>,
    from_us: u64,
    rate_hz: u32,
    members: &mut BTreeMap<u64, Member>,
    pauses: &mut VecDeque<(u64, bool)>,
) {
    let mut change = |change| {
        let member = members
            .entry(record.member)
            .or_insert_with(|| Member::new(rate_hz));
        member.changes.push_back((record.at_us, change));
    };
    let held = match record.kind {
        RecordKind::Paused(on) => return pauses.push_back((record.at_us, on)),
        RecordKind::Missing(_) => return,
        RecordKind::Joined => return change(Change::Present(true)),
        RecordKind::Left => return change(Change::Present(false)),
        RecordKind::Muted(on) => return change(Change::Muted(on)),
        RecordKind::Held(on) => return change(Change::Held(on)),
        RecordKind::Media(_) | RecordKind::Event(_) if record.at_us < from_us => return,
        RecordKind::Media(media) => Held::Media(own(media)),
        RecordKind::Event(sequence) => Held::Event(sequence),
    };
    let member = members
        .entry(record.member)
        .or_insert_with(|| Member::new(rate_hz));
    match held {
        Held::Media(packet) => member.straight.push(record.at_us, packet),
        Held::Event(sequence) => member.events.push_back((record.at_us, sequence)),
    }
}

fn own(media: Media<'_>) -> Packet {
    Packet {
        kind: media.kind,
        sequence: media.sequence,
        timestamp: media.timestamp,
        ssrc: media.ssrc,
        payload: media.payload.to_vec(),
    }
}

impl Member {
    fn new(rate_hz: u32) -> Member {
        Member {
            straight: Straightener::default(),
            events: VecDeque::new(),
            changes: VecDeque::new(),
            voice: None,
            before: None,
            present: false,
            muted: false,
            held: false,
            frame: vec![0; frame_samples(rate_hz)],
            talk: TalkDetector::new(rate_hz),
            talking: false,
        }
    }

    /// Makes the member's frame that begins at `at_us`.
    fn play(&mut self, at_us: u64, rate_hz: u32, paused: bool) -> Result<()> {
        while let Some((_, change)) = self.changes.pop_front_if(|(when, _)| *when <= at_us) {
            match change {
                Change::Present(on) => self.present = on,
                Change::Muted(on) => self.muted = on,
                Change::Held(on) => self.held = on,
            }
        }
        while let Some((place_us, packet)) = self.straight.pop(at_us + AHEAD_US) {
            let voice = match (&mut self.voice, PayloadKind::from(packet.kind)) {
                (Some(voice), kind) if voice.speaks(kind) => voice,
                (voice, PayloadKind::Speech(codec)) => {
                    let new = Voice::new(codec, rate_hz, at_us)?;
                    self.before = voice.take();
                    voice.insert(new)
                }
                // Noise before any speech.
                (_, PayloadKind::ComfortNoise) => continue,
            };
            while let Some((_, sequence)) = self.events.pop_front_if(|(when, _)| *when <= place_us) {
                voice.skip(sequence);
            }
            voice.push(place_us, &packet);
        }
        match &mut self.voice {
            Some(voice) => voice.pull(&mut self.frame)?,
            None => self.frame.fill(0),
        }
        if let Some(before) = &mut self.before {
            let mut rest = vec![0; self.frame.len()];
            before.pull(&mut rest)?;
            for (sample, rest) in self.frame.iter_mut().zip(rest) {
                *sample = sample.saturating_add(rest);
            }
            self.before.take_if(|before| before.is_silent());
        }
        if paused || self.muted || self.held || !self.present {
            self.frame.fill(0);
        }
        self.talking = self.talk.push(&self.frame);
        Ok(())
    }
}
