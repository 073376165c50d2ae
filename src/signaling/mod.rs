//! The signaling server: WebSockets and HTTP routes around the hub.

mod api;
mod hub;
mod page;
mod server;
mod socket;

pub use hub::{HubHandle, RoomPort};
pub use server::{AppState, HttpError, serve};
