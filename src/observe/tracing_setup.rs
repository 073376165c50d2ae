//! Logs on stderr: for people on a terminal, JSON otherwise.

use crate::config::{Log, LogFormat, LogLevel};
use std::io::IsTerminal;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// Libraries that log messages with numbers, keys or SDP in them below WARN.
const QUIET: [&str; 11] = [
    "str0m",
    "str0m_proto",
    "is",
    "dimpl",
    "sctp_proto",
    "hyper",
    "reqwest",
    "tungstenite",
    "h2",
    "mio",
    "polling",
];

/// Installs the global subscriber once; later calls do nothing.
pub fn init(log: &Log) {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let mut targets = Targets::new().with_default(level);
    for target in QUIET {
        targets = targets.with_target(target, LevelFilter::WARN.min(level));
    }
    let people = match log.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let registry = tracing_subscriber::registry().with(targets);
    let installed = if people {
        registry
            .with(
                tracing_subscriber::fmt::layer()
                    .with_writer(std::io::stderr)
                    // Whoever reads a file or the journal wants no colours.
                    .with_ansi(std::io::stderr().is_terminal())
                    .with_target(false),
            )
            .try_init()
    } else {
        registry
            .with(
                tracing_subscriber::fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_span_list(false)
                    .with_writer(std::io::stderr),
            )
            .try_init()
    };
    drop(installed);
}
