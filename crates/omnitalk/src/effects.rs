//! What goes in and out of the hub beside messages: effects, telephone notices, look-ups, figures.

use crate::dial::Dialling;
use crate::ids::SocketId;
use crate::kept::KeptRoom;
use crate::masked::Unshown;
use crate::numbers::{NumberOrder, TargetKind};
use crate::record_policy::RecordPolicy;
use omnigate_room::{CallId, ParticipantId, RecordingId, RoomId, StreamId, ViewerId};
use omnigate_room::{CallOver, CallTold, Ending, Person, RecordingAbout, Scene};

/// What the driver is to do, in this order. `Debug` shows neither message texts nor SDP nor who somebody is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Send a text frame.
    Send {
        /// To whom.
        socket: SocketId,
        /// The JSON text.
        text: Unshown,
    },
    /// Close the socket after what was sent before. The hub has forgotten it already; a later
    /// [`Hub::disconnected`](crate::Hub::disconnected) for it does nothing.
    Close {
        /// Which.
        socket: SocketId,
        /// The close code (12.34).
        code: u16,
        /// The close reason.
        reason: &'static str,
    },
    /// Make an audio peer from the offer, then call [`Hub::peer_answered`](crate::Hub::peer_answered) at once.
    OpenPeer {
        /// The app participant whose peer it is.
        participant: ParticipantId,
        /// The room whose mix it hears.
        room: RoomId,
        /// The SDP offer.
        offer: Unshown,
    },
    /// Drop the audio peer (also one that has not answered yet).
    ClosePeer {
        /// Whose.
        participant: ParticipantId,
    },
    /// Drop the participant's audio from every mix, or take it in again (10.5). Only for participants with a peer.
    SetMuted {
        /// Whose audio.
        participant: ParticipantId,
        /// Out of the mix or in it.
        muted: bool,
    },
    /// The same for the telephone of a call.
    MuteTelephone {
        /// Whose audio.
        call: CallId,
        /// Out of the mix or in it.
        muted: bool,
    },
    /// Make a stream from a camera's or screen's offer, then call
    /// [`Hub::stream_answered`](crate::Hub::stream_answered) at once.
    OpenStream {
        /// Which.
        stream: StreamId,
        /// The room that it is published in.
        room: RoomId,
        /// The SDP offer.
        offer: Unshown,
        /// The announced picture size: width times height.
        pixels: u32,
    },
    /// Drop the stream (also one that has not answered yet). Its viewers have been closed before.
    CloseStream {
        /// Which.
        stream: StreamId,
    },
    /// Stop forwarding the stream, or go on with a key frame (10.5).
    SetStreamMuted {
        /// Which.
        stream: StreamId,
        /// Stopped or forwarded.
        muted: bool,
    },
    /// Offer the stream to one more session, then call [`Hub::viewer_offered`](crate::Hub::viewer_offered) at once.
    OpenViewer {
        /// Which subscription.
        viewer: ViewerId,
        /// What it sees.
        stream: StreamId,
        /// The room of both.
        room: RoomId,
    },
    /// The subscriber's SDP answer: start forwarding with a key frame.
    AnswerViewer {
        /// Which subscription.
        viewer: ViewerId,
        /// The SDP answer.
        answer: Unshown,
    },
    /// Drop the subscription (also one that is not offered yet).
    CloseViewer {
        /// Which.
        viewer: ViewerId,
    },
    /// Call a telephone for an app (9.8), then call [`Hub::dialled`](crate::Hub::dialled) as soon as it is known whether that
    /// is done.
    Dial {
        /// The call that it will be.
        call: CallId,
        /// Whose call, and to whom.
        dialling: Box<Dialling>,
    },
    /// Press keys towards the telephone of a call.
    Press {
        /// Which.
        call: CallId,
        /// 0 to 9, *, #, A to D.
        keys: Unshown,
    },
    /// Tell a telephone call.
    Telephone {
        /// Which.
        call: CallId,
        /// What.
        notice: TelephoneNotice,
    },
    /// Somebody takes part from now on, with audio: for events and the names in recordings.
    Entered {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// Where.
        scene: Box<Scene>,
        /// Who, by name.
        person: Box<Person>,
    },
    /// One who had [`Entered`](Self::Entered) is gone.
    Gone {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// Where.
        scene: Box<Scene>,
        /// Who, by name.
        person: Box<Person>,
        /// Why.
        ending: Ending,
    },
    /// A 1:1 call has come to its next stage: for events.
    Call(Box<CallTold>),
    /// Give a target a call number, then call [`Hub::number_assigned`](crate::Hub::number_assigned). For one target these
    /// and [`ReleaseNumber`](Self::ReleaseNumber) are carried out in their order.
    AssignNumber {
        /// The socket that asks.
        socket: SocketId,
        /// Which of all wishes it is.
        wish: u64,
        /// What it asks for.
        order: Box<NumberOrder>,
        /// How many its service may have.
        most: usize,
    },
    /// The target is gone: its numbers end.
    ReleaseNumber {
        /// Of which service.
        service_id: String,
        /// Whose.
        kind: TargetKind,
    },
    /// Write a room down, then call [`Hub::room_kept`](crate::Hub::room_kept). Until then nobody finds it.
    KeepRoom {
        /// Of which service.
        service_id: String,
        /// The room.
        room: Box<KeptRoom>,
    },
    /// Strike a room out, then call [`Hub::room_struck`](crate::Hub::room_struck).
    StrikeRoom {
        /// Of which service.
        service_id: String,
        /// Which.
        room: RoomId,
        /// Whether somebody waits for it. If not, it is tried until it is done.
        asked: bool,
    },
    /// A session has done something that the audit log keeps, or was not allowed to.
    Noted {
        /// Whose socket it is.
        socket: SocketId,
        /// Of which service; empty: of none.
        service_id: String,
        /// The session; empty before there is one.
        session: String,
        /// What, as `room_join`.
        what: &'static str,
        /// To what: the id of a room or session, or empty.
        subject: String,
        /// `ok`, or the code of the fault.
        result: &'static str,
    },
    /// Record the room's mix from now on, then call [`Hub::recording_begun`](crate::Hub::recording_begun) or
    /// [`Hub::recording_failed`](crate::Hub::recording_failed).
    StartRecording {
        /// Which recording.
        recording: RecordingId,
        /// What it records.
        room: RoomId,
        /// What is known about it.
        about: Box<RecordingAbout>,
    },
    /// The recording is over.
    StopRecording {
        /// Which.
        recording: RecordingId,
        /// Why.
        ending: Ending,
    },
}

