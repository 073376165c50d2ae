//! Logs, metrics, health.

mod health;
mod metrics;
mod notify;
mod page;
mod tracing_setup;

pub use health::{Beat, Health};
pub use metrics::Metrics;
pub use notify::{Notify, watchdog_interval};
pub use page::Page;
pub use tracing_setup::init as init_tracing;
