//! What is heard: rooms, their members, and what is played to them.

pub(super) mod announcer;
pub(super) mod app;
mod bus;
mod handshakes;
pub(super) mod leg;
pub(super) mod opus_out;
pub(crate) mod phone_out;
pub(super) mod player;
mod reports;
pub(super) mod room;
pub(super) mod rooms;
pub(crate) mod shield;
mod silence;
mod tones;
