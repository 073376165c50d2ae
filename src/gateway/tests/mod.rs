//! The gateway with SIP and media on a made network and a made clock: no socket, no thread, no waiting.

mod air;
mod calls;
mod certified;
mod dialled;
mod phone;
mod rooms;
mod world;