/// A telephone that calls in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TelephoneCaller<'a> {
    /// The calling number, or empty if withheld.
    pub number: &'a str,
    /// What is recorded because of the trunk that it comes by, beside what the service records.
    pub record: RecordPolicy,
}

impl<'a> From<&'a str> for TelephoneCaller<'a> {
    /// A caller whose trunk records nothing.
    fn from(number: &'a str) -> Self {
        Self {
            number,
            record: RecordPolicy::default(),
        }
    }
}

/// What became of a telephone call. After `Refused`, `Declined`, `NoAnswer` and `Ended` the hub has forgotten it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TelephoneNotice {
    /// At least one session rings; the caller is to hear ring-back tone.
    Ringing {
        /// The call's room.
        room: RoomId,
        /// The telephone's participant in it.
        participant: ParticipantId,
    },
    /// There is nobody to ring or no room to enter.
    Refused(RefusedReason),
    /// The app that calls this telephone has its room (9.8): move the telephone's leg there, so that what it says before
    /// it answers is heard, and call it.
    Dialled {
        /// The call's room.
        room: RoomId,
        /// The telephone's participant in it.
        participant: ParticipantId,
    },
    /// An app has answered and its audio is up: move the telephone's leg into the room.
    Bridged {
        /// The call's room.
        room: RoomId,
        /// The telephone's participant in it.
        participant: ParticipantId,
    },
    /// The telephone is in the room (9.10): move its leg there.
    Admitted {
        /// The room.
        room: RoomId,
        /// The telephone's participant in it.
        participant: ParticipantId,
    },
    /// Every session that rang has declined, or has declined or gone.
    Declined,
    /// The ring time is over (12.12).
    NoAnswer,
    /// The call is over: hang up.
    Ended(TelephoneEnd),
}

