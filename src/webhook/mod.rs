//! Webhooks: what happened, told to the server of the service's owner, even if that server was down.
//!
//! ```text
//!   event ──▶ outbox (store) ──▶ Deliverer ──▶ POST, signed ──▶ 2xx: delivered
//!                 ▲                  │ anything else
//!                 └── next_at ◀──────┘ growing, jittered pauses for three days, then given up
//! ```
//!
//! What is over keeps its body for `webhook.keep_days` (`retention`); that of a deleted recording is gone with it, and what waited
//! is withdrawn.
//!
//! An event is in the outbox in the same transaction as what it tells of. Events about one subject (a recording, a call, a
//! room) are delivered in their order. Requests follow Standard Webhooks: <https://www.standardwebhooks.com>.

mod breaker;
mod deliver;
mod events;
mod outbox;
mod retention;
mod retry;
mod sign;
mod target;

pub use deliver::{Deliverer, WebhookFigures};
pub use events::EventSink;
pub use outbox::{Delivery, Outbox, Replay, WebhookEvent};
pub use target::{TargetError, Targets};

pub(crate) use sign::link_is_signed;
