//! Who owns something, and how a refusal says so.

use crate::clock::{unix_now, utc};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// Key of the setting that names the store.
pub(super) const STORE_KEY: &str = "store.url";

/// The process that owns something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process id, as its host counts them.
    pub pid: u32,
    /// Name of its host.
    pub host: String,
    /// Since when, UTC.
    pub since: String,
}

impl Holder {
    /// This process, from now on.
    pub(super) fn this() -> Holder {
        Holder {
            pid: std::process::id(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            since: utc(unix_now()),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "process {} on host {}, since {}",
            self.pid, self.host, self.since
        )
    }
}

/// Something that belongs to another process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Key of the setting that names it.
    pub key: &'static str,
    /// What it is.
    pub what: String,
    /// By whom; `None` when it does not say.
    pub holder: Option<Holder>,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Held { key, what, holder } = self;
        write!(f, "{key}: {what} belongs to another omnigate (")?;
        match holder {
            Some(holder) => write!(f, "{holder}")?,
            None => write!(f, "which does not say who it is")?,
        }
        write!(f, "); stop that one, or give this one another {key}")
    }
}

/// Why a folder and a store cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OwnerError {
    /// They belong to another process; at least one entry.
    #[error("{}", .0.iter().map(Held::to_string).collect::<Vec<_>>().join("\n"))]
    Held(Vec<Held>),
    /// The file of a lock cannot be made or locked.
    #[error("{key}: {path}: {source}; omnigate must be able to write and to lock files there")]
    File {
        /// Key of the setting.
        key: &'static str,
        /// Which file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The database cannot be asked.
    #[error("store.url: {0}")]
    Database(#[from] sqlx::Error),
}
