//! What has begun is on the disk, and of a sealed one the key is in the store.

use super::*;
use crate::config::Settings;
use crate::recording::index::State as Stage;
use crate::store::Store;
use crate::webhook::Outbox;
use age::secrecy::ExposeSecret;
use omnigate_room::Scene;
use std::path::PathBuf;
use tokio::time::timeout;

struct Bench {
    root: PathBuf,
    store: Store,
    recorder: Arc<Recorder>,
    news: UnboundedReceiver<RecordingNews>,
}

impl Bench {
    async fn new(name: &str, encrypted: bool) -> Bench {
        let (store, root) = crate::store::tests::store(name).await;
        let mut settings = Settings::default();
        settings.recording.dir = root.join("recordings");
        settings.recording.min_free_mib = 1;
        if encrypted {
            let key = Identity::generate().to_string().expose_secret().to_owned();
            settings.recording.key = Some(Secret::new(key));
        }
        let (supervisor, _) = Supervisor::new();
        let targets = Targets::new(&settings);
        let outbox = Outbox::new(store.clone());
        let parts = RecorderParts {
            settings: settings.recording,
            public_url: String::new(),
            taps: Vec::new(),
            index: Index::new(store.clone()),
            events: EventSink::start(outbox, targets.clone(), Arc::default(), &supervisor),
            targets,
        };
        let recorder = Recorder::start(parts, &supervisor).await.unwrap();
        let news = recorder.take_news().unwrap();
        Bench {
            root,
            store,
            recorder,
            news,
        }
    }

    fn begin(&self, number: u128) -> RecordingId {
        let person = Person {
            session: "s".to_owned(),
            user_id: "ann".to_owned(),
            user_name: "Ann".to_owned(),
            call_type: "audiocall",
            telephone: None,
        };
        let recording = RecordingId(number << 64);
        self.recorder.begin(Beginning {
            recording,
            room: RoomId(7),
            capture: CaptureId(3),
            epoch: Instant::now(),
            about: RecordingAbout {
                scene: Scene {
                    service_id: "demo".to_owned(),
                    room_id: RoomId(7).to_string(),
                    room_type: "audioroom",
                },
                person,
                by_policy: false,
                call: None,
                telephone: None,
                started_at: 1_700_000_000,
                members: Vec::new(),
            },
        });
        recording
    }

    async fn told(&mut self) -> Option<RecordingNews> {
        timeout(Duration::from_secs(1), self.news.recv())
            .await
            .ok()
            .flatten()
    }

    async fn until_finished(&self, recording: RecordingId) {
        for _ in 0..500 {
            let entry = self.recorder.index().get(recording).await.unwrap();
            if entry.is_some_and(|entry| entry.state == Stage::Finished) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it is not finished");
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_sealed_capture_is_in_the_store_before_its_recording_has_begun_and_goes_with_it() {
    let mut bench = Bench::new("recorder-key", true).await;
    let [first, second] = [1, 2].map(|number| bench.begin(number));
    for recording in [first, second] {
        assert_eq!(bench.told().await, Some(RecordingNews::Begun(recording)));
        assert_eq!(
            bench.recorder.index().keys().await.unwrap().len(),
            1,
            "one a capture"
        );
        let capture = bench.recorder.folder.of(recording).join(CAPTURE);
        assert!(std::fs::read(capture).unwrap().starts_with(b"OmniSea1"));
    }
    assert_eq!(bench.recorder.figures().active.load(Relaxed), 2);
    bench.recorder.end(first, Ending::Stop, false);
    bench.recorder.end(second, Ending::Stop, true);
    bench.until_finished(first).await;
    bench.until_finished(second).await;
    assert_eq!(bench.recorder.index().keys().await.unwrap().len(), 0);
    assert_eq!(bench.recorder.figures().active.load(Relaxed), 0);
    assert_eq!(bench.recorder.figures().waiting.load(Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_store_a_sealed_recording_has_not_begun_and_a_plain_one_has() {
    let mut sealed = Bench::new("recorder-sealed", true).await;
    sealed.store.close().await;
    let recording = sealed.begin(1);
    assert_eq!(sealed.told().await, None);
    assert_eq!(sealed.recorder.figures().active.load(Relaxed), 0);
    // Whoever waits for it may give up: nothing of it is counted later.
    sealed.recorder.end(recording, Ending::Stop, true);
    assert_eq!(sealed.told().await, None);
    let mut plain = Bench::new("recorder-plain", false).await;
    plain.store.close().await;
    let recording = plain.begin(1);
    assert_eq!(plain.told().await, Some(RecordingNews::Begun(recording)));
}
