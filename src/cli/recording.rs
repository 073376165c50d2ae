//! `omnigate recording …`: what is in the index and in the folder, without a running service.

use super::output::{Failure, complain, say};
use crate::config::{self, Settings};
use crate::recording::{Entry, Folder, Index, Query, State, decrypt, identity, verify};
use crate::store::Store;
use clap::Subcommand;
use omnigate_room::{RecordingId, Secret};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Recordings that are read from the index at once.
const PAGE: u32 = 500;

#[derive(Subcommand)]
pub(super) enum RecordingCommand {
    /// List recordings, the newest first.
    List {
        /// Of this service only.
        #[arg(long, value_name = "ID")]
        service: Option<String>,
        /// Of this room only.
        #[arg(long, value_name = "ID")]
        room: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Print everything that is known about a recording, as JSON.
    Show {
        /// The recording's id.
        id: String,
    },
    /// Make the files of a recording that has failed once more: a running service does it within seconds, or the next start.
    Retry {
        /// The recording's id.
        id: String,
    },
    /// Compare files with the checksums in the index: of one recording, or of all.
    Verify {
        /// The recording's id; without: all.
        id: Option<String>,
    },
    /// Write a decrypted copy of a recording's file.
    Decrypt {
        /// A file that ends in .age.
        file: PathBuf,
        /// Where to; it must not exist.
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// File with the age identity; default: recording.key of the configuration.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
}

pub(super) async fn run(config: Option<&Path>, command: RecordingCommand) -> Result<(), Failure> {
    let settings = config::load(config)?;
    match command {
        RecordingCommand::List {
            service,
            room,
            limit,
            json,
        } => {
            let query = Query {
                service_id: service,
                room_id: room,
                before: None,
                limit,
            };
            for entry in index(&settings).await?.list(&query).await? {
                say(&if json {
                    serde_json::to_string(&entry.manifest)?
                } else {
                    line(&entry)
                });
            }
            Ok(())
        }
        RecordingCommand::Show { id } => {
            let entry = one(&index(&settings).await?, &id).await?;
            say(&serde_json::to_string_pretty(&entry.manifest)?);
            Ok(())
        }
        RecordingCommand::Retry { id } => {
            let index = index(&settings).await?;
            let entry = one(&index, &id).await?;
            if !index.retry(entry.manifest.recording_id).await? {
                return Err("it has not failed: only then it is tried again".into());
            }
            say(&format!("{id}: is tried again"));
            Ok(())
        }
        RecordingCommand::Verify { id } => verify_all(&settings, id.as_deref()).await,
        RecordingCommand::Decrypt { file, output, key } => {
            let key = match key {
                Some(path) => identity(std::fs::read_to_string(path)?.trim())?,
                None => identity(configured(&settings).ok_or("recording.key is not set; give --key")?)?,
            };
            let mut out = File::create_new(&output).map_err(|e| format!("{}: {e}", output.display()))?;
            let bytes = decrypt(&file, &key, &mut out)?;
            say(&format!("{}: {bytes} bytes", output.display()));
            Ok(())
        }
    }
}

fn configured(settings: &Settings) -> Option<&str> {
    settings.recording.key.as_ref().map(Secret::expose)
}

async fn index(settings: &Settings) -> Result<Index, Failure> {
    Ok(Index::new(Store::open_beside(settings.store.url.expose()).await?))
}

async fn one(index: &Index, id: &str) -> Result<Entry, Failure> {
    let id = RecordingId::parse(id).ok_or("an id of 32 hex digits is expected")?;
    Ok(index.get(id).await?.ok_or("there is no such recording")?)
}

fn line(entry: &Entry) -> String {
    let m = &entry.manifest;
    let seconds = m.files.first().map_or(0.0, |file| file.duration);
    let reason = m.end.as_ref().map_or("running", |end| end.reason.as_str());
    let line = format!(
        "{}  {}  {seconds:.1} s  {reason}  {}  {}",
        m.recording_id, m.started_at, m.room_type, m.room_id
    );
    match m.failure.as_ref().filter(|_| entry.state == State::Failed) {
        Some(failure) => format!("{line}  failed: {}", failure.reason),
        None => line,
    }
}

async fn verify_all(settings: &Settings, id: Option<&str>) -> Result<(), Failure> {
    let index = index(settings).await?;
    let folder = Folder::at(&settings.recording.dir);
    let key = configured(settings).map(identity).transpose()?;
    let (mut good, mut bad) = (0, 0);
    let mut check = |entry: &Entry| {
        let faults = verify(&folder, entry, key.as_ref());
        for fault in &faults {
            complain(&format!("{}: {fault}", entry.manifest.recording_id));
        }
        if faults.is_empty() { good += 1 } else { bad += 1 }
    };
    if let Some(id) = id {
        check(&one(&index, id).await?);
    } else {
        let mut query = Query {
            limit: PAGE,
            ..Query::default()
        };
        loop {
            let page = index.list(&query).await?;
            page.iter()
                .filter(|entry| entry.state == State::Finished)
                .for_each(&mut check);
            match page.last().map(|last| last.manifest.recording_id) {
                Some(last) => query.before = Some(last),
                None => break,
            }
        }
    }
    say(&format!("{good} intact, {bad} damaged"));
    if bad > 0 {
        return Err(format!("{bad} of {} recordings are damaged", good + bad).into());
    }
    Ok(())
}
