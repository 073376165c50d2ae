//! Why a request fails. The text becomes `reason` on the wire (3.3): it names the field and what to do. It is for people
//! and may change; programs decide by the code.

use crate::dial::DialRefusal;
use thiserror::Error;

/// Every cause of a failed response.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(crate) enum Fault {
    #[error("{field} is missing: send {expected}")]
    Missing {
        field: &'static str,
        expected: &'static str,
    },
    #[error("{field} is not valid: send {expected}")]
    Invalid {
        field: &'static str,
        expected: &'static str,
    },
    #[error("{field} is too long: send at most {limit} characters")]
    TooLong { field: &'static str, limit: usize },
    #[error("end_date is before start_date: send an end_date after the start_date, or none")]
    EndBeforeStart,
    #[error("Invalid service id or key: check service_id and service_key")]
    InvalidService,
    #[error("The join token is not valid, or its time is over: ask for a new one")]
    InvalidToken,
    #[error("The join token is for its one room, and not for this")]
    NarrowToken,
    #[error("This connection has a session already: open a new connection for another one")]
    SecondSession,
    #[error("The service has as many sessions as service.quota.sessions allows ({0}): try again later")]
    TooManySessions(usize),
    #[error("No session yet: send WS_SESSION_REQ first")]
    NoSession,
    #[error("session is not the one of this connection: send the session of WS_SESSION_RSP")]
    WrongSession,
    #[error("Not possible in a room: leave the room and create a new session first")]
    InRoom,
    #[error("Not possible outside a room: join a room first")]
    NotInRoom,
    #[error("room_id names no room: take one from WS_CREATE_ROOM_RSP or WS_ROOM_LIST_RSP")]
    NoSuchRoom,
    #[error("room_id is not the room of this session: send the joined room, or none")]
    NotThisRoom,
    #[error("secret is missing: this room needs one")]
    SecretMissing,
    #[error("secret is wrong for this room")]
    SecretWrong,
    #[error("The room is full")]
    RoomFull,
    #[error(
        "The service has as many rooms as service.quota.rooms allows ({0}): destroy one that is not needed"
    )]
    TooManyRooms(usize),
    #[error(
        "The service has as many participants as service.quota.participants allows ({0}): try again later"
    )]
    TooManyParticipants(usize),
    #[error("The service has as many calls as service.quota.calls allows ({0}): call again later")]
    TooManyCalls(usize),
    #[error("The service has as many recordings as service.quota.recordings allows ({0}): stop one first")]
    TooManyRecordings(usize),
    #[error("The service has recorded as much as service.quota.storage_mib allows: delete recordings first")]
    StorageFull,
    #[error("This client has as many rooms as it may (rooms.per_client, rooms.per_session): destroy one")]
    RoomShare,
    #[error("This client has as many call numbers as it may (numbers.per_client, numbers.per_session)")]
    NumberShare,
    #[error("Too much is said: write again in {seconds} seconds")]
    TooMuchChat { seconds: u64 },
    #[error("Only the host of the room may {0}: the user who made it")]
    HostsOnly(&'static str),
    #[error("call_number is in use: choose another one, or send none for a random one")]
    NumberInUse,
    #[error("No call number is free: try again later")]
    NumbersExhausted,
    #[error(
        "The service has as many call numbers as service.quota.numbers allows: destroy a room that has one"
    )]
    TooManyNumbers,
    #[error("Too many call numbers were asked for that others have: send none for a random one")]
    TooManyWishes,
    #[error("This room was made by somebody else: only who made it may give it a call number")]
    NotYourRoom,
    #[error("The server's database is absent: rooms can be neither made nor destroyed now; try again later")]
    StoreAbsent,
    #[error("The directory of call numbers gave no answer: try again later")]
    NoNumberNow,
    #[error("No call rings for this session")]
    NothingRings,
    #[error("No such call: {field} differs from the one of WS_RINGING_NOTI")]
    NotThisCall { field: &'static str },
    #[error("caller is the user of this session: nobody can answer themselves")]
    CallerIsSelf,
    #[error("callee is the user of this session: nobody can call themselves")]
    CalleeIsSelf,
    #[error("The server is about to stop: call again in a moment")]
    Draining,
    #[error("Callee is busy: call again later")]
    CalleeBusy,
    #[error("Too many wrong secrets: join again in {seconds} seconds")]
    TooManySecrets { seconds: u64 },
    #[error("{0} is published already: a session publishes it once")]
    AlreadyPublished(&'static str),
    #[error("No {what} in a room of type {room_type}")]
    NotInThisRoom {
        what: &'static str,
        room_type: &'static str,
    },
    #[error("A screen is shared in this room already: wait for its end")]
    ScreenTaken,
    #[error("subscribe names no video in this room: take one from the lists of publishers and screens")]
    NoSuchVideo,
    #[error("subscribe is a video of this session: subscribe to those of others")]
    VideoIsOwn,
    #[error("This session has {limit} subscriptions already: end one first")]
    TooManySubscriptions { limit: usize },
    #[error("The video ended before it could be offered")]
    VideoEnded,
    #[error("The media server gave no answer: {0}")]
    NoAnswer(String),
    #[error("No such participant: {field} names no session in this room")]
    NoSuchParticipant { field: &'static str },
    #[error("{field} is this session: send the session of another participant")]
    TargetIsSelf { field: &'static str },
    #[error("A recording of this session runs already: stop it first")]
    RecordingRuns,
    #[error("This session has recorded in this room already: it records once")]
    RecordedOnce,
    #[error("No recording of this session runs: start one first")]
    NoRecording,
    #[error("track must be audio: only sound is recorded")]
    OnlySound,
    #[error("Nothing can be recorded now: {0}")]
    CannotRecord(&'static str),
    #[error("{0}")]
    Dial(DialRefusal),
    #[error("No telephone was called in time: call again later")]
    DialTooSlow,
    #[error("There is no telephone in this call to press keys for")]
    NoTelephone,
    #[error("Too many keys: send more when those that wait have been pressed")]
    TooManyKeys,
    #[error("Unknown request: this server speaks the 2.1 protocol")]
    UnknownRequest,
}

/// Gives each fault its code, and lists the codes.
macro_rules! codes {
    ($($fault:pat => $code:literal,)*) => {
        /// Every `code` of a failed response, as our own client gets it. Published SDKs know no such field.
        pub const FAULT_CODES: &[&str] = &[$($code),*];

        impl Fault {
            /// What programs tell the fault by: never changed, never used again for another one.
            pub(crate) fn code(&self) -> &'static str {
                match self {
                    $($fault => $code,)*
                }
            }
        }
    };
}

// What they mean to an app stands at `ServerCode` in web/client/omnitalk.d.ts.
codes! {
    Self::Missing { .. } => "field-missing",
    Self::Invalid { .. } => "field-invalid",
    Self::TooLong { .. } => "field-too-long",
    Self::EndBeforeStart => "end-before-start",
    Self::InvalidService => "service-invalid",
    Self::InvalidToken => "join-token-invalid",
    Self::NarrowToken => "join-token-narrow",
    Self::SecondSession => "session-exists",
    Self::TooManySessions(_) => "sessions-full",
    Self::NoSession => "session-missing",
    Self::WrongSession => "session-wrong",
    Self::InRoom => "in-room",
    Self::NotInRoom => "not-in-room",
    Self::NoSuchRoom => "room-unknown",
    Self::NotThisRoom => "room-wrong",
    Self::SecretMissing => "secret-missing",
    Self::SecretWrong => "secret-wrong",
    Self::RoomFull => "room-full",
    Self::TooManyRooms(_) => "rooms-full",
    Self::TooManyParticipants(_) => "participants-full",
    Self::TooManyCalls(_) => "app-calls-full",
    Self::TooManyRecordings(_) => "recordings-full",
    Self::StorageFull => "storage-full",
    Self::RoomShare => "rooms-share-used",
    Self::NumberShare => "numbers-share-used",
    Self::TooMuchChat { .. } => "chat-too-much",
    Self::HostsOnly(_) => "hosts-only",
    Self::NumberInUse => "number-in-use",
    Self::NumbersExhausted => "numbers-exhausted",
    Self::TooManyNumbers => "numbers-full",
    Self::TooManyWishes => "wishes-too-many",
    Self::NotYourRoom => "not-your-room",
    Self::StoreAbsent => "store-absent",
    Self::NoNumberNow => "numbers-unavailable",
    Self::Draining => "draining",
    Self::NothingRings => "nothing-rings",
    Self::NotThisCall { .. } => "call-wrong",
    Self::CallerIsSelf => "caller-is-self",
    Self::CalleeIsSelf => "callee-is-self",
    Self::CalleeBusy => "callee-busy",
    Self::TooManySecrets { .. } => "secrets-too-many",
    Self::AlreadyPublished(_) => "already-published",
    Self::NotInThisRoom { .. } => "room-type-wrong",
    Self::ScreenTaken => "screen-taken",
    Self::NoSuchVideo => "video-unknown",
    Self::VideoIsOwn => "video-is-own",
    Self::TooManySubscriptions { .. } => "subscriptions-full",
    Self::VideoEnded => "video-ended",
    Self::NoAnswer(_) => "media-no-answer",
    Self::NoSuchParticipant { .. } => "participant-unknown",
    Self::TargetIsSelf { .. } => "target-is-self",
    Self::RecordingRuns => "recording-runs",
    Self::RecordedOnce => "recorded-once",
    Self::NoRecording => "no-recording",
    Self::OnlySound => "only-sound",
    Self::CannotRecord(_) => "cannot-record",
    Self::Dial(DialRefusal::NotANumber) => "callee-no-number",
    Self::Dial(DialRefusal::Emergency) => "callee-emergency",
    Self::Dial(DialRefusal::Forbidden { .. }) => "callee-forbidden",
    Self::Dial(DialRefusal::NoTrunk) => "callee-no-trunk",
    Self::Dial(DialRefusal::NoCaller { .. }) => "caller-number-missing",
    Self::Dial(DialRefusal::TooMany { .. }) => "calls-full",
    Self::Dial(DialRefusal::MinutesUsed) => "minutes-used",
    Self::Dial(DialRefusal::Unavailable) => "telephones-unavailable",
    Self::DialTooSlow => "telephones-slow",
    Self::NoTelephone => "telephone-missing",
    Self::TooManyKeys => "keys-too-many",
    Self::UnknownRequest => "request-unknown",
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_fault_has_a_code_of_its_own_in_kebab_case() {
        let different: BTreeSet<_> = FAULT_CODES.iter().collect();
        assert_eq!(different.len(), FAULT_CODES.len());
        for code in FAULT_CODES {
            let kebab = code
                .split('-')
                .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()));
            assert!(kebab, "{code}");
        }
    }
}
