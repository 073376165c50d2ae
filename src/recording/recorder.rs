//! The recorder's face to the rooms and to the API.

use super::crypt::{self, Recipients};
use super::error::RecordingError;
use super::figures::RecordingFigures;
use super::finisher::{Finisher, Trying};
use super::folder::Folder;
use super::index::Index;
use super::jobs::{Job, Jobs};
use super::keeper::{Keeper, KeeperParts};
use super::left::Left;
use super::notes::{Notes, Written};
use super::quotas::Quotas;
use super::writer::{Begin, Order, Writer, WriterParts};
use crate::clock::unix_now;
use crate::config::{Recording, Service};
use crate::media::{CaptureId, TapReader};
use crate::store::StoreError;
use crate::supervise::{Supervisor, test_point};
use crate::sync::lock;
use crate::webhook::EventSink;
use crate::webhook::Targets;
use age::x25519::Identity;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use hmac::{Hmac, KeyInit, Mac};
use omnigate_recording::manifest::{Manifest, MemberName, RecordingEnd};
use omnigate_recording::sealed::SealKey;
use omnigate_room::{Ending, ParticipantId, Person, RecordingAbout, RecordingId, RoomId, Secret};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tracing::{info, warn};

/// While so many orders wait for the writer, no recording begins. The end of a recording is always
/// taken: there is one for each that has begun.
const ORDERS: usize = 65_536;
/// Name of a capture in the folder of each recording that needs it.
const CAPTURE: &str = "capture.ogg";
/// Of the free space that is asked for before a recording starts, this part is never filled by captures.
const RESERVE: u64 = 4;
/// How long the end waits for the writer.
const STOP: Duration = Duration::from_secs(5);

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

/// Names in a manifest at most: who comes and goes all day is not to fill it.
const MOST_NAMES: usize = 4_096;

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
    quotas: Quotas,
    /// Whether the index is yet to be read.
    absent: Arc<AtomicBool>,
    tell: UnboundedSender<RecordingNews>,
    news: Mutex<Option<UnboundedReceiver<RecordingNews>>>,
    figures: Arc<RecordingFigures>,
    capturing: Capturing,
    jobs: Jobs,
    trying: Trying,
}

/// What is captured at present.
struct Capturing {
    orders: Sender<Order>,
    notes: Arc<Notes>,
    /// What runs.
    state: Arc<Mutex<State>>,
    /// Names of captures are told apart from those of earlier processes by this.
    process: u64,
    /// The keys of sealed captures are made of this.
    seal: Option<[u8; 32]>,
}

impl Capturing {
    /// Starts the threads that write.
    fn start(
        parts: WriterParts,
        seal: Option<[u8; 32]>,
        supervisor: &Supervisor,
    ) -> std::io::Result<Capturing> {
        let (state, notes) = (Arc::<Mutex<State>>::default(), parts.notes.clone());
        let running = state.clone();
        let present = move |recording| {
            let state = lock(&running);
            state
                .get(&recording)
                .map(|running: &Running| running.manifest.clone())
        };
        let (folder, tell, figures) = (parts.folder.clone(), parts.tell.clone(), parts.figures.clone());
        notes.start(folder, Box::new(present), tell, figures, supervisor)?;
        Ok(Capturing {
            orders: Writer::start(parts, supervisor)?,
            notes,
            state,
            process: rand::random(),
            seal,
        })
    }

    fn name(&self, capture: CaptureId) -> String {
        format!("{:016x}-{}", self.process, capture.0)
    }

    /// The key of a capture of this process, the same whenever it is asked for.
    fn key(&self, capture: Option<&str>) -> Option<SealKey> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.seal.as_ref()?).ok()?;
        mac.update(capture?.as_bytes());
        Some(SealKey::new(mac.finalize().into_bytes().into()))
    }
}

/// Who can read what is recorded.
struct Keys {
    /// `recording.key`.
    own: Option<Identity>,
    recipients: Recipients,
    /// Of captures, if somebody has to be able to read the files.
    seal: Option<[u8; 32]>,
}

impl Keys {
    fn read(settings: &Recording) -> Result<Keys, crypt::CryptError> {
        let own = settings.key.as_ref().map(Secret::expose);
        let own = own.map(crypt::identity).transpose()?;
        let recipient = settings.recipient.as_deref().map(crypt::recipient).transpose()?;
        let recipients = Recipients::new(own.as_ref(), recipient.as_ref());
        Ok(Keys {
            seal: (!recipients.is_empty()).then(rand::random),
            own,
            recipients,
        })
    }
}

