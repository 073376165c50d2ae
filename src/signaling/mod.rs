//! The signaling server: WebSockets and HTTP routes around the hub.

mod api;
mod caller;
mod hub;
mod limits;
mod listener;
mod page;
mod recordings;
mod server;
mod socket;
mod tls;

pub use caller::Proxies;
pub use hub::{Calling, HubHandle, RoomPort};
pub use limits::Limits;
pub use server::{AppState, HttpError, Listening, serve};
pub use tls::{Certificates, TlsError};
