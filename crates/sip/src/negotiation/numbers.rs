//! What the payload type numbers of an audio line stand for.

use crate::sdp::{MediaLine, Payload};

/// Number under which our own offers list telephone-event, when it is free.
const TELEPHONE_EVENT: u8 = 101;
/// Static number of comfort noise (RFC 3551 section 6).
const COMFORT_NOISE: u8 = 13;
/// Numbers that may stand for anything (RFC 3551 section 6).
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;

/// The formats that we know, each with its number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Numbers {
    /// The preferred codec first.
    pub(super) speech: Vec<(u8, Payload)>,
    pub(super) telephone_event: Option<u8>,
    pub(super) comfort_noise: Option<u8>,
    /// One bit for each number that has stood for something else in this session: what a number stands for must not
    /// change (RFC 3264 section 8.3.2).
    taken: u128,
}

impl Numbers {
    /// Those of a line.
    pub(super) fn of(line: &MediaLine) -> Numbers {
        let mut found = Numbers::default();
        for format in &line.formats {
            let number = format.payload_type;
            let name = (format.clock_rate == 8000).then(|| format.name.to_ascii_uppercase());
            match name.as_deref().unwrap_or_default() {
                "PCMU" => found.speech.push((number, Payload::Pcmu)),
                "PCMA" => found.speech.push((number, Payload::Pcma)),
                "TELEPHONE-EVENT" => found.telephone_event = found.telephone_event.or(Some(number)),
                "CN" => found.comfort_noise = found.comfort_noise.or(Some(number)),
                _ => found.taken |= 1 << (number & 127),
            }
        }
        found
    }

    /// Remembers what was agreed on under these numbers of ours, by a line of the other side. What is not among them any
    /// more keeps its number.
    pub(super) fn learn(&mut self, line: &MediaLine, agreed: &Numbers) {
        let of_line = Numbers::of(line);
        let preferred = of_line.speech.first().map(|(_, payload)| *payload);
        let mut speech = agreed.speech.clone();
        // The codec that is used stays the first.
        speech.sort_by_key(|(_, payload)| Some(*payload) != preferred);
        let dropped = |(_, payload): &&(u8, Payload)| !agreed.speech.iter().any(|(_, p)| p == payload);
        speech.extend(self.speech.iter().filter(dropped));
        *self = Numbers {
            speech,
            telephone_event: agreed.telephone_event.or(self.telephone_event),
            comfort_noise: agreed.comfort_noise.or(self.comfort_noise),
            taken: self.taken | of_line.taken,
        };
    }

    /// Everything that we can do: under the numbers that it has had, else under one that is free.
    pub(super) fn all(&self) -> Numbers {
        let mut all = self.clone();
        for payload in [Payload::Pcmu, Payload::Pcma] {
            let number = payload.static_type();
            if !all.speech.iter().any(|(_, known)| *known == payload) && all.is_free(number) {
                all.speech.push((number, payload));
            }
        }
        if all.comfort_noise.is_none() {
            all.comfort_noise = Some(COMFORT_NOISE).filter(|number| all.is_free(*number));
        }
        if all.telephone_event.is_none() {
            let mut numbers = std::iter::once(TELEPHONE_EVENT).chain(DYNAMIC);
            all.telephone_event = numbers.find(|number| all.is_free(*number));
        }
        all
    }

    fn is_free(&self, number: u8) -> bool {
        let ours = self.speech.iter().map(|(number, _)| *number);
        let mut ours = ours.chain(self.telephone_event).chain(self.comfort_noise);
        self.taken & (1 << (number & 127)) == 0 && ours.all(|known| known != number)
    }
}
