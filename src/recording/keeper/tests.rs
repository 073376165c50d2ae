use super::*;
use crate::config::Settings;
use crate::recording::crypt::{Recipients, encrypt};
use crate::recording::figures::RecordingFigures;
use crate::recording::tests::manifest;
use crate::webhook::Outbox;
use futures_util::TryStreamExt;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::throttle::{ThrottleConfig, ThrottledStore};
use omnigate_recording::manifest::Failure;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

struct Bench {
    root: PathBuf,
    keeper: Arc<Keeper>,
    objects: Arc<dyn ObjectStore>,
}

impl Bench {
    /// A keeper with a bucket in memory, which is as slow as that.
    async fn new(name: &str, slow: Duration, key: Option<Identity>) -> Bench {
        let (store, root) = crate::store::tests::store(name).await;
        let toml = "[[service]]\nid = \"demo\"\nwebhook.url = \"https://example.com\"\nwebhook.secret = \"s\"\n\
                    webhook.events = [\"recording_completed\", \"recording_failed\"]";
        let settings: Settings = crate::config::load_text(toml, []).unwrap();
        let targets = Targets::new(&settings);
        let outbox = Outbox::new(store.clone());
        let (supervisor, _) = Supervisor::new();
        let config = ThrottleConfig {
            wait_put_per_call: slow,
            ..ThrottleConfig::default()
        };
        let objects: Arc<dyn ObjectStore> = Arc::new(ThrottledStore::new(InMemory::new(), config));
        let mut recording = settings.recording.clone();
        recording.upload.remove_local = true;
        let figures = Arc::<RecordingFigures>::default();
        let (kept, _) = crossbeam_channel::unbounded();
        let parts = KeeperParts {
            folder: Folder::open(&root.join("recordings")).unwrap(),
            index: Index::new(store),
            events: EventSink::start(outbox, targets.clone(), Arc::default(), &supervisor),
            targets,
            public_url: "https://rooms.example.com".to_owned(),
            settings: recording,
            key,
            jobs: Jobs::new(figures.clone()),
            kept,
            figures,
        };
        let keeper = Keeper::with(parts, Some(Bucket::of(objects.clone())));
        Bench {
            root,
            keeper,
            objects,
        }
    }

    /// A finished recording, with its folder and a file of this, if there is one.
    async fn finished(
        &self,
        number: u64,
        service: &str,
        bytes: Option<&[u8]>,
        shares: Option<RecordingId>,
    ) -> RecordingId {
        let mut manifest = manifest(number, bytes.map_or(1, |bytes| bytes.len() as u64));
        manifest.service_id = service.to_owned();
        manifest.file_set = shares;
        let folder = &self.keeper.parts.folder;
        folder.write_manifest(&manifest).unwrap();
        let path = folder.of(manifest.recording_id).join("mix.opus");
        match (bytes, shares) {
            (_, Some(set)) if set != manifest.recording_id => {
                fs::hard_link(folder.of(set).join("mix.opus"), path).unwrap();
            }
            (Some(bytes), _) => fs::write(path, bytes).unwrap(),
            (None, _) => {}
        }
        self.keeper.settle(&manifest).await;
        manifest.recording_id
    }

    fn upload(&self) -> tokio::task::JoinHandle<()> {
        tokio::spawn(self.keeper.clone().upload_for_ever())
    }

    async fn names(&self) -> Vec<String> {
        let all: Vec<_> = self.objects.list(None).try_collect().await.unwrap();
        let mut all: Vec<String> = all.into_iter().map(|one| one.location.to_string()).collect();
        all.sort();
        all
    }

