//! Which rooms are recorded without being asked.

use crate::words::RoomType;

/// Which rooms are recorded without being asked: a set of room types.
///
/// ```
/// use omnigate_omnitalk::RecordPolicy;
/// assert_eq!(RecordPolicy::parse("off"), Some(RecordPolicy::default()));
/// assert!(RecordPolicy::parse("videoroom").is_some());
/// assert!(RecordPolicy::parse("everything").is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RecordPolicy(u8);

impl RecordPolicy {
    /// `off`, `calls` (audiocall, videocall, sipcall), `rooms` (audioroom, videoroom, webinar), `all`, or one room type.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let kinds = |wanted: fn(&RoomType) -> bool| {
            RoomType::ALL
                .into_iter()
                .filter(wanted)
                .map(bit)
                .fold(0, |all, one| all | one)
        };
        Some(Self(match word {
            "off" => 0,
            "calls" => kinds(|kind| kind.is_call()),
            "rooms" => kinds(|kind| !kind.is_call()),
            "all" => kinds(|_| true),
            word => bit(RoomType::parse(word)?),
        }))
    }

    /// What either of them records.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn of(kind: RoomType) -> Self {
        Self(bit(kind))
    }

    pub(crate) fn records(self, kind: RoomType) -> bool {
        self.0 & bit(kind) != 0
    }
}

fn bit(kind: RoomType) -> u8 {
    1 << (kind as u8)
}
