//! The folder of recordings: names, manifests, free space.

use omnigate_recording::manifest::Manifest;
use omnigate_room::RecordingId;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tracing::warn;

const CAPTURES: &str = "captures";
const MANIFEST: &str = "manifest.json";
/// Of a manifest that is being written: the first one, by whoever begins, and all later ones.
const FIRST_PART: &str = "manifest.first.part";
const MANIFEST_PART: &str = "manifest.part";
/// How often it was begun to make the files.
const TRIES: &str = "tries";
/// Of a file that is not complete yet.
pub(super) const PART: &str = "part";

/// Why the folder is of no use.
#[derive(Debug, thiserror::Error)]
#[error("recording.dir: {path}: {source}; omnigate must be able to write there")]
pub struct FolderError {
    path: String,
    source: io::Error,
}

/// `recording.dir`.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder, made if it is missing, and tried by writing a file.
    pub fn open(root: &Path) -> Result<Folder, FolderError> {
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |source| FolderError { path, source }
        };
        let captures = root.join(CAPTURES);
        unless_full(fs::create_dir_all(&captures)).map_err(failed(&captures))?;
        let probe = root.join(".probe");
        let probed = File::create(&probe).and_then(|mut file| file.write_all(b"omnigate"));
        unless_full(probed).map_err(failed(root))?;
        // Captures are shared by recordings by hard links.
        let link = captures.join(".probe");
        let _ = fs::remove_file(&link);
        let linked = fs::hard_link(&probe, &link).and_then(|()| fs::remove_file(&link));
        unless_full(linked).map_err(failed(&link))?;
        gone(fs::remove_file(&probe)).map_err(failed(root))?;
        Ok(Folder {
            root: root.to_owned(),
        })
    }

    /// The folder as it is, for commands that only read.
    pub fn at(root: &Path) -> Folder {
        Folder {
            root: root.to_owned(),
        }
    }

    /// Free bytes for whoever is not root.
    pub(super) fn free(&self) -> io::Result<u64> {
        let space = rustix::fs::statvfs(&self.root)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }

    pub(super) fn capture(&self, name: &str) -> PathBuf {
        self.root.join(CAPTURES).join(name)
    }

    pub(super) fn captures(&self) -> PathBuf {
        self.root.join(CAPTURES)
    }

    /// A recording's own folder.
    pub fn of(&self, recording: RecordingId) -> PathBuf {
        self.root.join(recording.to_string())
    }

    /// A recording's manifest.
    pub fn manifest(&self, recording: RecordingId) -> io::Result<Manifest> {
        let text = fs::read(self.of(recording).join(MANIFEST))?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// Writes manifests so that after a crash either the old ones are there or the new ones, and durably when this returns:
    /// with two syncs of the file system, however many they are. Those that cannot be written.
    pub(super) fn write_manifests(&self, all: &[&Manifest]) -> Vec<(RecordingId, io::Error)> {
        let mut failures = Vec::new();
        let mut written = Vec::new();
        for manifest in all {
            let recording = manifest.recording_id;
            match self.write_part(recording, MANIFEST_PART, manifest) {
                Ok(part) => written.push((recording, part)),
                Err(error) => failures.push((recording, error)),
            }
        }
        let synced = self.sync();
        for (recording, part) in written {
            let named = fs::rename(part, self.of(recording).join(MANIFEST));
            failures.extend(named.err().map(|error| (recording, error)));
        }
        if let (Some(error), Some(first)) = (synced.and_then(|()| self.sync()).err(), all.first()) {
            failures.push((first.recording_id, error));
        }
        failures
    }

    /// The same of one.
    pub(super) fn write_manifest(&self, manifest: &Manifest) -> io::Result<()> {
        let mut failures = self.write_manifests(&[manifest]);
        failures.pop().map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Writes the first manifest of a recording: at once, so that it is there after a crash of the process. The next sync
    /// makes it durable. One that is there is newer.
    pub(super) fn begin_manifest(&self, manifest: &Manifest) -> io::Result<()> {
        let recording = manifest.recording_id;
        let part = self.write_part(recording, FIRST_PART, manifest)?;
        let linked = match fs::hard_link(&part, self.of(recording).join(MANIFEST)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        };
        linked.and(fs::remove_file(part))
    }

    fn write_part(&self, recording: RecordingId, name: &str, manifest: &Manifest) -> io::Result<PathBuf> {
        let folder = self.of(recording);
        fs::create_dir_all(&folder)?;
        let part = folder.join(name);
        let text = serde_json::to_vec_pretty(manifest)?;
        fs::write(&part, text).inspect_err(|_| drop(fs::remove_file(&part)))?;
        Ok(part)
    }

    /// Makes all that was written here durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(&self.root)?)?)
    }

    /// How often it was begun to make a recording's files.
    pub(super) fn tries(&self, recording: RecordingId) -> u32 {
        let text = fs::read_to_string(self.of(recording).join(TRIES)).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }

    /// Notes how often, durably after the next sync: a try may be the end of the process.
    pub(super) fn note_tries(&self, recording: RecordingId, tries: u32) -> io::Result<()> {
        let (folder, text) = (self.of(recording), tries.to_string());
        let part = folder.join(TRIES).with_added_extension(PART);
        fs::write(&part, text).inspect_err(|_| drop(fs::remove_file(&part)))?;
        fs::rename(part, folder.join(TRIES))
    }

    /// Nothing is known of any try.
    pub(super) fn forget_tries(&self, recording: RecordingId) -> io::Result<()> {
        gone(fs::remove_file(self.of(recording).join(TRIES)))
    }

    /// What was not complete when a try ended, or the process, goes.
    pub(super) fn remove_parts(&self, recording: RecordingId) -> io::Result<()> {
        for entry in fs::read_dir(self.of(recording))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == PART) {
                gone(fs::remove_file(path))?;
            }
        }
        Ok(())
    }

    /// Captures of an earlier process go: each recording that needs one has it under another name. What is none of ours is
    /// left where it is.
    pub(super) fn remove_captures(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.captures())? {
            let path = entry?.path();
            let ours = path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(is_capture);
            let removed = if ours {
                gone(fs::remove_file(&path))
            } else {
                Ok(())
            };
            if let Err(error) = removed {
                warn!(path = %path.display(), %error, "a capture of before cannot be removed");
            } else if !ours {
                warn!(path = %path.display(), "what is none of ours lies among the captures, and is left there");
            }
        }
        Ok(())
    }

    /// Every recording that has a folder here.
    pub(super) fn all(&self) -> io::Result<Vec<RecordingId>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let name = entry?.file_name();
            all.extend(name.to_str().and_then(RecordingId::parse));
        }
        all.sort_unstable();
        Ok(all)
    }

    /// Folders without a manifest in which nothing has come or gone since `before`, unix seconds.
    pub(super) fn without_manifest(&self, before: i64) -> io::Result<Vec<RecordingId>> {
        let mut found = Vec::new();
        for recording in self.all()? {
            let folder = self.of(recording);
            if folder.join(MANIFEST).try_exists()? {
                continue;
            }
            let changed = fs::metadata(&folder)?.mtime();
            if changed < before {
                found.push(recording);
            }
        }
        Ok(found)
    }

    /// Deletes a recording, durably when this returns: one that came back after a crash of the machine would be taken for one that
    /// the index does not know yet. One that is not there is deleted already.
    pub(super) fn remove(&self, recording: RecordingId) -> io::Result<()> {
        gone(fs::remove_dir_all(self.of(recording)))?;
        File::open(&self.root)?.sync_all()
    }
}

