//! The folder of recordings: names, manifests, free space.

use omnigate_recording::manifest::Manifest;
use omnigate_room::RecordingId;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const CAPTURES: &str = "captures";
const MANIFEST: &str = "manifest.json";
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
        fs::create_dir_all(&captures).map_err(failed(&captures))?;
        let probe = root.join(".probe");
        File::create(&probe)
            .and_then(|mut file| file.write_all(b"omnigate"))
            .map_err(failed(root))?;
        // Captures are shared by recordings by hard links.
        let link = captures.join(".probe");
        let _ = fs::remove_file(&link);
        fs::hard_link(&probe, &link)
            .and_then(|()| fs::remove_file(&link))
            .and_then(|()| fs::remove_file(&probe))
            .map_err(failed(&link))?;
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

    /// Writes a manifest so that after a crash either the old one is there or the new one.
    pub(super) fn write_manifest(&self, recording: RecordingId, manifest: &Manifest) -> io::Result<()> {
        self.replace_manifest(recording, manifest, File::sync_all)?;
        sync_folder(&self.of(recording))?;
        sync_folder(&self.root)
    }

    /// Writes the first manifest of a recording: at once, so that it is there after a crash of the process. The next sync
    /// makes it durable.
    pub(super) fn begin_manifest(&self, recording: RecordingId, manifest: &Manifest) -> io::Result<()> {
        self.replace_manifest(recording, manifest, |_| Ok(()))
    }

    fn replace_manifest(
        &self,
        recording: RecordingId,
        manifest: &Manifest,
        sync: impl Fn(&File) -> io::Result<()>,
    ) -> io::Result<()> {
        let folder = self.of(recording);
        fs::create_dir_all(&folder)?;
        let part = folder.join(MANIFEST).with_extension(PART);
        let mut file = File::create(&part)?;
        file.write_all(&serde_json::to_vec_pretty(manifest)?)?;
        sync(&file)?;
        fs::rename(&part, folder.join(MANIFEST))
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

    /// Deletes a recording; one that is not there is deleted already.
    pub(super) fn remove(&self, recording: RecordingId) -> io::Result<()> {
        match fs::remove_dir_all(self.of(recording)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Makes names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
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
