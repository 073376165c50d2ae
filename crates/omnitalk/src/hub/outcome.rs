//! How a handler ends: with a response, or with one that waits for somebody else's answer.

use crate::fault::Fault;
use crate::incoming::Request;
use crate::outgoing::Reply;
use omnigate_room::{CallId, ParticipantId, RecordingId, RoomId, StreamId, ViewerId};

/// What is to be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Awaited {
    /// The SDP answer of the participant's audio peer.
    Peer(ParticipantId),
    /// The SDP answer of a camera or screen.
    Stream(StreamId),
    /// The SDP offer of a subscription.
    Viewer(ViewerId),
    /// A call number, of the directory; which of all wishes it is.
    Number(u64),
    /// That the new room is written down.
    Kept(RoomId),
    /// That the room is struck out.
    Struck(RoomId),
    /// That the recording is on the disk.
    Recording(RecordingId),
    /// Whether the telephone is called.
    Dialled(CallId),
}

impl Awaited {
    /// Whether only whoever is inside a room waits for it.
    pub(super) fn is_of_media(self) -> bool {
        match self {
            Awaited::Peer(_) | Awaited::Stream(_) | Awaited::Viewer(_) | Awaited::Recording(_) => true,
            Awaited::Number(_) | Awaited::Kept(_) | Awaited::Struck(_) | Awaited::Dialled(_) => false,
        }
    }
}

/// A request whose response waits.
pub(crate) struct Owed {
    pub(super) request: Request,
    pub(super) awaited: Awaited,
}

/// How a handler ended well.
pub(super) enum Outcome {
    /// The response can be sent.
    Now(Reply),
    /// The response follows when this is answered.
    Later(Awaited),
}

pub(super) type Handled = Result<Outcome, Fault>;

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        Self::Now(reply)
    }
}

impl From<Awaited> for Outcome {
    fn from(awaited: Awaited) -> Self {
        Self::Later(awaited)
    }
}
