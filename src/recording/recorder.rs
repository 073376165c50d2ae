//! The recorder's face to the hub and to the API.

use super::figures::RecordingFigures;
use super::folder::{Folder, FolderError};
use super::index::Index;
use super::keeper::{Keeper, KeeperParts};
use super::writer::{self, Begin, Order, Written};
use super::{crypt, finisher, recover};
use crate::clock::unix_now;
use crate::config::{Recording, Secret};
use crate::media::{Announcement, CaptureId, MediaPlane};
use crate::store::StoreError;
use crate::sync::lock;
use crate::webhook::EventSink;
use crate::webhook::Targets;
use crossbeam_channel::{Sender, bounded, unbounded};
use omnigate_recording::manifest::{End, Manifest, MemberName};
use omnigate_room::{Ending, ParticipantId, Person, RecordingAbout, RecordingId, RoomId, Scene};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tracing::{info, warn};

/// Orders that may wait for the writer.
const ORDERS: usize = 65_536;
/// Name of a capture in the folder of each recording that needs it.
const CAPTURE: &str = "capture.ogg";
/// Of the free space that is asked for before a recording starts, this part is never filled by captures.
const RESERVE: u64 = 4;
/// How long the end waits for the writer.
const STOP: Duration = Duration::from_secs(5);

