//! The owner of all rooms. It alone opens, closes, joins, records and announces.
//!
//! ```text
//!   WebSockets ──frames──▶ ┌──────────────┐ ──effects──▶ RoomMedia ──orders──▶ media plane
//!   gateway ──RoomPort───▶ │ Host: a hub  │ ◀──────────── gone, up ◀───────────────┘
//!            ◀──notices─── │ for each     │ ──▶ Recorder, webhooks
//!   directory ◀─numbers──▶ │ service      │
//!                          └──────────────┘
//! ```
//!
//! | file | what it is |
//! | --- | --- |
//! | `task` | the thread, and [`Rooms`], the handle |
//! | `host` | drives the hubs and carries out what they decide |
//! | `port` | what the gateway asks |
//! | `media_port` | the way to the media plane: its rule, and the book of what is open there |
//! | `outbox` | what waits for a socket, and how much may |
//! | `keeping` | what outlives the process: to those who write it down, and back |
//! | `numbers`, `ledger` | the way to the directory; the rooms in the store |
//! | `orders`, `managed` | what services' own servers want of their rooms |
//! | `join_key` | by which join tokens are signed |
//! | `figures` | counts for metrics |

mod figures;
mod host;
mod join_key;
mod keeping;
mod ledger;
mod managed;
mod media_port;
mod numbers;
mod orders;
mod outbox;
mod port;
mod task;
#[cfg(test)]
mod tests;

pub use figures::{RoomFigures, tell as tell_figures};
pub use join_key::JoinKey;
pub use media_port::{Capture, MediaNews, OpenError, RoomMedia};
pub use orders::RoomOrder;
pub(crate) use outbox::{OutboxReader, ToSocket};
pub use port::{Destination, DialOrder, RoomPort, RoomsError, SocketOrigin, Telephone, ToTelephone};
pub use task::{Rooms, RoomsParts};
