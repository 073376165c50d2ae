//! omnigate brings phone callers into WebRTC rooms.
//!
//! The crates know (SIP calls, RTP, audio, WebRTC peers, the signaling hub: all without I/O); this package
//! runs: configuration, sockets, servers, threads. `docs/architecture.md` has the map.

pub mod access;
pub mod audit;
mod budget;
pub mod calls;
pub mod cli;
mod client;
mod clock;
pub mod config;
pub mod directory;
mod fair;
pub mod gateway;
mod hex;
pub mod http;
pub mod media;
pub mod observe;
pub mod provision;
pub mod recording;
pub mod rooms;
pub mod sip;
pub mod store;
pub mod supervise;
mod sync;
pub mod tls;
pub mod trunks;
pub mod webhook;
