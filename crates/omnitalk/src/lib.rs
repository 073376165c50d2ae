//! The Omnitalk 2.1 signaling protocol as a pure core: messages, validation, and the [`Hub`].
//!
//! The hub knows sessions, rooms, participants, call numbers, calls and published videos. It takes what a socket, a media
//! peer or a telephone did, plus the time, and returns [`Effect`]s: what is to be sent, closed, opened or told. It owns
//! no socket, thread, clock or operating-system randomness, so every rule can be tested with a made clock, and a
//! recorded conversation can be replayed bit for bit.
//!
//! Section numbers in the comments (for example "12.7") are those of the protocol reference
//! `omnitalk-signaling.md`.
//!
//! ```
//! use omnigate_omnitalk::{Effect, Hub, HubSettings, Now, Service, SocketId};
//! use std::time::Instant;
//!
//! let settings = HubSettings { service: Some(Service::open("SVC1")), ..HubSettings::default() };
//! let mut hub = Hub::new(settings, [7; 32]);
//! let now = Now { instant: Instant::now(), unix: 1_700_000_000, micros: 0 };
//! hub.connected(SocketId(1), None, now);
//! let hello = r#"{"cmd":"WS_SESSION_REQ","service_id":"SVC1","sdk":"JS","ver":"2.1.3","heartbeat":true}"#;
//! let effects = hub.received(SocketId(1), hello, now);
//! assert!(matches!(&effects[..], [Effect::Send { text, .. }, ..] if text.contains("WS_SESSION_RSP")));
//! ```

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod cost;
mod dial;
mod effects;
mod fault;
mod fields;
mod grant;
mod hub;
mod ids;
mod incoming;
mod kept;
mod masked;
mod now;
mod numbers;
mod outgoing;
mod quota;
mod random;
mod record_policy;
mod room_secret;
mod service_key;
mod settings;
mod tenants;
mod timers;
mod words;

pub use cost::cost;
pub use dial::{DialRefusal, Dialling};
pub use effects::{Effect, Figures, RefusedReason, TelephoneCaller, TelephoneEnd, TelephoneNotice};
pub use fault::FAULT_CODES;
pub use grant::Grant;
pub use hub::{Hub, ParticipantShown, Refusal, RoomShown, RoomsBefore, RoomsPage};
pub use ids::{ClientId, SocketId};
pub use kept::{KeptRoom, StoreFault};
pub use masked::{CallNumber, NotACallNumber, Unshown};
pub use now::Now;
pub use numbers::{
    LookUp, NumberBook, NumberChange, NumberEntry, NumberFault, NumberMaker, NumberOrder, NumberRules,
    NumberState, NumberTerms, Target, TargetKind, TermsFault,
};
pub use quota::{Quota, ServiceUse, Share};
pub use random::NUMBERS;
pub use record_policy::RecordPolicy;
pub use room_secret::SecretHash;
// What the hub takes and gives names these.
pub use omnigate_room::{
    CallId, CallOver, CallParties, CallStage, CallTold, Ending, ParticipantId, Person, RecordingAbout,
    RecordingId, RoomId, Scene, Secret, StreamId, ViewerId,
};
pub use service_key::ServiceKey;
pub use settings::{HostsOnly, HubSettings, Service, TurnSettings};
pub use tenants::Tenants;
