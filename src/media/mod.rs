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
//! A `sound::room::Room` owns its members and lives on one shard; a caller in the IVR is a room of one. No locks, no
//! async, no logging a packet here: lints say so. Video is not mixed but forwarded: `video::Videos` holds the
//! streams of a shard and their viewers, which need no tick.
//!
//! In tests a plane can be made without threads and sockets (`plane::made`): its shards are turned by hand, on a made
//! network (`net::made`). `net::sockets` is where either kind comes from; outside tests there is one, so it costs nothing.

#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

mod command;
mod error;
mod event;
mod heard;
mod ids;
mod leg_handle;
mod net;
pub(crate) mod ntp;
mod orders;
mod outlet;
mod plane;
mod playback;
mod settings;
mod shard;
mod sound;
mod stats;
mod tap;
mod video;

pub use error::MediaError;
pub use event::{LegEvent, LegFigures, PeerEvent};
pub use heard::Heard;
pub use ids::{LegId, PlaybackId};
pub use leg_handle::{LegHandle, LegSeat};
#[cfg(test)]
pub(crate) use net::made::{Net, Port};
pub use net::sources::MediaSources;
#[cfg(test)]
pub(crate) use plane::made::MadeShards;
pub use plane::{MediaPlane, ShardIndex};
pub use playback::{Announcement, Playback};
pub use settings::MediaSettings;
pub use stats::{LATENESS_BOUNDS_MS, MediaFigures};
pub use tap::{CaptureId, TapReader};
pub use video::plane::Published;
