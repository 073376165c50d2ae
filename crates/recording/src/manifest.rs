//! The paper beside a recording: whose it is, where it lies in its capture, and what happened in it. JSON.

use crate::Span;
use omnigate_room::{CallId, ParticipantId, RecordingId, RoomId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Of one recording. It is written when the recording starts, again when it ends and once more when its files are made;
/// after a crash it and the capture are all that there is. `Debug` shows no name: it may be a telephone number.
#[derive(Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this format: 1.
    pub version: u32,
    /// Its id.
    pub recording_id: RecordingId,
    /// The service.
    pub service_id: String,
    /// The room.
    pub room_id: RoomId,
    /// Its type.
    pub room_type: String,
    /// How the person below takes part.
    pub call_type: String,
    /// Who started it, or was there first.
    pub session: String,
    /// The user id.
    pub user_id: String,
    /// The display name.
    pub user_name: String,
    /// Whether a policy started it.
    pub by_policy: bool,
    /// The 1:1 call that it is of, or the telephone whose stay in a room it is of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub call_id: Option<CallId>,
    /// Of a 1:1 call: the caller's user id or number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub caller: Option<String>,
    /// Of a 1:1 call: the callee's user id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub callee: Option<String>,
    /// Of a 1:1 call: the member that is the caller.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub caller_member: Option<ParticipantId>,
    /// Unix seconds.
    pub started_at: u64,
    /// Name of the capture file.
    pub capture: String,
    /// Which capture that is: recordings of one have the same. Missing in manifests of before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub capture_of: Option<String>,
    /// Whether the capture is sealed, with a key that is in the store.
    #[serde(skip_serializing_if = "is_false", default)]
    pub sealed: bool,
    /// Where it begins in the capture, microseconds.
    pub start_us: u64,
    /// Its end; absent while it runs, and after a crash.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end: Option<RecordingEnd>,
    /// Names of the members that entered so far.
    #[serde(default)]
    pub members: BTreeMap<u64, MemberName>,
    /// What the capture shows; present with the files.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timeline: Option<Timeline>,
    /// The files made.
    #[serde(default)]
    pub files: Vec<FileEntry>,
    /// Of files that several recordings share: the one of them whose name they have in the object storage.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file_set: Option<RecordingId>,
    /// Why there are no files, and will be none unless somebody asks for another try.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<Failure>,
    /// The waveform: loudest samples, 0 to 255, evenly over the duration.
    #[serde(default)]
    pub peaks: Vec<u8>,
}

impl Manifest {
    /// Where it lies in its capture; one without an end has not got one yet.
    pub fn span(&self) -> Span {
        Span {
            start_us: self.start_us,
            end_us: self.end.as_ref().map_or(self.start_us, |end| end.at_us),
        }
    }

    /// What is needed to find its files, and nothing of whose they are and what happened: of a recording that is being deleted.
    pub fn without_words(self) -> Manifest {
        Manifest {
            session: String::new(),
            user_id: String::new(),
            user_name: String::new(),
            call_id: None,
            caller: None,
            callee: None,
            caller_member: None,
            end: None,
            members: BTreeMap::new(),
            timeline: None,
            failure: None,
            peaks: Vec::new(),
            ..self
        }
    }

    /// Whose name its files have in the object storage.
    pub fn set(&self) -> RecordingId {
        self.file_set.unwrap_or(self.recording_id)
    }
}

/// A recording whose files could not be made.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Failure {
    /// Why, in words.
    pub reason: String,
    /// How often it was tried.
    pub tries: u32,
    /// Unix seconds of the last try.
    pub at: u64,
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manifest")
            .field("recording_id", &self.recording_id)
            .field("room_id", &self.room_id)
            .field("end", &self.end)
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// How a recording ended.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct RecordingEnd {
    /// Where in the capture, microseconds.
    pub at_us: u64,
    /// Unix seconds.
    pub ended_at: u64,
    /// `stop`, `leave`, `disconnect`, `kickout`, `room_closed`, `crash` or `disk_full`.
    pub reason: String,
}

/// Who a member is. `Debug` shows no name.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct MemberName {
    /// The session id.
    pub session: String,
    /// The user id, or telephone number.
    pub user_id: String,
    /// The display name.
    pub user_name: String,
    /// `audiocall`, `videocall` or `sipcall`: of an app the kind of its room.
    pub call_type: String,
    /// Whether it is a telephone.
    #[serde(default)]
    pub telephone: bool,
}

impl fmt::Debug for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemberName")
            .field("session", &self.session)
            .field("call_type", &self.call_type)
            .finish_non_exhaustive()
    }
}

/// From when to when, in microseconds since the recording began.
pub type Interval = (u64, u64);

/// What happened in a recording.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct Timeline {
    /// By member.
    pub members: BTreeMap<u64, MemberTimeline>,
    /// When nothing was captured, on request: silence in the files.
    pub paused: Vec<Interval>,
    /// Records that found the queue full.
    pub missing: u64,
    /// Pages or records of the capture that were damaged.
    pub damaged: u32,
    /// The last moment of which there is any record.
    pub last_us: u64,
    /// Members, sources and intervals that are not here because there were too many.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub left_out: u64,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_none(seconds: &f64) -> bool {
    *seconds == 0.0
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What happened to one member.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct MemberTimeline {
    /// When it was there.
    pub present: Vec<Interval>,
    /// Packets with audio.
    pub packets: u64,
    /// Sequence numbers that never came.
    pub lost: u64,
    /// Whether it speaks Opus.
    pub opus: bool,
    /// Whether it speaks a codec of more than the telephone band.
    #[serde(default)]
    pub wide: bool,
    /// RTP sources in their order, each with the moment of its first packet.
    pub sources: Vec<(u32, u64)>,
    /// Pauses between two packets of over a second: hold, discontinuous transmission, or a broken way.
    pub gaps: Vec<Interval>,
    /// When it was muted: silence in the files.
    pub muted: Vec<Interval>,
    /// When its call was on hold: silence in the files.
    pub held: Vec<Interval>,
}

/// One file.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
pub struct FileEntry {
    /// Name in the recording's folder.
    pub name: String,
    /// `mix`, `sides` (caller left, callee right) or `participant`.
    pub content: String,
    /// Of a participant's file: whose.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub member: Option<u64>,
    /// `opus`, `wav` or `flac`.
    pub format: String,
    /// Hz.
    pub sample_rate: u32,
    /// 1 or 2.
    pub channels: u16,
    /// Seconds of the recording in it.
    pub duration: f64,
    /// Seconds from the file's beginning to that of the recording: other ones have a part in the file too.
    #[serde(skip_serializing_if = "is_none", default)]
    pub offset: f64,
    /// Bytes of the audio file; of an encrypted one, before encryption.
    pub size: u64,
    /// SHA-256 of the same, in hex.
    pub sha256: String,
    /// Whether it is kept encrypted (age), under its name and `.age`.
    #[serde(default)]
    pub encrypted: bool,
}