impl TelephoneNotice {
    /// Whether the hub has forgotten the call with this.
    #[must_use]
    pub fn is_last(self) -> bool {
        match self {
            Self::Ringing { .. } | Self::Dialled { .. } | Self::Bridged { .. } | Self::Admitted { .. } => {
                false
            }
            Self::Refused(_) | Self::Declined | Self::NoAnswer | Self::Ended(_) => true,
        }
    }

    /// What it means for a call to a person; `None` while that goes on, and for a room that does not take the call.
    pub(crate) fn means(self) -> Option<CallOver> {
        match self {
            Self::Ringing { .. } | Self::Dialled { .. } | Self::Bridged { .. } | Self::Admitted { .. } => {
                None
            }
            Self::Refused(reason) => match reason {
                RefusedReason::Busy => Some(CallOver::Busy),
                RefusedReason::NoSession | RefusedReason::RoomFull | RefusedReason::Quota => {
                    Some(CallOver::Unavailable)
                }
                RefusedReason::NoRoom => None,
            },
            Self::Declined => Some(CallOver::Declined),
            Self::NoAnswer => Some(CallOver::NoAnswer),
            Self::Ended(reason) => Some(match reason {
                TelephoneEnd::AppLeft => CallOver::CalleeHungUp,
                TelephoneEnd::KickedOut => CallOver::KickedOut,
                TelephoneEnd::NotJoined => CallOver::NotJoined,
                TelephoneEnd::NoAudio => CallOver::NoAudio,
                TelephoneEnd::NoSession => CallOver::Unavailable,
                TelephoneEnd::Shutdown => CallOver::Shutdown,
            }),
        }
    }
}

/// Why a telephone call was refused at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusedReason {
    /// All sessions of the user are in a room or ringing (12.20).
    Busy,
    /// The user has no session.
    NoSession,
    /// The room is gone, destroyed, or admits no telephones.
    NoRoom,
    /// The room holds as many participants as the settings allow.
    RoomFull,
    /// The service has as many calls, participants or rooms as its quota allows.
    Quota,
}

/// Why the hub ended a telephone call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TelephoneEnd {
    /// The app left, or its socket ended.
    AppLeft,
    /// A participant has kicked the telephone out (9.15).
    KickedOut,
    /// The app answered and did not join in time (12.29).
    NotJoined,
    /// The app joined and its audio did not come up in time.
    NoAudio,
    /// All sessions that rang are gone and none has declined.
    NoSession,
    /// The server stops.
    Shutdown,
}

/// Counts for metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// Open sockets, with or without a session.
    pub sockets: usize,
    /// Sessions.
    pub sessions: usize,
    /// Rooms, those of calls included.
    pub rooms: usize,
    /// Participants of all rooms: apps and telephones.
    pub participants: usize,
    /// Telephones: ringing, in a call, or in a room.
    pub telephones: usize,
    /// Calls that ring, also those whose callee has no session yet.
    pub ringing_calls: usize,
    /// 1:1 calls that ring or are talked in.
    pub calls: usize,
    /// Published videos: cameras and screens.
    pub streams: usize,
    /// Subscriptions to them.
    pub viewers: usize,
    /// Recordings that run.
    pub recordings: usize,
    /// Call numbers in use.
    pub numbers: usize,
    /// Frames since the start that were not JSON or had no known `cmd` (12.31).
    pub malformed: u64,
}

impl std::iter::Sum for Figures {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            sockets: sum.sockets + one.sockets,
            sessions: sum.sessions + one.sessions,
            rooms: sum.rooms + one.rooms,
            participants: sum.participants + one.participants,
            telephones: sum.telephones + one.telephones,
            calls: sum.calls + one.calls,
            ringing_calls: sum.ringing_calls + one.ringing_calls,
            streams: sum.streams + one.streams,
            viewers: sum.viewers + one.viewers,
            recordings: sum.recordings + one.recordings,
            numbers: sum.numbers + one.numbers,
            malformed: sum.malformed + one.malformed,
        })
    }
}
