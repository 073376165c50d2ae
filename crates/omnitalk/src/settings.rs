//! What the operator may choose: the service, times and limits.

use crate::quota::{Quota, Share};
use crate::record_policy::RecordPolicy;
use crate::service_key::ServiceKey;
use omnigate_room::Secret;
use std::time::Duration;

/// One service: the scope of all look-ups of users, rooms and lists (section 1).
#[derive(Clone, Debug)]
pub struct Service {
    /// The Service ID that apps give in `WS_SESSION_REQ`.
    pub id: String,
    /// Its Service Keys. With keys, one that is none of them always fails; without, any key is accepted (12.27).
    pub keys: Vec<ServiceKey>,
    /// Whether a request without a key fails (services for mobile apps). Without a configured key nobody gets in.
    pub key_required: bool,
    /// What is recorded without being asked.
    pub record: RecordPolicy,
    /// Whether anything is recorded at all.
    pub records: bool,
    /// What it may have at one time.
    pub quota: Quota,
    /// What only whoever made a room may do there.
    pub hosts_only: HostsOnly,
}

/// What only the host of a room may do: the user who made it. The protocol has no roles (12.17), so nothing unless a service says
/// so; rooms of calls have no host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HostsOnly {
    /// Remove others.
    pub kick: bool,
    /// Start recordings.
    pub record: bool,
    /// Destroy the room.
    pub destroy: bool,
}

impl Service {
    /// A service without a key: whoever knows the id may use it.
    #[must_use]
    pub fn open(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            keys: Vec::new(),
            key_required: false,
            record: RecordPolicy::default(),
            records: true,
            quota: Quota::default(),
            hosts_only: HostsOnly::default(),
        }
    }
}

/// Credentials for a TURN server that shares a secret with us: the scheme that coturn calls `use-auth-secret`.
#[derive(Clone, Debug)]
pub struct TurnSettings {
    /// The secret of the TURN server.
    pub secret: Secret,
    /// How long the credentials of a session are valid, in whole seconds; longer than a session is likely to last,
    /// because clients never ask for new ones.
    pub lifetime: Duration,
}

/// Times and limits of the hub. The defaults are those of section 12.
#[derive(Clone, Debug)]
pub struct HubSettings {
    /// The service whose hub this is. None: nobody gets a session here.
    pub service: Option<Service>,
    /// Where the ids of participants, streams and viewers begin: hubs that share a media plane must not share an id.
    pub first_id: u64,
    /// How often the server asks for a sign of life (12.2). 20 s.
    pub heartbeat: Duration,
    /// Unanswered heartbeats that make a connection lost (12.2). 3.
    pub heartbeats_missed: u32,
    /// How long a socket may stay without a session. 30 s.
    pub session_time: Duration,
    /// How long a call rings (12.12). 60 s.
    pub ring_time: Duration,
    /// How long after its offer or answer an app may take to join the call's room (12.29). 10 s.
    pub join_time: Duration,
    /// How long after its join an app may take to bring its audio up before the telephone is let go. 20 s.
    pub audio_time: Duration,
    /// How long an app may stay in a 1:1 call whose other side is gone (12.7). 5 s.
    pub aftermath: Duration,
    /// How long the media plane may take for an answer before the publish fails; below the client's 5 s (11.17). 4 s.
    pub answer_time: Duration,
    /// How long after its audio a side of a video call may take to publish video before it is shown the other side's
    /// all the same (9.7). 2 s.
    pub video_wait: Duration,
    /// How long a client may take to answer a subscription's offer before it is dropped (11.24). 30 s.
    pub subscribe_time: Duration,
    /// Wrong room secrets of one client before rooms with a secret are barred to it for a while. 10.
    pub wrong_secrets: u32,
    /// Wrong secrets for one room, whoever gives them, after which the first wrong one bars. 100.
    pub wrong_secrets_per_room: u32,
    /// How long the bar is, and after which time without another one wrong secrets are forgotten. 60 s.
    pub secret_bar: Duration,
    /// The TURN server whose credentials sessions get. None: they get strings without meaning, because the SDKs
    /// need some (8.2).
    pub turn: Option<TurnSettings>,
    /// By which join tokens are signed; none: nobody joins by one.
    pub join_key: Option<Secret>,
    /// Whether an inbound telephone call also sends `WS_RINGBACK_NOTI` to the callee (12.8). Yes.
    pub ringback_notification: bool,
    /// How long a room may stay empty (12.4). 10 min.
    pub empty_room: Duration,
    /// How long an end date may keep an empty room at most. 366 days.
    pub longest_keep: Duration,
    /// What a client and a session may have of a service's rooms, those of calls not counted.
    pub room_share: Share,
    /// The same of its call numbers.
    pub number_share: Share,
    /// Bytes of chat a second that one client may have delivered, all receivers together, in the long run; at once 8 times as
    /// many. 512 KiB.
    pub chat_bytes: u64,
    /// Participants of one room at one time. 200.
    pub most_participants: usize,
}

impl Default for HubSettings {
    fn default() -> Self {
        Self {
            service: None,
            first_id: 1,
            heartbeat: Duration::from_secs(20),
            heartbeats_missed: 3,
            session_time: Duration::from_secs(30),
            ring_time: Duration::from_secs(60),
            join_time: Duration::from_secs(10),
            audio_time: Duration::from_secs(20),
            aftermath: Duration::from_secs(5),
            answer_time: Duration::from_secs(4),
            video_wait: Duration::from_secs(2),
            subscribe_time: Duration::from_secs(30),
            wrong_secrets: 10,
            wrong_secrets_per_room: 100,
            secret_bar: Duration::from_secs(60),
            turn: None,
            join_key: None,
            ringback_notification: true,
            empty_room: Duration::from_secs(600),
            longest_keep: Duration::from_secs(366 * 86_400),
            room_share: Share::default(),
            number_share: Share::default(),
            chat_bytes: 512 * 1024,
            most_participants: 200,
        }
    }
}
