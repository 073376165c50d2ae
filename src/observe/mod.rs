//! Logs, metrics, health.

mod audit;
mod health;
mod metrics;
mod notify;
mod page;
mod strangers;
mod tracing_setup;

pub use audit::{Audit, AuditOrder, Entry, Noted, Who};
pub use health::{Beat, Health};
pub use metrics::Metrics;
pub use notify::{Notify, watchdog_interval};
pub use page::Page;
pub use strangers::{api_authentication_failed, service_key_refused};
pub use tracing_setup::init as init_tracing;
