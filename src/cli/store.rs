//! `omnigate store …`: the database.

use super::output::{Failure, say};
use crate::config;
use crate::store::backup;
use clap::Subcommand;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(super) enum StoreCommand {
    /// Write a copy of the SQLite database, whole and of one moment, also while the service runs.
    Backup {
        /// Where to; it must not exist.
        file: PathBuf,
    },
}

pub(super) async fn run(config: Option<&Path>, command: StoreCommand) -> Result<(), Failure> {
    let settings = config::load(config)?;
    match command {
        StoreCommand::Backup { file } => {
            let bytes = backup(settings.store.url.expose(), &file).await?;
            say(&format!("{}: {bytes} bytes", file.display()));
            Ok(())
        }
    }
}
