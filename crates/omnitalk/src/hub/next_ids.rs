//! Ids that are counted up. None is given out twice, so that what is told late of a thing that is gone meets no other.

use omnigate_room::{ParticipantId, StreamId, ViewerId};

pub(super) struct NextIds {
    participant: u64,
    stream: u64,
    viewer: u64,
    room_serial: u64,
    wish: u64,
}

impl NextIds {
    /// Those of participants, streams and viewers begin at `first`.
    pub(super) fn from(first: u64) -> Self {
        Self {
            participant: first,
            stream: first,
            viewer: first,
            room_serial: 1,
            wish: 1,
        }
    }

    pub(super) fn participant(&mut self) -> ParticipantId {
        ParticipantId(take(&mut self.participant))
    }

    pub(super) fn stream(&mut self) -> StreamId {
        StreamId(take(&mut self.stream))
    }

    pub(super) fn viewer(&mut self) -> ViewerId {
        ViewerId(take(&mut self.viewer))
    }

    /// A wish for a call number.
    pub(super) fn wish(&mut self) -> u64 {
        take(&mut self.wish)
    }

    /// A room's place in the order of creation; its id is drawn.
    pub(super) fn room_serial(&mut self) -> u64 {
        take(&mut self.room_serial)
    }
}

fn take(next: &mut u64) -> u64 {
    let id = *next;
    *next += 1;
    id
}
