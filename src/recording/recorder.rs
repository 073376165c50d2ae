//! The recorder's face to the rooms and to the API.

use super::figures::RecordingFigures;
use super::finisher::{Finisher, Jobs};
use super::folder::{Folder, FolderError};
use super::index::Index;
use super::keeper::{Keeper, KeeperParts};
use super::writer::{Begin, Order, Writer, Written};
use super::{crypt, recover};
use crate::clock::unix_now;
use crate::config::Recording;
use crate::media::{CaptureId, TapReader};
use crate::store::StoreError;
use crate::supervise::{Supervisor, test_point};
use crate::sync::lock;
use crate::webhook::EventSink;
use crate::webhook::Targets;
use crossbeam_channel::{Receiver, Sender, bounded};
use omnigate_recording::manifest::{Manifest, MemberName, RecordingEnd};
use omnigate_room::{Ending, ParticipantId, Person, RecordingAbout, RecordingId, RoomId, Secret};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tracing::{info, warn};

/// While so many orders wait for the writer, no recording begins and no name is noted. The end of a recording is always
/// taken: there is one for each that has begun.
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
    pub taps: Vec<TapReader>,
    /// The index.
    pub index: Index,
    /// Events go there.
    pub events: EventSink,
    /// Webhooks.
    pub targets: Targets,
}

/// A recording that begins.
pub struct Beginning {
    /// Which.
    pub recording: RecordingId,
    /// What it records.
    pub room: RoomId,
    /// The room's capture.
    pub capture: CaptureId,
    /// The capture's times are counted from here.
    pub epoch: Instant,
    /// What is known about it.
    pub about: RecordingAbout,
}

/// What becomes of recordings that have begun or were to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingNews {
    /// It is on the disk; told once of each that can begin.
    Begun(RecordingId),
    /// The disk does not take it, or not any more: it is over.
    Failed(RecordingId),
}

struct Running {
    room: RoomId,
    capture: CaptureId,
    epoch: Instant,
    manifest: Manifest,
}

type State = BTreeMap<RecordingId, Running>;

/// Records rooms.
pub struct Recorder {
    folder: Folder,
    index: Index,
    keeper: Arc<Keeper>,
    min_free: u64,
    full: AtomicBool,
    tell: UnboundedSender<RecordingNews>,
    news: Mutex<Option<UnboundedReceiver<RecordingNews>>>,
    figures: Arc<RecordingFigures>,
    orders: Sender<Order>,
    /// What runs.
    state: Mutex<State>,
    /// Names of captures are told apart from those of earlier processes by this.
    process: u64,
}

impl Recorder {
    /// Opens the folder, starts the threads, and finishes what an earlier process left.
    pub async fn start(
        parts: RecorderParts,
        supervisor: &Supervisor,
    ) -> Result<Arc<Recorder>, RecordingError> {
        let settings = parts.settings;
        let folder = Folder::open(&settings.dir)?;
        let key = settings.key.as_ref().map(Secret::expose);
        let key = key.map(crypt::identity).transpose()?;
        let figures = Arc::new(RecordingFigures::default());
        let min_free = settings.min_free_mib.saturating_mul(1 << 20);
        let reserve = min_free / RESERVE;
        let (orders, written) =
            Writer::start(folder.clone(), reserve, parts.taps, figures.clone(), supervisor)?;
        let finisher = Finisher {
            folder: folder.clone(),
            content: settings.content,
            format: settings.format,
            webhook_format: settings.webhook_format,
            key: key.clone(),
            figures: figures.clone(),
        };
        let (jobs, made) = finisher.start(supervisor)?;
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
        for (recording, manifest) in left.to_finish {
            jobs.add(recording, manifest);
        }
        keeper.clone().start(made, left.finished, supervisor);
        let (tell, news) = mpsc::unbounded_channel();
        let recorder = Arc::new(Recorder {
            folder,
            index: parts.index,
            keeper,
            min_free,
            full: AtomicBool::new(false),
            tell,
            news: Mutex::new(Some(news)),
            figures,
            orders,
            state: Mutex::default(),
            process: rand::random(),
        });
        recorder.look_for_room();
        recorder.clone().follow(written, jobs, supervisor)?;
        Ok(recorder)
    }

    /// Starts the thread that takes what the writer tells.
    fn follow(
        self: Arc<Self>,
        written: Receiver<Written>,
        jobs: Jobs,
        supervisor: &Supervisor,
    ) -> std::io::Result<()> {
        let follow = move || {
            for event in written {
                test_point("recording-events");
                match event {
                    Written::Begun(recording) => self.news(RecordingNews::Begun(recording)),
                    Written::Never(recording) => self.keeper.never(recording),
                    Written::Captured(recording, manifest) => jobs.add(recording, *manifest),
                    Written::Failed(capture) => self.capture_failed(capture),
                }
            }
        };
        supervisor.thread("recording-events", follow)?;
        Ok(())
    }

