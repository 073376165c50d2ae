//! Ids and words that the signaling hub, the media plane and recording share, so that none of them has to know another.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod ids;
mod told;

pub use ids::{ParticipantId, RecordingId, RoomId, StreamId, TelephoneId, ViewerId};
pub use told::{CallParties, CallStage, CallTold, Ending, Person, RecordingAbout, Scene};