impl Recorder {
    /// Opens the folder, starts the threads, and finishes what an earlier process left.
    pub async fn start(
        parts: RecorderParts,
        supervisor: &Supervisor,
    ) -> Result<Arc<Recorder>, RecordingError> {
        let settings = parts.settings;
        let folder = Folder::open(&settings.dir)?;
        let keys = Keys::read(&settings)?;
        let figures = Arc::new(RecordingFigures::default());
        let min_free = settings.min_free_mib.saturating_mul(1 << 20);
        let (tell_written, written) = unbounded();
        let capturing = Capturing::start(
            WriterParts {
                folder: folder.clone(),
                reserve: min_free / RESERVE,
                taps: parts.taps,
                notes: Arc::new(Notes::new()),
                tell: tell_written.clone(),
                figures: figures.clone(),
            },
            keys.seal,
            supervisor,
        )?;
        let (jobs, trying) = (Jobs::new(figures.clone()), Trying::default());
        let finisher = Finisher {
            folder: folder.clone(),
            content: settings.content,
            format: settings.format,
            webhook_format: settings.webhook_format,
            recipients: keys.recipients,
            reserve: min_free / RESERVE,
            trying: trying.clone(),
            figures: figures.clone(),
        };
        let keeper = Keeper::new(KeeperParts {
            folder: folder.clone(),
            index: parts.index.clone(),
            events: parts.events,
            targets: parts.targets,
            public_url: parts.public_url,
            settings,
            key: keys.own,
            jobs: jobs.clone(),
            kept: tell_written,
            figures: figures.clone(),
        })?;
        let absent = Arc::new(AtomicBool::new(true));
        let left = Left {
            folder: folder.clone(),
            index: parts.index.clone(),
            jobs: jobs.clone(),
            figures: figures.clone(),
            absent: absent.clone(),
        };
        let known = left.begin().await?;
        let made = finisher.start(jobs.clone(), supervisor)?;
        keeper.clone().start(made, known, supervisor);
        let (tell, news) = mpsc::unbounded_channel();
        let recorder = Arc::new(Recorder {
            folder,
            index: parts.index,
            keeper,
            min_free,
            full: AtomicBool::new(false),
            quotas: Quotas::default(),
            absent,
            tell,
            news: Mutex::new(Some(news)),
            figures,
            capturing,
            jobs,
            trying,
        });
        recorder.look_for_room();
        let watcher = recorder.clone();
        supervisor.restarting("recording-quotas", move || {
            let watcher = watcher.clone();
            async move { watcher.quotas.watch(watcher.index.clone()).await }
        });
        recorder.clone().follow(written, supervisor)?;
        Ok(recorder)
    }

    /// Starts the thread that takes what becomes of recordings on the disk.
    fn follow(self: Arc<Self>, written: Receiver<Written>, supervisor: &Supervisor) -> std::io::Result<()> {
        let follow = move || {
            let mut begun = Begun::default();
            for event in written {
                test_point("recording-events");
                match event {
                    Written::Begun(recording) | Written::Kept(recording) => {
                        // What has ended meanwhile needs no key any more, and is not told of a second time.
                        let complete = if self.runs(recording) {
                            begun.is_there(recording, self.halves())
                        } else {
                            self.capturing.seal.is_none()
                        };
                        if complete {
                            begun.told.insert(recording);
                            self.figures.active.fetch_add(1, Relaxed);
                            self.news(RecordingNews::Begun(recording));
                        }
                    }
                    Written::Never(manifest) => {
                        begun.over(manifest.recording_id);
                        self.jobs.never(manifest.capture_of.as_deref());
                        self.keeper.never(manifest.recording_id);
                    }
                    Written::Captured(manifest) => {
                        if begun.over(manifest.recording_id) {
                            self.figures.active.fetch_sub(1, Relaxed);
                        }
                        let key = self.capturing.key(manifest.capture_of.as_deref());
                        let manifest = *manifest;
                        self.jobs.add(Job { manifest, key });
                    }
                    Written::Failed(capture) => self.capture_failed(capture),
                }
            }
        };
        supervisor.thread("recording-events", follow)?;
        Ok(())
    }

    /// What is to be there before a recording has begun: it on the disk, and of a sealed one its key in the store.
    fn halves(&self) -> u8 {
        1 + u8::from(self.capturing.seal.is_some())
    }

    fn runs(&self, recording: RecordingId) -> bool {
        lock(&self.capturing.state).contains_key(&recording)
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

    /// Deletes the oldest recordings of a service until its files here take no more than so many bytes; how many went.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn trim(&self, service: &str, bytes: u64) -> Result<usize, StoreError> {
        self.keeper.trim(service, bytes).await
    }

    /// What is done with finished recordings.
    pub(crate) fn keeper(&self) -> &Arc<Keeper> {
        &self.keeper
    }

    /// Services that have as much as `service.quota.storage_mib` allows.
    pub(crate) fn full_services(&self) -> BTreeSet<String> {
        self.quotas.full()
    }

