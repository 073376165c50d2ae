//! WebRTC peers without I/O, on `str0m` behind our own small types.
//!
//! [`PeerFactory`] answers a browser's offer and makes a [`Peer`] (audio), or makes a [`Publisher`] and [`Viewer`]s
//! (video, forwarded); a peer takes datagrams and the time and says through a [`Sink`] what to send, what was
//! heard and when it is up or gone. The server side is ICE-lite: it announces complete candidates, needs none of
//! the client's and learns the client's address from its connectivity checks (RFC 8445 section 2.5).
//!
//! ```text
//!   browser ── offer ─▶ Publisher ── VideoPacket ─▶ Forwarder ─▶ Viewer ◀─ answer ── browser
//!                           ▲                       (one a viewer)  │
//!                           └── KeyFrameRequests, bitrate ◀─────────┘
//! ```

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod bitrate;
mod codec;
mod dtls;
mod error;
mod factory;
mod forward;
pub mod framing;
mod keyframe;
mod path;
mod peer;
mod sdp;
pub mod stun;
mod transport;
mod video;

pub use codec::{CodecSet, NotACodec, VideoCodec, codec_order};
pub use error::{MAX_SDP, PeerError};
pub use factory::PeerFactory;
pub use forward::{Forwarder, Place, VideoPacket};
pub use keyframe::{KEY_FRAME_INTERVAL, KeyFrameRequests, starts_key_frame};
pub use path::Path;
pub use peer::{AudioPacket, AudioSink, Peer};
pub use transport::{Sink, TransportState};
pub use video::{Publisher, VideoSink, Viewer, offered_codecs};
