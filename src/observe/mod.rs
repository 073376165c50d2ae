//! Logs, metrics, health.

mod health;
mod metrics;
mod notify;
mod recording;
mod tracing_setup;

pub use health::Health;
pub use metrics::Metrics;
pub use notify::{Notify, watchdog_interval};
pub use recording::recording_figures;
pub use tracing_setup::init as init_tracing;
