//! Ids and words that the signaling hub, the media plane and recording share, so that none of them has to know another; and
//! what a secret is, for all.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod call;
mod ids;
mod secret;
mod told;
mod wire;

pub use call::{CallOver, CallStage, CallTold};
pub use ids::{CallId, ParticipantId, PeerId, RecordingId, RoomId, StreamId, ViewerId};
pub use secret::Secret;
pub use told::{CallParties, Ending, Person, RecordingAbout, Scene};
