//! The HTTP side: listener, TLS, limits, WebSockets, API, page, figures.

mod api;
mod caller;
mod limits;
mod listener;
mod page;
mod recordings;
mod server;
mod socket;
mod tls;

pub use caller::Proxies;
pub use limits::Limits;
pub use server::{AppState, HttpError, HttpServer, Listening};
pub use tls::{Certificates, TlsError};
