//! Plays a capture: what everybody said, frame by frame on one clock.

use crate::capture::{CaptureReader, Media, Record, RecordKind};
use crate::straighten::{Packet, Straightener, WINDOW_US};
use crate::voices::Voices;
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

/// Events, and changes of one member or of all, that may wait; what is one too many takes effect early.
const MOST_WAITING: usize = 2_048;
/// Members who are there, or were and are still heard. Rooms are smaller.
const MOST_MEMBERS: usize = 1_024;
/// What of a member is decoded, of the time that passes: a quarter more than a sender can say, and what may come early.
const MOST_DECODED: (u64, u64) = (5, 4);
const EARLY_US: u64 = 1_000_000;

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
    voices: Voices,
    /// Where the sound that was decoded so far would end if it were as long as it may be, microseconds.
    decoded_us: u64,
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
        self.members.retain(|_, member| !member.is_gone());
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
    let about_all = matches!(record.kind, RecordKind::Paused(_) | RecordKind::Missing(_));
    if !about_all && members.len() >= MOST_MEMBERS && !members.contains_key(&record.member) {
        return;
    }
    let mut change = |change| {
        let member = members
            .entry(record.member)
            .or_insert_with(|| Member::new(rate_hz));
        if member.changes.len() >= MOST_WAITING
            && let Some((_, early)) = member.changes.pop_front()
        {
            member.change(early);
        }
        member.changes.push_back((record.at_us, change));
    };
    let held = match record.kind {
        RecordKind::Paused(on) => {
            // The last one of many counts, as it would with all of them.
            if pauses.len() >= MOST_WAITING {
                pauses.pop_back();
            }
            return pauses.push_back((record.at_us, on));
        }
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
        Held::Event(sequence) if member.events.len() < MOST_WAITING => {
            member.events.push_back((record.at_us, sequence));
        }
        Held::Event(_) => {}
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
            voices: Voices::default(),
            decoded_us: 0,
            present: false,
            muted: false,
            held: false,
            frame: vec![0; frame_samples(rate_hz)],
            talk: TalkDetector::new(rate_hz),
            talking: false,
        }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Present(on) => self.present = on,
            Change::Muted(on) => self.muted = on,
            Change::Held(on) => self.held = on,
        }
    }

    /// Nothing of it is to come: it left, and has been heard to its end. Should it come again, it begins anew.
    fn is_gone(&self) -> bool {
        !self.present
            && !self.talking
            && self.changes.is_empty()
            && self.straight.is_empty()
            && self.voices.are_silent()
    }

    /// Makes the member's frame that begins at `at_us`.
    fn play(&mut self, at_us: u64, rate_hz: u32, paused: bool) -> Result<()> {
        while let Some((_, change)) = self.changes.pop_front_if(|(when, _)| *when <= at_us) {
            self.change(change);
        }
        while let Some((place_us, packet)) = self.straight.pop(at_us + AHEAD_US) {
            if !self.may_decode(at_us, &packet) {
                continue;
            }
            let Some(voice) = self.voices.of(PayloadKind::from(packet.kind), rate_hz, at_us)? else {
                continue;
            };
            while let Some((_, sequence)) = self.events.pop_front_if(|(when, _)| *when <= place_us) {
                voice.skip(sequence);
            }
            voice.push(place_us, &packet);
        }
        // Those before anybody spoke are of no use to anybody.
        while self
            .events
            .pop_front_if(|(when, _)| *when + AHEAD_US < at_us)
            .is_some()
        {}
        self.voices.pull(&mut self.frame)?;
        if paused || self.muted || self.held || !self.present {
            self.frame.fill(0);
        }
        self.talking = self.talk.push(&self.frame);
        Ok(())
    }

    /// Whether a packet fits into the time that passes: several streams at once, or longer packets than their times
    /// allow, would cost far more than a sender's voice.
    fn may_decode(&mut self, at_us: u64, packet: &Packet) -> bool {
        let PayloadKind::Speech(codec) = PayloadKind::from(packet.kind) else {
            return true;
        };
        let Some(units) = codec.units(&packet.payload) else {
            return false;
        };
        let length_us = u64::from(units) * 1_000_000 / u64::from(codec.clock_hz());
        let (more, than) = MOST_DECODED;
        let decoded_us = self.decoded_us.max(at_us) + length_us * than / more;
        if decoded_us > at_us + EARLY_US {
            return false;
        }
        self.decoded_us = decoded_us;
        true
    }
}
