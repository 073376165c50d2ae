//! What the payload type numbers of an audio line stand for.

use crate::sdp::MediaLine;
use omnigate_audio::codec::Codec;

/// Number under which our own offers list telephone-event, when it is free.
const TELEPHONE_EVENT: u8 = 101;
/// The usual number of Opus.
const OPUS: u8 = 111;
/// Static number of comfort noise (RFC 3551 section 6).
const COMFORT_NOISE: u8 = 13;
/// Clock of comfort noise, Hz, which belongs to codecs with the same one; and that of most telephone-events.
const USUAL_CLOCK: u32 = 8_000;
/// Numbers that may stand for anything (RFC 3551 section 6).
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;

/// The formats that we know, each with its number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Numbers {
    /// The preferred codec first.
    pub(super) speech: Vec<(u8, Codec)>,
    /// Telephone-event, each with its clock, Hz: that of a codec (RFC 4733 section 2.1).
    pub(super) events: Vec<(u8, u32)>,
    pub(super) comfort_noise: Option<u8>,
    /// One bit for each number that has stood for something else in this session: what a number stands for must not
    /// change (RFC 3264 section 8.3.2).
    taken: u128,
}

impl Numbers {
    /// Those of a line, as far as these codecs go, in the line's order.
    pub(super) fn of(line: &MediaLine, codecs: &[Codec]) -> Numbers {
        let mut found = Numbers::default();
        let is_clock = |clock| clock == USUAL_CLOCK || codecs.iter().any(|codec| codec.clock_hz() == clock);
        for format in &line.formats {
            let (number, clock) = (format.payload_type, format.clock_rate);
            let codec = Codec::of(&format.name, clock, format.channels);
            if let Some(codec) = codec.filter(|codec| codecs.contains(codec)) {
                found.speech.push((number, codec));
            } else if format.name.eq_ignore_ascii_case("telephone-event") && is_clock(clock) {
                if found.event(clock).is_none() {
                    found.events.push((number, clock));
                }
            } else if format.name.eq_ignore_ascii_case("CN") && clock == USUAL_CLOCK {
                found.comfort_noise = found.comfort_noise.or(Some(number));
            } else {
                found.taken |= 1 << (number & 127);
            }
        }
        found
    }

    /// The number of telephone-event with this clock.
    pub(super) fn event(&self, clock: u32) -> Option<u8> {
        let with = self.events.iter().find(|(_, known)| *known == clock);
        with.map(|(number, _)| *number)
    }

    /// What an answer says: the first of `codecs` that is here and what stands behind it, so that the other side's own order
    /// has it first too (RFC 3264 section 6.1), and the telephone-events of their clocks. Where none has the clock of the
    /// first one, there are telephones that send the usual one with it.
    /// `one`: it says no other codec.
    pub(super) fn answered(&self, codecs: &[Codec], one: bool) -> Numbers {
        let place = |codec| self.speech.iter().position(|(_, known)| *known == codec);
        let first = codecs.iter().find_map(|codec| place(*codec)).unwrap_or(0);
        let mut answered = self.clone();
        answered.speech.drain(..first);
        if one {
            answered.speech.truncate(1);
        }
        let mut clocks = answered.clocks();
        if clocks.first().is_some_and(|clock| self.event(*clock).is_none()) {
            clocks.push(USUAL_CLOCK);
        }
        answered.events.retain(|(_, clock)| clocks.contains(clock));
        answered
    }

    /// Clocks of the codecs, that of the preferred one first.
    fn clocks(&self) -> Vec<u32> {
        let mut clocks = Vec::new();
        for (_, codec) in &self.speech {
            if !clocks.contains(&codec.clock_hz()) {
                clocks.push(codec.clock_hz());
            }
        }
        clocks
    }

    /// Remembers what was agreed on under these numbers of ours, by a line of the other side in which `used` is the codec.
    /// What is not among them any more keeps its number.
    pub(super) fn learn(&mut self, line: &MediaLine, agreed: &Numbers, used: Codec) {
        let mut speech = agreed.speech.clone();
        // The codec that is used stays the first.
        speech.sort_by_key(|(_, codec)| *codec != used);
        let dropped = |(_, codec): &&(u8, Codec)| !agreed.speech.iter().any(|(_, known)| known == codec);
        speech.extend(self.speech.iter().filter(dropped));
        let mut events = agreed.events.clone();
        let dropped = |(_, clock): &&(u8, u32)| agreed.event(*clock).is_none();
        events.extend(self.events.iter().filter(dropped));
        let known = speech.iter().map(|(_, codec)| *codec).collect::<Vec<_>>();
        *self = Numbers {
            speech,
            events,
            comfort_noise: agreed.comfort_noise.or(self.comfort_noise),
            taken: self.taken | Numbers::of(line, &known).taken,
        };
    }

    /// Everything that we can do: under the numbers that it has had, else under one that is free.
    pub(super) fn all(&self, codecs: &[Codec]) -> Numbers {
        let mut all = self.clone();
        for codec in codecs {
            if all.speech.iter().all(|(_, known)| known != codec) {
                let number = match codec.static_type() {
                    Some(number) => Some(number).filter(|number| all.is_free(*number)),
                    None => all.free(OPUS),
                };
                all.speech.extend(number.map(|number| (number, *codec)));
            }
        }
        let clocks = all.clocks();
        if all.comfort_noise.is_none() && clocks.contains(&USUAL_CLOCK) {
            all.comfort_noise = Some(COMFORT_NOISE).filter(|number| all.is_free(*number));
        }
        for clock in clocks {
            if all.event(clock).is_none() {
                let number = all.free(TELEPHONE_EVENT);
                all.events.extend(number.map(|number| (number, clock)));
            }
        }
        all
    }

    /// This number when it is free, else another one.
    fn free(&self, usual: u8) -> Option<u8> {
        let mut numbers = std::iter::once(usual).chain(DYNAMIC);
        numbers.find(|number| self.is_free(*number))
    }

    fn is_free(&self, number: u8) -> bool {
        let speech = self.speech.iter().map(|(number, _)| *number);
        let events = self.events.iter().map(|(number, _)| *number);
        let mut ours = speech.chain(events).chain(self.comfort_noise);
        self.taken & (1 << (number & 127)) == 0 && ours.all(|known| known != number)
    }
}
