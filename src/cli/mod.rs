//! Commands, one file each. Errors go to stderr; exit status 1 (failed) or 2 (usage).

mod api_client;
mod audit;
mod certify_report;
mod check;
mod ears;
mod health;
mod numbers;
mod output;
mod phone;
mod phone_report;
mod process;
mod provision;
mod recording;
mod serve;
mod service;
mod services;
mod store;
mod token;
mod translate;
mod trunk;
mod trunk_certify;
mod trunk_status;
mod webhook;

use clap::{Parser, Subcommand};
use output::{Failure, complain, say};
use std::path::PathBuf;
use std::process::ExitCode;

/// Brings phone callers into WebRTC rooms.
#[derive(Parser)]
#[command(name = "omnigate", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service in the foreground; SIGTERM drains and ends.
    Serve {
        /// Configuration file (TOML); default: the file named by OMNIGATE_CONFIG, else built-in defaults.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Read the configuration and print every fault with its key.
    Check {
        /// Configuration file (TOML); default: the file named by OMNIGATE_CONFIG, else built-in defaults.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Place a test call: dial, key digits, play and keep audio, hang up.
    Phone(phone::PhoneArguments),
    /// Ask a running service whether it is ready; for container health checks.
    Health {
        /// Address of the service, with or without http:// or https://.
        #[arg(default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
        address: String,
    },
    /// Look at recordings, check them, decrypt them.
    Recording {
        /// Configuration file (TOML); default: the file named by OMNIGATE_CONFIG, else built-in defaults.
        #[arg(long, value_name = "FILE", global = true)]
        config: Option<PathBuf>,
        #[command(subcommand)]
        command: recording::RecordingCommand,
    },
    /// Look after the database.
    Store {
        /// Configuration file (TOML); default: the file named by OMNIGATE_CONFIG, else built-in defaults.
        #[arg(long, value_name = "FILE", global = true)]
        config: Option<PathBuf>,
        #[command(subcommand)]
        command: store::StoreCommand,
    },
    /// Make services of a running service, look at them, change them, remove them.
    Service {
        /// Configuration file (TOML); default: the file named by OMNIGATE_CONFIG, else built-in defaults.
        #[arg(long, value_name = "FILE", global = true)]
        config: Option<PathBuf>,
        #[command(subcommand)]
        command: services::ServiceCommand,
    },
    /// Look at how trunks are and at what they would do; make, change and remove them.
    Trunk {
        /// Configuration file (TOML); default: the file named by OMNIGATE_CONFIG, else built-in defaults.
        #[arg(long, value_name = "FILE", global = true)]
        config: Option<PathBuf>,
        #[command(subcommand)]
        command: trunk::TrunkCommand,
    },
    /// Make call numbers of a running service, look at them, change them, end them.
    Number {
        /// Configuration file (TOML); default: the file named by OMNIGATE_CONFIG, else built-in defaults.
        #[arg(long, value_name = "FILE", global = true)]
        config: Option<PathBuf>,
        #[command(subcommand)]
        command: numbers::NumberCommand,
    },
    /// Make tokens of the API of a running service, look at them, take them back.
    Token {
        /// Configuration file (TOML); default: the file named by OMNIGATE_CONFIG, else built-in defaults.
        #[arg(long, value_name = "FILE", global = true)]
        config: Option<PathBuf>,
        #[command(subcommand)]
        command: token::TokenCommand,
    },
    /// Show who did what in a running service, the newest first.
    Audit {
        /// Configuration file (TOML); default: the file named by OMNIGATE_CONFIG, else built-in defaults.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        arguments: audit::AuditArguments,
    },
    /// Look at webhook deliveries, send them again.
    Webhook {
        /// Configuration file (TOML); default: the file named by OMNIGATE_CONFIG, else built-in defaults.
        #[arg(long, value_name = "FILE", global = true)]
        config: Option<PathBuf>,
        #[command(subcommand)]
        command: webhook::WebhookCommand,
    },
    /// Print the version.
    Version,
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve { config } => runtime().and_then(|r| r.block_on(serve::run(config.as_deref()))),
        Command::Check { config } => check::run(config.as_deref()),
        Command::Phone(arguments) => runtime().and_then(|r| r.block_on(phone::run(arguments))),
        Command::Recording { config, command } => {
            runtime().and_then(|r| r.block_on(recording::run(config.as_deref(), command)))
        }
        Command::Webhook { config, command } => {
            runtime().and_then(|r| r.block_on(webhook::run(config.as_deref(), command)))
        }
        Command::Store { config, command } => {
            runtime().and_then(|r| r.block_on(store::run(config.as_deref(), command)))
        }
        Command::Trunk { config, command } => {
            runtime().and_then(|r| r.block_on(trunk::run(config.as_deref(), command)))
        }
        Command::Service { config, command } => {
            runtime().and_then(|r| r.block_on(services::run(config.as_deref(), command)))
        }
        Command::Number { config, command } => {
            runtime().and_then(|r| r.block_on(numbers::run(config.as_deref(), command)))
        }
        Command::Token { config, command } => {
            runtime().and_then(|r| r.block_on(token::run(config.as_deref(), command)))
        }
        Command::Audit { config, arguments } => {
            runtime().and_then(|r| r.block_on(audit::run(config.as_deref(), arguments)))
        }
        Command::Health { address } => health::run(&address),
        Command::Version => {
            say(&format!("omnigate {}", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            complain(&e.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Signaling runs on one thread: more cost more than they bring (the media plane has threads of its own).
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?)
}
