//! The HTTP side: listener, TLS, limits, WebSockets, API, page, figures.

mod app;
mod audit;
mod calls;
mod certification;
mod denials;
#[cfg(test)]
mod described;
mod descriptors;
mod figures;
mod front;
mod guard;
mod hosts;
mod idempotency;
mod inputs;
mod join_tokens;
mod limits;
mod listener;
mod look_up;
mod metrics;
mod numbers;
mod origins;
mod page;
mod problem;
mod provisioned;
mod recordings;
mod requester;
mod rooms;
mod server;
mod service_recordings;
mod socket;
mod tls;
mod tokens;

pub use app::{Api, AppState, Front};
pub use denials::Denials;
pub use descriptors::Descriptors;
pub use figures::Figures;
pub use hosts::Hosts;
pub use limits::Limits;
pub use origins::ApiOrigins;
pub use requester::Proxies;
pub use server::{HttpError, HttpServer, Listening};
pub use tls::{Certificates, certificates};