/// Why nothing can be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The folder is of no use.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What is in the folder cannot be read.
    #[error("recording.dir: {0}")]
    Io(#[from] std::io::Error),
    /// The key is none.
    #[error(transparent)]
    Key(#[from] crypt::CryptError),
    /// The object storage cannot be set up.
    #[error("recording.upload: {0}")]
    Upload(#[from] object_store::Error),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a recorder is made of.
pub struct RecorderParts {
    /// `recording.*`.
    pub settings: Recording,
    /// `http.public_url`, or the best guess.
    pub public_url: String,
    /// Where packets come from.
    pub media: Arc<MediaPlane>,
    /// What is said to recorded rooms.
    pub announcement: Option<Announcement>,
    /// The index.
    pub index: Index,
    /// Events go there.
    pub events: EventSink,
    /// Webhooks.
    pub targets: Targets,
}

/// One capture and the recordings that use it.
struct Capture {
    id: CaptureId,
    file: String,
    epoch: Instant,
    paused: bool,
    recordings: usize,
}

struct Running {
    room: RoomId,
    capture: CaptureId,
    epoch: Instant,
    manifest: Manifest,
}

#[derive(Default)]
struct State {
    captures: HashMap<RoomId, Capture>,
    running: BTreeMap<RecordingId, Running>,
    /// Who is in rooms, for the names in manifests.
    present: HashMap<RoomId, (Scene, BTreeMap<u64, MemberName>)>,
    next_capture: u32,
}

/// Records rooms.
pub struct Recorder {
    media: Arc<MediaPlane>,
    folder: Folder,
    index: Index,
    keeper: Arc<Keeper>,
    pub(crate) events: EventSink,
    announcement: Option<Announcement>,
    min_free: u64,
    full: AtomicBool,
    failed: UnboundedSender<RecordingId>,
    failures: Mutex<Option<UnboundedReceiver<RecordingId>>>,
    figures: Arc<RecordingFigures>,
    orders: Sender<Order>,
    state: Mutex<State>,
    /// Names of captures are told apart from those of earlier processes by this.
    process: u64,
}

impl Recorder {
    /// Opens the folder, starts the threads, and finishes what an earlier process left.
    pub async fn start(parts: RecorderParts) -> Result<Arc<Recorder>, RecordingError> {
        let settings = parts.settings;
        let folder = Folder::open(&settings.dir)?;
        let key = settings
            .key
            .as_ref()
            .map(Secret::expose)
            .map(crypt::identity)
            .transpose()?;
        let figures = Arc::new(RecordingFigures::default());
        let (orders, from_recorder) = bounded(ORDERS);
        let (tell, written) = unbounded();
        let (jobs, finish) = unbounded();
        let (finished, to_keep) = mpsc::unbounded_channel();
        let (failed, failures) = mpsc::unbounded_channel();
        let taps = parts.media.take_taps();
        let min_free = settings.min_free_mib.saturating_mul(1 << 20);
        let reserve = min_free / RESERVE;
        writer::Writer::start(
            folder.clone(),
            reserve,
            taps,
            from_recorder,
            tell,
            figures.clone(),
        )?;
        finisher::start(
            finisher::Finisher {
                folder: folder.clone(),
                content: settings.content,
                format: settings.format,
                webhook_format: settings.webhook_format,
                key: key.clone(),
                figures: figures.clone(),
            },
            finish,
            finished,
        )?;
        let keeper = Keeper::new(KeeperParts {
            folder: folder.clone(),
            index: parts.index.clone(),
            events: parts.events.clone(),
            targets: parts.targets,
            public_url: parts.public_url,
            settings: settings.clone(),
            key,
            figures: figures.clone(),
        })?;
        let left = recover::recover(
            &folder,
            &parts.index.all_finished().await?,
            &parts.index.unfinished().await?,
        )?;
        figures.recovered.fetch_add(left.crashed, Relaxed);
        for recording in left.to_finish {
            figures.waiting.fetch_add(1, Relaxed);
            let _ = jobs.send(recording);
        }
        keeper.clone().start(to_keep, left.finished);
        let recorder = Arc::new(Recorder {
            media: parts.media,
            folder,
            index: parts.index,
            keeper,
            events: parts.events,
            announcement: parts.announcement,
            min_free,
            full: AtomicBool::new(false),
            failed,
            failures: Mutex::new(Some(failures)),
            figures: figures.clone(),
            orders,
            state: Mutex::default(),
            process: rand::random(),
        });
        recorder.look_for_room();
        let this = recorder.clone();
        std::thread::Builder::new()
            .name("recording-events".into())
            .spawn(move || {
                for event in written {
                    match event {
                        Written::Captured(recording, manifest) => {
                            this.figures.waiting.fetch_add(1, Relaxed);
                            let _ = jobs.send((recording, *manifest));
                        }
                        Written::Failed(capture) => this.capture_failed(capture),
                    }
                }
            })?;
        Ok(recorder)
    }

    /// Counters.
    pub fn figures(&self) -> &Arc<RecordingFigures> {
        &self.figures
    }

    /// Recordings that end by themselves, for the hub; to be taken once.
    pub fn take_failures(&self) -> Option<UnboundedReceiver<RecordingId>> {
        lock(&self.failures).take()
    }

    /// The index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What is done with finished recordings.
    pub(crate) fn keeper(&self) -> &Arc<Keeper> {
        &self.keeper
    }

    /// Why nothing can be recorded at the moment, as a reason for clients.
    pub fn refusal(&self) -> Option<&'static str> {
        self.full.load(Relaxed).then_some("the server's disk is full")
    }

    /// Looks whether there is room for recordings; to be called now and then.
    pub fn look_for_room(&self) {
        let room = self.folder.free().is_ok_and(|free| free >= self.min_free);
        self.full.store(!room, Relaxed);
    }

    fn order(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            self.figures.disk_failures.fetch_add(1, Relaxed);
            warn!("the writer of recordings does not take orders");
        }
    }

    /// A recording begins (the hub's `StartRecording`).
    pub fn begin(&self, recording: RecordingId, room: RoomId, about: RecordingAbout) {
        let mut state = lock(&self.state);
        let now = Instant::now();
        let first = !state.captures.contains_key(&room);
        if first {
            state.next_capture += 1;
            let id = CaptureId(state.next_capture);
            let capture = Capture {
                id,
                file: format!("{:016x}-{}.ogg", self.process, id.0),
                epoch: now,
                paused: false,
                recordings: 0,
            };
            state.captures.insert(room, capture);
            self.media.capture(room, id, now);
        }
        let members = state.present.get(&room).map(|(_, members)| members.clone());
        let members = members.unwrap_or_default();
        let Some(capture) = state.captures.get_mut(&room) else {
            return;
        };
        capture.recordings += 1;
        let (id, epoch, file) = (capture.id, capture.epoch, capture.file.clone());
        let manifest = manifest(recording, about, members, (now - epoch).as_micros() as u64);
        info!(%recording, %room, reason = if manifest.by_policy { "policy" } else { "asked" }, "recording");
        self.figures.started.fetch_add(1, Relaxed);
        self.order(Order::Begin(Box::new(Begin {
            recording,
            manifest: manifest.clone(),
            capture: id,
            file,
        })));
        self.keeper.started(&manifest);
        let running = Running {
            room,
            capture: id,
            epoch,
            manifest,
        };
        state.running.insert(recording, running);
        drop(state);
        if let Some(announcement) = self.announcement.as_ref().filter(|_| first) {
            self.media.announce(room, announcement.clone());
        }
    }

    /// A recording ends (the hub's `StopRecording`).
    pub fn end(&self, recording: RecordingId, ending: Ending) {
        self.finish(recording, ending.word());
    }

    fn finish(&self, recording: RecordingId, reason: &str) {
        let mut state = lock(&self.state);
        let Some(mut running) = state.running.remove(&recording) else {
            return;
        };
        let at_us = running.epoch.elapsed().as_micros() as u64;
        running.manifest.end = Some(End {
            at_us,
            ended_at: unix_now(),
            reason: reason.to_owned(),
        });
        let mut close = false;
        if let Some(capture) = state
            .captures
            .get_mut(&running.room)
            .filter(|c| c.id == running.capture)
        {
            capture.recordings -= 1;
            close = capture.recordings == 0;
        }
        if close {
            state.captures.remove(&running.room);
            self.media.end_capture(running.room);
        }
        info!(%recording, reason, "recording ended");
        self.order(Order::Finish {
            recording,
            manifest: Box::new(running.manifest),
            capture: running.capture,
            close,
        });
    }

    /// The disk is full, or broken: what was recorded ends here; calls go on.
    fn capture_failed(&self, capture: CaptureId) {
        self.full.store(true, Relaxed);
        let of_it = |state: &State| -> Vec<RecordingId> {
            let all = state
                .running
                .iter()
                .filter(|(_, running)| running.capture == capture);
            all.map(|(recording, _)| *recording).collect()
        };
        let recordings = of_it(&lock(&self.state));
        for recording in recordings {
            self.finish(recording, "disk_full");
            let _ = self.failed.send(recording);
        }
    }

    /// Somebody takes part.
    pub fn entered(&self, room: RoomId, participant: ParticipantId, scene: &Scene, person: &Person) {
        self.events.joined(scene, person);
        let name = MemberName {
            session: person.session.clone(),
            user_id: person.user_id.clone(),
            user_name: person.user_name.clone(),
            call_type: person.call_type.to_owned(),
            telephone: person.telephone.is_some(),
        };
        let mut state = lock(&self.state);
        let present = state
            .present
            .entry(room)
            .or_insert_with(|| (scene.clone(), BTreeMap::new()));
        present.1.insert(participant.0, name.clone());
        for (recording, running) in state.running.iter_mut().filter(|(_, r)| r.room == room) {
            running.manifest.members.insert(participant.0, name.clone());
            self.order(Order::Manifest(*recording, Box::new(running.manifest.clone())));
        }
    }

    /// Somebody is gone.
    pub fn gone(&self, room: RoomId, participant: ParticipantId, ending: Ending) {
        let mut state = lock(&self.state);
        if let Some((scene, present)) = state.present.get_mut(&room) {
            if let Some(name) = present.remove(&participant.0) {
                self.events.left(scene, &name, ending);
            }
            if present.is_empty() {
                state.present.remove(&room);
            }
        }
    }

    /// Captures nothing of a recording's room for a while, or again; false when it does not run.
    pub fn pause(&self, recording: RecordingId, paused: bool) -> bool {
        let mut state = lock(&self.state);
        let Some(room) = state.running.get(&recording).map(|running| running.room) else {
            return false;
        };
        if let Some(capture) = state.captures.get_mut(&room)
            && capture.paused != paused
        {
            capture.paused = paused;
            self.media.pause_capture(room, paused);
            info!(%recording, paused, "recording paused or resumed");
        }
        true
    }

    /// Whether a recording that runs is paused; `None` when it does not run.
    pub fn is_paused(&self, recording: RecordingId) -> Option<bool> {
        let state = lock(&self.state);
        let room = state.running.get(&recording)?.room;
        Some(state.captures.get(&room)?.paused)
    }

    /// Everything that has ended is in files, and what runs has an end: the process stops.
    pub async fn stop(&self) {
        let all: Vec<RecordingId> = lock(&self.state).running.keys().copied().collect();
        for recording in all {
            self.finish(recording, Ending::RoomClosed.word());
        }
        let (done, stopped) = bounded(1);
        self.order(Order::Stop(done));
        let _ = tokio::task::spawn_blocking(move || stopped.recv_timeout(STOP)).await;
    }
}

fn manifest(
    recording: RecordingId,
    about: RecordingAbout,
    members: BTreeMap<u64, MemberName>,
    start_us: u64,
) -> Manifest {
    let (person, call) = (about.person, about.call);
    Manifest {
        version: 1,
        recording_id: recording.to_string(),
        service_id: about.scene.service_id,
        room_id: about.scene.room_id,
        room_type: about.scene.room_type.to_owned(),
        call_type: person.call_type.to_owned(),
        session: person.session,
        user_id: person.user_id,
        user_name: person.user_name,
        by_policy: about.by_policy,
        caller_member: call.as_ref().map(|call| call.caller_is.0),
        caller: call.as_ref().map(|call| call.caller.clone()),
        callee: call.map(|call| call.callee),
        started_at: about.started_at,
        capture: CAPTURE.to_owned(),
        start_us,
        end: None,
        members,
        timeline: None,
        files: Vec::new(),
        peaks: Vec::new(),
    }
}