    /// What services with such a quota have and may have, bytes.
    pub fn storage(&self) -> Vec<(String, u64, u64)> {
        self.quotas.figures()
    }

    /// The service is this one from now on.
    pub fn set_service(&self, service: &Service) {
        self.quotas.set(service);
    }

    /// Why nothing can be recorded at the moment, as a reason for clients.
    pub fn refusal(&self) -> Option<&'static str> {
        let absent = self.absent.load(Relaxed) || self.index.store().absent().is_some();
        match self.full.load(Relaxed) {
            true => Some("the server's disk is full"),
            false => absent.then_some("the server's database is absent"),
        }
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
        let taken =
            (ends || self.capturing.orders.len() < ORDERS) && self.capturing.orders.send(order).is_ok();
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
        let mut manifest = manifest(recording, room, about, epoch.elapsed().as_micros() as u64);
        let name = self.capturing.name(capture);
        let (file, key) = (format!("{name}.ogg"), self.capturing.key(Some(&name)));
        (manifest.capture_of, manifest.sealed) = (Some(name), key.is_some());
        info!(%recording, %room, reason = if manifest.by_policy { "policy" } else { "asked" }, "recording");
        self.figures.started.fetch_add(1, Relaxed);
        self.jobs.begun(manifest.capture_of.as_deref());
        let begin = Begin {
            manifest: manifest.clone(),
            capture,
            file,
            key: key.clone(),
        };
        let running = Running {
            room,
            capture,
            epoch,
            manifest: manifest.clone(),
        };
        // Before the writer has it: what that tells of the capture is about this recording too.
        lock(&self.capturing.state).insert(recording, running);
        self.keeper.started(&manifest, key);
        if !self.order(Order::Begin(Box::new(begin))) {
            lock(&self.capturing.state).remove(&recording);
            self.jobs.never(manifest.capture_of.as_deref());
            self.keeper.never(recording);
            self.news(RecordingNews::Failed(recording));
        }
    }

    /// A recording ends; `close`: its room's capture too. One that has ended by itself is ignored.
    pub fn end(&self, recording: RecordingId, ending: Ending, close: bool) {
        self.finish(recording, ending.word(), close);
    }

    fn finish(&self, recording: RecordingId, reason: &str, close: bool) {
        let Some(mut running) = lock(&self.capturing.state).remove(&recording) else {
            return;
        };
        running.manifest.end = Some(RecordingEnd {
            at_us: running.epoch.elapsed().as_micros() as u64,
            ended_at: unix_now(),
            reason: reason.to_owned(),
        });
        info!(%recording, reason, "recording ended");
        self.order(Order::Finish {
            manifest: Box::new(running.manifest),
            capture: running.capture,
            close,
        });
    }

    /// The disk is full, or broken: what was recorded ends here; calls go on.
    fn capture_failed(&self, capture: CaptureId) {
        self.full.store(true, Relaxed);
        let of_it: Vec<RecordingId> = lock(&self.capturing.state)
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
        let mut state = lock(&self.capturing.state);
        for (recording, running) in state.iter_mut().filter(|(_, r)| r.room == room) {
            let members = &mut running.manifest.members;
            if members.len() < MOST_NAMES {
                members.insert(participant.0, member_name(person));
                self.capturing.notes.touched(*recording);
            }
        }
    }

    /// Everything that has ended is in files, and what runs has an end: the process stops.
    pub async fn stop(&self) {
        let all: Vec<RecordingId> = lock(&self.capturing.state).keys().copied().collect();
        for recording in all {
            self.finish(recording, Ending::RoomClosed.word(), true);
        }
        let (done, stopped) = bounded(1);
        self.order(Order::Stop(done));
        let _ = tokio::task::spawn_blocking(move || stopped.recv_timeout(STOP)).await;
        self.trying.take_back(&self.folder);
    }
}

/// Which recordings have begun, and how far the others have come.
#[derive(Default)]
struct Begun {
    halves: HashMap<RecordingId, u8>,
    told: HashSet<RecordingId>,
}

impl Begun {
    /// One more thing that a recording needs is there; whether that is all.
    fn is_there(&mut self, recording: RecordingId, all: u8) -> bool {
        let there = self.halves.entry(recording).or_default();
        *there += 1;
        let complete = *there >= all;
        if complete {
            self.halves.remove(&recording);
        }
        complete
    }

    /// It is over; whether it had begun.
    fn over(&mut self, recording: RecordingId) -> bool {
        self.halves.remove(&recording);
        self.told.remove(&recording)
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
        capture_of: None,
        sealed: false,
        start_us,
        end: None,
        members,
        timeline: None,
        files: Vec::new(),
        file_set: None,
        failure: None,
        peaks: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