    /// Counters.
    pub fn figures(&self) -> &Arc<RecordingFigures> {
        &self.figures
    }

    /// What becomes of recordings, for the hubs; to be taken once.
    pub fn take_news(&self) -> Option<UnboundedReceiver<RecordingNews>> {
        lock(&self.news).take()
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

    /// Whoever waits for it may have ended.
    fn news(&self, news: RecordingNews) {
        let _ = self.tell.send(news);
    }

    /// Whether the writer takes it.
    fn order(&self, order: Order) -> bool {
        let ends = matches!(order, Order::Finish { .. } | Order::Stop(_));
        let taken = (ends || self.orders.len() < ORDERS) && self.orders.send(order).is_ok();
        if !taken {
            self.figures.disk_failures.fetch_add(1, Relaxed);
            warn!("the writer of recordings does not take orders");
        }
        taken
    }

    /// A recording begins; [`RecordingNews`] follow.
    pub fn begin(&self, beginning: Beginning) {
        let Beginning {
            recording,
            room,
            capture,
            epoch,
            about,
        } = beginning;
        let manifest = manifest(recording, room, about, epoch.elapsed().as_micros() as u64);
        info!(%recording, %room, reason = if manifest.by_policy { "policy" } else { "asked" }, "recording");
        self.figures.started.fetch_add(1, Relaxed);
        let begin = Begin {
            recording,
            manifest: manifest.clone(),
            capture,
            file: format!("{:016x}-{}.ogg", self.process, capture.0),
        };
        let running = Running {
            room,
            capture,
            epoch,
            manifest: manifest.clone(),
        };
        // Before the writer has it: what that tells of the capture is about this recording too.
        lock(&self.state).insert(recording, running);
        self.keeper.started(&manifest);
        if !self.order(Order::Begin(Box::new(begin))) {
            lock(&self.state).remove(&recording);
            self.keeper.never(recording);
            self.news(RecordingNews::Failed(recording));
        }
    }

    /// A recording ends; `close`: its room's capture too. One that has ended by itself is ignored.
    pub fn end(&self, recording: RecordingId, ending: Ending, close: bool) {
        self.finish(recording, ending.word(), close);
    }

    fn finish(&self, recording: RecordingId, reason: &str, close: bool) {
        let Some(mut running) = lock(&self.state).remove(&recording) else {
            return;
        };
        running.manifest.end = Some(RecordingEnd {
            at_us: running.epoch.elapsed().as_micros() as u64,
            ended_at: unix_now(),
            reason: reason.to_owned(),
        });
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
        let of_it: Vec<RecordingId> = lock(&self.state)
            .iter()
            .filter(|(_, running)| running.capture == capture)
            .map(|(recording, _)| *recording)
            .collect();
        for recording in of_it {
            self.finish(recording, "disk_full", true);
            self.news(RecordingNews::Failed(recording));
        }
    }

    /// Somebody takes part in a room: its recordings get another name.
    pub fn entered(&self, room: RoomId, participant: ParticipantId, person: &Person) {
        let mut state = lock(&self.state);
        for (recording, running) in state.iter_mut().filter(|(_, r)| r.room == room) {
            running
                .manifest
                .members
                .insert(participant.0, member_name(person));
            self.order(Order::Manifest(*recording, Box::new(running.manifest.clone())));
        }
    }

    /// Everything that has ended is in files, and what runs has an end: the process stops.
    pub async fn stop(&self) {
        let all: Vec<RecordingId> = lock(&self.state).keys().copied().collect();
        for recording in all {
            self.finish(recording, Ending::RoomClosed.word(), true);
        }
        let (done, stopped) = bounded(1);
        self.order(Order::Stop(done));
        let _ = tokio::task::spawn_blocking(move || stopped.recv_timeout(STOP)).await;
    }
}

fn member_name(person: &Person) -> MemberName {
    MemberName {
        session: person.session.clone(),
        user_id: person.user_id.clone(),
        user_name: person.user_name.clone(),
        call_type: person.call_type.to_owned(),
        telephone: person.telephone.is_some(),
    }
}

fn manifest(recording: RecordingId, room: RoomId, about: RecordingAbout, start_us: u64) -> Manifest {
    let (person, call) = (about.person, about.call);
    let members = about.members.iter();
    let members = members.map(|(id, person)| (id.0, member_name(person))).collect();
    Manifest {
        version: 1,
        recording_id: recording,
        service_id: about.scene.service_id,
        room_id: room,
        room_type: about.scene.room_type.to_owned(),
        call_type: person.call_type.to_owned(),
        session: person.session,
        user_id: person.user_id,
        user_name: person.user_name,
        by_policy: about.by_policy,
        call_id: call.as_ref().map(|call| call.id).or(about.telephone),
        caller_member: call.as_ref().map(|call| call.caller_is),
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
