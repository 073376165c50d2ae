//! The owner of all rooms: the task that drives the hub, and the ways to it.

mod figures;
mod host;
mod port;

pub use figures::tell as tell_figures;
pub use host::HubHandle;
pub(crate) use host::ToSocket;
pub use port::{Calling, RoomPort};
