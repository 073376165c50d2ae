//! The admin token in a file, which is made at the first start, so that the API has never to trust an address.
//!
//! The file is the token: it is read again when it is asked for, at most once a second. Who deletes it takes the token back; who
//! writes another one changes it, without a restart.

use super::token::{TokenText, hash};
use crate::sync::lock;
use omnigate_room::Secret;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tracing::warn;

/// Its name in the state directory.
const NAME: &str = "api-token";
/// How long what was read holds.
const HOLDS: Duration = Duration::from_secs(1);
/// Shortest content that is a token, bytes: an empty file, or half of one, opens nothing.
const SHORTEST: usize = 20;

/// Why the file cannot be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "the API's first token cannot be written into {path}: {source}; set api.token, or let the folder be written"
)]
pub struct TokenFileError {
    path: String,
    source: std::io::Error,
}

/// The file.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    seen: Mutex<Option<(Instant, Option<Secret>)>>,
}

impl TokenFile {
    /// That of a state directory. Nothing is read or made yet.
    #[must_use]
    pub fn of(state: &Path) -> TokenFile {
        TokenFile {
            path: state.join(NAME),
            seen: Mutex::default(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The token in it, if there is one.
    ///
    /// # Errors
    /// It cannot be read, and not because it is not there.
    pub fn read(&self) -> std::io::Result<Option<Secret>> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(text.trim()).filter(|t| t.len() >= SHORTEST).map(Secret::new)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether this is the token of the file.
    pub(super) fn is(&self, given: &str, now: Instant) -> bool {
        let mut seen = lock(&self.seen);
        let fresh = seen
            .as_ref()
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) < HOLDS);
        if !fresh {
            // What cannot be read opens nothing.
            let kept = self.read().ok().flatten().map(|token| hash(token.expose()));
            *seen = Some((now, kept));
        }
        let kept = seen.as_ref().and_then(|(_, kept)| kept.as_ref());
        kept.is_some_and(|kept| kept.matches(hash(given).expose()))
    }

    /// Makes it with a new token, for its owner's eyes only; whole or not at all.
    pub(super) fn make(&self) -> Result<(), TokenFileError> {
        let failed = |source| TokenFileError {
            path: self.path.display().to_string(),
            source,
        };
        let text = TokenText::with_id("file").expose();
        self.write(&text).map_err(failed)?;
        *lock(&self.seen) = None;
        Ok(())
    }

    fn write(&self, text: &str) -> std::io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let part = self.path.with_extension("part");
        // One that a crash has left may be readable for others.
        match fs::remove_file(&part) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&part)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        fs::rename(&part, &self.path)
    }

    /// Takes it back. False: there was none.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub fn remove(&self) -> std::io::Result<bool> {
        let removed = match fs::remove_file(&self.path) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        *lock(&self.seen) = None;
        Ok(removed)
    }

    /// Warns when others than its owner can read it.
    pub(super) fn look(&self) {
        let mode = fs::metadata(&self.path).map(|data| data.permissions().mode());
        if let Ok(mode) = mode
            && mode & 0o077 != 0
        {
            warn!(
                file = %self.path.display(),
                "others than its owner can read the API's admin token; `chmod 600` it, or delete it and restart"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let folder =
                std::env::temp_dir().join(format!("omnigate-token-file-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            Folder(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_file_is_its_owners_alone_and_holds_a_token() {
        let folder = Folder::new("made");
        let file = TokenFile::of(&folder.0.join("deep"));
        assert!(file.read().unwrap().is_none());
        file.make().unwrap();
        let mode = fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let token = file.read().unwrap().unwrap();
        assert!(token.expose().starts_with("omt_file_"));
        assert!(file.is(token.expose(), Instant::now()));
        assert!(!file.is("omt_file_0", Instant::now()));
        assert_eq!(fs::read_dir(folder.0.join("deep")).unwrap().count(), 1);
    }

    #[test]
    fn who_deletes_the_file_takes_its_token_back_and_who_writes_another_changes_it() {
        let folder = Folder::new("gone");
        let file = TokenFile::of(&folder.0);
        file.make().unwrap();
        let old = file.read().unwrap().unwrap();
        let now = Instant::now();
        assert!(file.is(old.expose(), now));
        fs::write(file.path(), "another-one-that-is-long\n").unwrap();
        let later = now + HOLDS;
        assert!(!file.is(old.expose(), later) && file.is("another-one-that-is-long", later));
        fs::remove_file(file.path()).unwrap();
        assert!(!file.is("another-one-that-is-long", later + HOLDS));
        file.make().unwrap();
        let last = file.read().unwrap().unwrap();
        assert!(file.is(last.expose(), later));
        assert!(file.remove().unwrap());
        assert!(!file.is(last.expose(), later), "at once");
        assert!(!file.remove().unwrap(), "once");
    }

    #[test]
    fn an_empty_file_opens_nothing() {
        let folder = Folder::new("empty");
        let file = TokenFile::of(&folder.0);
        file.make().unwrap();
        fs::write(file.path(), "\n").unwrap();
        assert!(file.read().unwrap().is_none());
        assert!(!file.is("", Instant::now()));
    }
}
