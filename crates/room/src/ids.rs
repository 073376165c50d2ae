//! Identifiers: of telephone calls (given by the gateway); of rooms, participants, streams, viewers and recordings (given
//! by the owner of the room).

use std::fmt;

/// One telephone call. The upper 48 bits are the unix milliseconds of its start, so ids sort by it; the rest is drawn, so
/// they are unique over restarts and machines. The wire form is 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u128);

impl CallId {
    /// Hex digits of the wire form.
    pub const DIGITS: usize = 32;
    /// The bits that are drawn.
    const DRAWN: u32 = 80;

    /// The id of a call that starts at `unix_millis`; of `random` the lower 80 bits are used.
    #[must_use]
    pub fn new(unix_millis: u64, random: u128) -> Self {
        Self(u128::from(unix_millis) << Self::DRAWN | random & ((1 << Self::DRAWN) - 1))
    }

    /// Reads the wire form; `None` for anything that we would not have made ourselves.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hex(text, Self::DIGITS).map(Self)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallId({self})")
    }
}

/// One participant of one room: an app (with at most one audio peer) or a telephone. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ParticipantId(pub u64);

/// One audio peer of an app: whose it is, and which of those that this participant has had. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct PeerId {
    /// Whose.
    pub participant: ParticipantId,
    /// Counts the peers that have been opened.
    pub opening: u64,
}

/// One published video: a camera or a screen. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct StreamId(pub u64);

/// One subscription of one session to one stream. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ViewerId(pub u64);

/// A recording. From above: 32 bits of unix seconds and 20 of microseconds of its start, 16 that count those of the same
/// microsecond, 60 drawn; so ids sort by time. The wire form is 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordingId(pub u128);

impl RecordingId {
    /// Hex digits of the wire form.
    pub const DIGITS: usize = 32;
    /// The bits that are drawn, those with the count, and those with the microseconds.
    const DRAWN: u32 = 60;
    const COUNT: u32 = 16;
    const MICROS: u32 = 20;

    /// The id of a recording that starts at this second (until the year 2106) and microsecond (below 1 000 000), the
    /// `count`th of that moment; of `random` the lower 60 bits are used.
    #[must_use]
    pub fn new(unix: u64, micros: u32, count: u16, random: u128) -> Self {
        let seconds = u128::from(unix) << (Self::DRAWN + Self::COUNT + Self::MICROS);
        let micros = u128::from(micros.min(999_999)) << (Self::DRAWN + Self::COUNT);
        let drawn = random & ((1 << Self::DRAWN) - 1);
        Self(seconds | micros | u128::from(count) << Self::DRAWN | drawn)
    }

    /// Reads the wire form; `None` for anything that we would not have made ourselves.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hex(text, Self::DIGITS).map(Self)
    }
}

impl fmt::Display for RecordingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for RecordingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordingId({self})")
    }
}

/// Exactly so many lower-case hex digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let ours = text.len() == digits
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    ours.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// A room. Only the lower 112 bits are used: the wire form is 28 lower-case hex digits (section 1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomId(pub u128);

impl RoomId {
    /// Hex digits of the wire form.
    pub const DIGITS: usize = 28;
    /// The bits that the wire form can carry.
    pub const MASK: u128 = (1 << (Self::DIGITS * 4)) - 1;

    /// Reads the wire form; `None` for anything that we would not have made ourselves.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hex(text, Self::DIGITS).map(Self)
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:028x}", self.0 & Self::MASK)
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoomId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_id_is_28_lower_case_hex_digits_and_reads_back() {
        let id = RoomId(0xf1e_2d3c_4b5a);
        assert_eq!(id.to_string(), "0000000000000000".to_owned() + "0f1e2d3c4b5a");
        assert_eq!(RoomId::parse(&id.to_string()), Some(id));
        assert_eq!(RoomId(u128::MAX).to_string().len(), 28);
    }

    #[test]
    fn call_ids_sort_by_the_millisecond_and_read_back() {
        let early = CallId::new(1_700_000_000_000, u128::MAX);
        let late = CallId::new(1_700_000_000_001, 0);
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(CallId::parse(&late.to_string()), Some(late));
        assert_eq!(CallId::parse("1"), None);
    }

    #[test]
    fn a_recording_id_is_32_hex_digits_and_no_path() {
        let id = RecordingId(1_700_000_000 << 96 | 7);
        assert_eq!(id.to_string(), "6553f100000000000000000000000007");
        assert_eq!(RecordingId::parse(&id.to_string()), Some(id));
        for text in [
            "",
            "..",
            "../6553f1000000000000000000000007",
            "6553F100000000000000000000000007",
        ] {
            assert_eq!(RecordingId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_room_id_of_another_shape_is_not_ours() {
        for text in [
            "",
            "12",
            "0F1E2D3C4B5A69788796A5B4C3D2",
            "+f1e2d3c4b5a69788796a5b4c3d2",
        ] {
            assert_eq!(RoomId::parse(text), None, "{text}");
        }
    }
}
