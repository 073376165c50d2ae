//! The media plane: the only place where packets meet sockets.
//!
//! ```text
//!   control plane (tokio)                       shard (one OS thread, about one a core)
//!   ─────────────────────                       ─────────────────────────────────────────
//!   MediaPlane ── Command ──▶ bounded channel ─▶ every 4 ms: browsers' packets ▶ demultiplex ▶ jitter buffers
//!   LegHandle                 + waker            every 20 ms a room: phones' packets ▶ jitter buffers,
//!      ▲                                           pull ▶ decode ▶ mix ▶ encode ▶ send
//!      │                                                 │
//!      └────────── LegEvent, PeerEvent ◀─────────────────┘
//! ```
//!
//! A [`room::Room`] owns its members and lives on one shard; a caller in the IVR is a room of one. No locks, no
//! async, no logging a packet here: lints say so. Video is not mixed but forwarded: [`video::Videos`] holds the
//! streams of a shard and their viewers, which need no tick.

#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

mod announcer;
mod app;
mod batch;
mod command;
mod latch;
mod leg;
pub(crate) mod ntp;
mod opus_out;
mod outbound;
mod plane;
mod player;
mod ports;
mod room;
mod routes;
mod shard;
mod stats;
mod tap;
mod tcp;
mod video;
mod video_plane;
mod webrtc_port;

pub(crate) use outbound::law;

pub use command::{Announcement, LegEvent, LegFigures, LegId, PeerEvent, Playback, PlaybackId};
pub use plane::{LegHandle, MediaError, MediaPlane, MediaSettings};
pub use stats::{LATENESS_BOUNDS_MS, MediaFigures};
pub use tap::{CaptureId, TapReader};