    async fn until(&self, what: &str, mut done: impl AsyncFnMut() -> bool) {
        let since = Instant::now();
        while !done().await {
            assert!(
                since.elapsed() < Duration::from_secs(20),
                "{what}: {:?}",
                self.names().await
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn is_uploaded(&self, recording: RecordingId) -> bool {
        let entry = self.keeper.parts.index.get(recording).await.unwrap().unwrap();
        entry.uploaded && entry.removed
    }

    async fn events(&self) -> Vec<String> {
        let all = self.keeper.parts.events.outbox().list(None, 100).await.unwrap();
        all.into_iter().map(|one| one.event).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

#[tokio::test]
async fn a_recording_that_is_deleted_while_it_is_uploaded_leaves_no_object() {
    let bench = Bench::new("keeper-delete", Duration::from_millis(300), None).await;
    let one = bench.finished(1, "demo", Some(b"some sound"), None).await;
    let upload = bench.upload();
    bench
        .until("it is uploaded", async || !bench.names().await.is_empty())
        .await;
    // The file is there; the manifest is just being put.
    assert_eq!(bench.keeper.delete(one).await.unwrap(), Deleted::Everywhere);
    assert_eq!(bench.names().await, [""; 0]);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(bench.names().await, [""; 0], "nothing comes later");
    assert!(bench.keeper.parts.index.any(one).await.unwrap().is_none());
    assert_eq!(bench.keeper.delete(one).await.unwrap(), Deleted::Nothing);
    upload.abort();
}

#[tokio::test]
async fn a_deleted_recording_leaves_no_words_in_the_store_even_while_the_object_storage_is_away() {
    let bench = Bench::new("keeper-words", Duration::ZERO, None).await;
    let words = ["QWxpY2Ut", "alice-at-home", "Alice Liddell", "01099998888"];
    let mut one = manifest(1, 10);
    [one.session, one.user_id, one.user_name] = [0, 1, 2].map(|n: usize| words[n].to_owned());
    (one.caller, one.callee) = (Some(words[3].to_owned()), Some(words[1].to_owned()));
    let other = bench.finished(2, "demo", Some(b"some sound"), None).await;
    let folder = &bench.keeper.parts.folder;
    folder.write_manifest(&one).unwrap();
    bench.keeper.settle(&one).await;
    let recording = one.recording_id;
    // Its deletion cannot be completed: somebody is at its files.
    let busy = bench.keeper.sets.hold(one.set()).await;
    let deletion = tokio::spawn({
        let keeper = bench.keeper.clone();
        async move { keeper.delete(recording).await.unwrap() }
    });
    let index = &bench.keeper.parts.index;
    bench
        .until("it is marked", async || {
            index.any(recording).await.unwrap().unwrap().state == State::Deleting
        })
        .await;
    let store = index.store();
    store.sweep().await.unwrap();
    for file in fs::read_dir(bench.root.join("deep")).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        for word in words {
            let held = bytes.windows(word.len()).any(|part| part == word.as_bytes());
            assert!(!held, "{word} is still in the store");
        }
    }
    let left = index.any(recording).await.unwrap().unwrap().manifest;
    assert_eq!(left.files, one.files, "what has to go is known");
    let deliveries = bench.keeper.parts.events.outbox().list(None, 10).await.unwrap();
    let state = |recording: RecordingId| {
        let mut of = deliveries
            .iter()
            .filter(|one| one.subject == recording.to_string());
        of.next().map(|one| one.state.as_str())
    };
    assert_eq!(
        (state(recording), state(other)),
        (Some("withdrawn"), Some("pending"))
    );
    drop(busy);
    assert_eq!(deletion.await.unwrap(), Deleted::Everywhere);
}

#[tokio::test]
async fn a_folder_that_no_index_and_no_manifest_knows_goes_after_a_time() {
    let bench = Bench::new("keeper-orphans", Duration::ZERO, None).await;
    let known = bench.finished(1, "demo", Some(b"some sound"), None).await;
    let folder = &bench.keeper.parts.folder;
    let orphan = |number| {
        let recording = manifest(number, 0).recording_id;
        fs::create_dir_all(folder.of(recording)).unwrap();
        fs::write(
            folder.of(recording).join("manifest.first.part"),
            "{\"user_name\":",
        )
        .unwrap();
        recording
    };
    let (old, fresh) = (orphan(2), orphan(3));
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(8 * 86_400);
    for recording in [known, old] {
        let folder = File::open(folder.of(recording)).unwrap();
        folder.set_modified(long_ago).unwrap();
    }
    let retention = tokio::spawn(bench.keeper.clone().retain_for_ever());
    bench.until("it is gone", async || !folder.of(old).exists()).await;
    assert!(folder.of(known).exists() && folder.of(fresh).exists());
    retention.abort();
}

#[tokio::test]
async fn what_cannot_be_uploaded_keeps_neither_its_services_others_nor_those_of_others() {
    let bench = Bench::new("keeper-fair", Duration::ZERO, None).await;
    for number in 1..=20 {
        bench.finished(number, "flood", None, None).await;
    }
    let same = bench.finished(21, "flood", Some(b"a"), None).await;
    let other = bench.finished(22, "quiet", Some(b"b"), None).await;
    let (upload, since) = (bench.upload(), Instant::now());
    bench
        .until("the others are uploaded", async || {
            bench.is_uploaded(same).await && bench.is_uploaded(other).await
        })
        .await;
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    assert!(bench.keeper.parts.figures.upload_failures.load(Relaxed) >= 20);
    upload.abort();
}

#[tokio::test]
async fn files_that_are_shared_are_uploaded_once_and_go_with_the_last_recording_of_them() {
    let bench = Bench::new("keeper-share", Duration::ZERO, None).await;
    let set = manifest(1, 0).recording_id;
    let first = bench.finished(1, "demo", Some(b"some sound"), Some(set)).await;
    let second = bench.finished(2, "demo", Some(b"some sound"), Some(set)).await;
    let upload = bench.upload();
    bench
        .until("both are uploaded", async || {
            bench.is_uploaded(first).await && bench.is_uploaded(second).await
        })
        .await;
    let files = async || {
        let names = bench.names().await;
        names
            .into_iter()
            .filter(|name| name.ends_with("mix.opus"))
            .collect::<Vec<_>>()
    };
    assert_eq!(files().await, [format!("calls/{set}/mix.opus")]);
    // The one whose name the files have goes first; the other one still has them.
    bench.keeper.delete(first).await.unwrap();
    assert_eq!(files().await.len(), 1);
    let entry = bench.keeper.parts.index.get(second).await.unwrap().unwrap();
    let mut opened = bench.keeper.open(&entry, &entry.manifest.files[0]).await.unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        opened.reader.read_to_string(&mut text).map(|_| text)
    });
    assert_eq!(read.await.unwrap().unwrap(), "some sound");
    bench.keeper.delete(second).await.unwrap();
    assert_eq!(bench.names().await, [""; 0]);
    upload.abort();
}

#[tokio::test]
async fn of_a_file_that_is_elsewhere_only_what_is_wanted_is_fetched() {
    for key in [None, Some(Identity::generate())] {
        let bench = Bench::new("keeper-range", Duration::ZERO, key.clone()).await;
        let plain: Vec<u8> = (0..8_000_000u32).map(|n| (n / 5) as u8).collect();
        let mut one = manifest(1, plain.len() as u64);
        let folder = &bench.keeper.parts.folder;
        folder.write_manifest(&one).unwrap();
        let path = folder.of(one.recording_id).join("mix.opus");
        if let Some(key) = &key {
            one.files[0].encrypted = true;
            let to = File::create(path.with_added_extension("age")).unwrap();
            encrypt(&mut plain.as_slice(), to, &Recipients::new(Some(key), None)).unwrap();
        } else {
            fs::write(path, &plain).unwrap();
        }
        bench.keeper.settle(&one).await;
        let upload = bench.upload();
        bench
            .until("it is uploaded", async || {
                bench.is_uploaded(one.recording_id).await
            })
            .await;
        let entry = bench
            .keeper
            .parts
            .index
            .get(one.recording_id)
            .await
            .unwrap()
            .unwrap();
        let mut opened = bench.keeper.open(&entry, &entry.manifest.files[0]).await.unwrap();
        assert_eq!(opened.size, plain.len() as u64);
        let read = tokio::task::spawn_blocking(move || {
            let mut some = vec![0; 1_000];
            opened.reader.seek(SeekFrom::Start(5_000_000))?;
            opened.reader.read_exact(&mut some).map(|()| some)
        });
        assert!(read.await.unwrap().unwrap() == plain[5_000_000..5_001_000]);
        let fetched = bench.keeper.parts.figures.fetched_bytes.load(Relaxed);
        assert!(fetched <= 1 << 20, "{fetched} bytes of {}", plain.len());
        upload.abort();
    }
}

#[tokio::test]
async fn a_recording_that_failed_is_told_of_once_and_tried_again_when_somebody_asks() {
    let bench = Bench::new("keeper-retry", Duration::ZERO, None).await;
    let index = &bench.keeper.parts.index;
    let mut failed = manifest(1, 0);
    failed.files.clear();
    failed.capture_of = Some("a".to_owned());
    failed.failure = Some(Failure {
        reason: "not a capture".to_owned(),
        tries: 3,
        at: 7,
    });
    let (id, key) = (failed.recording_id, SealKey::new([3; 32]));
    index.started(&failed, Some(&key)).await.unwrap();
    let folder = &bench.keeper.parts.folder;
    folder.write_manifest(&failed).unwrap();
    folder.note_tries(id, 3).unwrap();
    assert!(!bench.keeper.retry(id).await.unwrap(), "it runs");
    bench.keeper.settle(&failed).await;
    bench.keeper.settle(&failed).await;
    assert_eq!(bench.events().await, ["recording_failed"]);
    assert_eq!(index.get(id).await.unwrap().unwrap().state, State::Failed);
    assert_eq!(
        index.key("a").await.unwrap(),
        Some(key.clone()),
        "it may still be needed"
    );
    assert!(bench.keeper.retry(id).await.unwrap());
    assert!(!bench.keeper.retry(id).await.unwrap());
    // A start that looks again at what it knows does not undo what was asked for.
    bench.keeper.settle(&failed).await;
    bench.keeper.begin_retries().await.unwrap();
    bench.keeper.begin_retries().await.unwrap();
    let group = bench.keeper.parts.jobs.take().unwrap();
    let [job] = &group.jobs[..] else {
        panic!("not once")
    };
    assert_eq!((&job.manifest.failure, &job.key), (&None, &Some(key)));
    assert_eq!(folder.tries(id), 0);
    let mut finished = manifest(1, 9);
    finished.capture_of = Some("a".to_owned());
    bench.keeper.settle(&finished).await;
    assert_eq!(bench.events().await.len(), 2);
    assert_eq!(index.key("a").await.unwrap(), None, "nobody needs it any more");
}

#[tokio::test]
async fn the_key_of_a_capture_lasts_as_long_as_any_recording_of_it_waits() {
    let bench = Bench::new("keeper-keys", Duration::ZERO, None).await;
    let index = &bench.keeper.parts.index;
    let key = SealKey::new([4; 32]);
    let [first, second] = [1, 2].map(|number| {
        let mut one = manifest(number, 1);
        one.capture_of = Some("a".to_owned());
        one
    });
    index.started(&first, Some(&key)).await.unwrap();
    index.started(&second, Some(&key)).await.unwrap();
    bench.keeper.settle(&first).await;
    assert_eq!(index.keys().await.unwrap().get("a"), Some(&key));
    assert!(index.delete(second.recording_id).await.unwrap(), "it never began");
    assert_eq!(index.keys().await.unwrap().len(), 0);
}
