//! The owner of all rooms: the task that drives the hub, and the ways to it.

mod host;
mod port;

pub use host::HubHandle;
pub(crate) use host::ToSocket;
pub use port::{Calling, RoomPort};
