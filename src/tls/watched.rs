//! What is made of files, and made anew when they change. What uses it keeps what it began with.

use super::identity::TlsError;
use crate::sync::lock;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tracing::{info, warn};

/// How often the files are looked at.
const WATCH: Duration = Duration::from_secs(60);

/// See the module.
pub struct Watched<T> {
    files: Vec<PathBuf>,
    make: Box<dyn Fn() -> Result<T, TlsError> + Send + Sync>,
    current: Mutex<Current<T>>,
}

struct Current<T> {
    made: Arc<T>,
    /// Of the files that were read last, good or not.
    read: Stamps,
}

/// Modification times of the files.
type Stamps = Vec<Option<SystemTime>>;

/// Something that is read from files, whatever it is.
pub trait Reload: Send + Sync {
    /// Reads the files again; those at fault change nothing and are a warning.
    fn reload(&self);

    /// True when a file was written since it was read.
    fn changed(&self) -> bool;
}

impl<T> Watched<T> {
    /// Made of these files by `make`.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn new(
        files: Vec<PathBuf>,
        make: impl Fn() -> Result<T, TlsError> + Send + Sync + 'static,
    ) -> Result<Watched<T>, TlsError> {
        let read = stamps(&files);
        let made = Arc::new(make()?);
        Ok(Watched {
            files,
            make: Box::new(make),
            current: Mutex::new(Current { made, read }),
        })
    }

    /// As it is now.
    pub fn get(&self) -> Arc<T> {
        lock(&self.current).made.clone()
    }
}

impl<T: Send + Sync> Reload for Watched<T> {
    fn reload(&self) {
        let read = stamps(&self.files);
        let new = (self.make)();
        let mut current = lock(&self.current);
        current.read = read;
        match new {
            Ok(made) => {
                current.made = Arc::new(made);
                info!(files = ?self.files, "new connections get the certificate just read");
            }
            Err(fault) => warn!(%fault, "the certificate stays as it was"),
        }
    }

    fn changed(&self) -> bool {
        stamps(&self.files) != lock(&self.current).read
    }
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watched").field(&self.files).finish()
    }
}

/// Reloads whatever has changed, for ever.
pub async fn watch(all: Vec<Arc<dyn Reload>>) {
    loop {
        tokio::time::sleep(WATCH).await;
        for one in all.iter().filter(|one| one.changed()) {
            one.reload();
        }
    }
}

/// Taken before the files are read, so that a write in between is seen the next time.
fn stamps(files: &[PathBuf]) -> Stamps {
    let stamp = |path: &PathBuf| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    files.iter().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_again_once_when_they_change_even_to_faulty_ones() {
        let file = std::env::temp_dir().join(format!("omnigate-watched-{}", std::process::id()));
        std::fs::write(&file, "one").unwrap();
        let path = file.clone();
        let text = move || match std::fs::read_to_string(&path) {
            Ok(text) if text != "nothing" => Ok(text),
            _ => Err(TlsError::File {
                key: "key".into(),
                path: path.clone(),
                fault: rustls::pki_types::pem::Error::NoItemsFound,
            }),
        };
        let watched = Watched::new(vec![file.clone()], text).unwrap();
        assert!(!watched.changed());
        let write = |text: &str, seconds| {
            std::fs::write(&file, text).unwrap();
            let written = std::fs::File::options().write(true).open(&file).unwrap();
            written
                .set_modified(SystemTime::now() + Duration::from_secs(seconds))
                .unwrap();
        };
        write("nothing", 10);
        assert!(watched.changed());
        watched.reload();
        assert!(!watched.changed());
        assert_eq!(*watched.get(), "one");
        write("two", 20);
        assert!(watched.changed());
        watched.reload();
        assert_eq!(*watched.get(), "two");
        std::fs::remove_file(file).unwrap();
    }
}
