//! What must survive a restart: rooms, call numbers, the index of recordings, the outbox of webhooks, the minutes that services have
//! talked. SQLite, or PostgreSQL.
//!
//! A service does not wait for its database: one that cannot be reached, or a disk that is full, leaves the [`Store`] *absent*.
//! Whoever needs it hears so at once ([`StoreError::Absent`]), and [`Opener`] goes on trying.
//!
//! ```text
//!   absent ──lock, tables of the right version──▶ open
//!      ▲                                           │
//!      └────── the lock's connection is lost ──────┘     another process has it: the service ends
//! ```

mod ages;
mod backup;
mod error;
mod handle;
mod opening;
mod owner;
mod schema;

pub use ages::{Ages, Retention, days_before};
pub use backup::backup;
pub use error::{Result, StoreError};
pub use handle::Store;
pub use opening::Opener;
pub use owner::{Held, Holder, Owner, OwnerError};

#[cfg(test)]
pub(crate) mod tests;
