//! The HTTP side: listener, TLS, limits, WebSockets, API, page, figures.

mod api;
mod app;
mod limits;
mod listener;
mod numbers;
mod page;
mod problem;
mod recordings;
mod requester;
mod server;
mod socket;
mod tls;
mod trunks;

pub use app::AppState;
pub use limits::Limits;
pub use requester::Proxies;
pub use server::{HttpError, HttpServer, Listening};
pub use tls::{Certificates, certificates};
