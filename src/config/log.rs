//! `[log]`

use super::section::{Check, section, shown, values};
use serde::Deserialize;

section! {
    /// `log.*`
    pub struct Log {
        /// `error`, `warn`, `info`, `debug` or `trace`.
        level: LogLevel = LogLevel::Info;
        /// `auto`: for people on a terminal, JSON otherwise.
        format: LogFormat = LogFormat::Auto;
    }
}

impl Check for Log {}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogFormat {
    Auto,
    Text,
    Json,
}

values! { shown; LogLevel, LogFormat }