/// One that is not there is gone already.
pub(super) fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether a name is one that this or an earlier version gives to a capture, or to what was fetched beside them.
fn is_capture(name: &str) -> bool {
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let capture = name.strip_suffix(".ogg").and_then(|name| name.split_once('-'));
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    capture.is_some_and(|(process, id)| process.len() == 16 && hex(process) && number(id))
        || name.strip_prefix("fetched-").is_some_and(hex)
        || name == ".probe"
}

/// A full disk keeps nothing down: what cannot be recorded is refused when somebody asks for it, until there is room.
fn unless_full(done: io::Result<()>) -> io::Result<()> {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    match done {
        Err(error) if matches!(error.kind(), StorageFull | QuotaExceeded) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_written_is_named_with_its_key() {
        let error = Folder::open(Path::new("/proc/recordings"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("recording.dir") && error.contains("/proc/recordings"),
            "{error}"
        );
    }

    #[test]
    fn captures_of_before_go_and_what_is_not_ours_stays() {
        let root = std::env::temp_dir().join(format!("omnigate-captures-{}", std::process::id()));
        let folder = Folder::open(&root).unwrap();
        let ours = folder.capture("0123456789abcdef-7.ogg");
        let theirs = [
            folder.capture("lost+found"),
            folder.capture("holidays.ogg"),
            folder.capture("0123456789abcdef-x.ogg"),
        ];
        fs::write(&ours, "").unwrap();
        fs::create_dir_all(theirs[0].join("deep")).unwrap();
        theirs[1..].iter().for_each(|path| fs::write(path, "").unwrap());
        folder.remove_captures().unwrap();
        assert!(!ours.exists());
        assert!(theirs.iter().all(|path| path.exists()));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn only_folders_with_our_names_are_recordings() {
        let root = std::env::temp_dir().join(format!("omnigate-folder-{}", std::process::id()));
        let folder = Folder::open(&root).unwrap();
        let id = RecordingId(1 << 100);
        fs::create_dir_all(folder.of(id)).unwrap();
        fs::create_dir_all(root.join("lost+found")).unwrap();
        assert_eq!(folder.all().unwrap(), [id]);
        assert!(folder.free().unwrap() > 0);
        folder.remove(id).unwrap();
        folder.remove(id).unwrap();
        fs::remove_dir_all(root).unwrap();
    }
}
