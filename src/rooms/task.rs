//! The thread of the rooms, and the handle by which everybody else reaches them.

use super::figures::RoomFigures;
use super::host::{Host, HostParts};
use super::ledger::{Ledger, Line, Written};
use super::media_port::RoomMedia;
use super::numbers::{self, Assigned, Wish};
use super::orders::RoomOrder;
use super::outbox::{Outbox, OutboxReader, outbox};
use super::port::{Destination, DialOrder, PATIENCE, RoomPort, RoomsError, SocketOrigin, Telephone};
use crate::clock::unix_micros;
use crate::directory::{Guesses, Numbers};
use crate::media::{Announcement, LegSeat, MediaPlane, PeerEvent};
use crate::observe::{Audit, Beat};
use crate::recording::Recorder;
use crate::store::Store;
use crate::supervise::{Supervisor, test_point};
use crate::webhook::EventSink;
use omnigate_omnitalk::{DialRefusal, HubSettings, Now, Refusal, Service, SocketId, Tenants};
use omnigate_room::{CallId, CallOver, RecordingId, RoomId, Secret};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tracing::warn;

/// Places in the queue of the rooms. Whoever finds it full waits.
const COMMANDS: usize = 4096;
/// How often the space for recordings is looked at.
const SPACE: Duration = Duration::from_secs(5);

/// How often it is looked whether calls are over, at the end.
const LOOK: Duration = Duration::from_millis(100);

enum Command {
    Connected(SocketId, SocketOrigin, Outbox),
    Received(SocketId, String),
    Disconnected(SocketId),
    Connect(CallId, Box<Telephone>, Destination, oneshot::Sender<()>),
    Dialled(CallId, Box<Result<Telephone, DialRefusal>>, oneshot::Sender<()>),
    Answered(CallId, oneshot::Sender<()>),
    Failed(CallId, CallOver, oneshot::Sender<()>),
    Reseat(CallId, LegSeat, oneshot::Sender<()>),
    HungUp(CallId, oneshot::Sender<()>),
    Pause(RecordingId, bool, oneshot::Sender<bool>),
    Recordings(oneshot::Sender<HashMap<RecordingId, bool>>),
    Figures(oneshot::Sender<RoomFigures>),
    Restored(oneshot::Sender<()>),
    Look(Look),
    Manage(String, RoomOrder, oneshot::Sender<Result<RoomId, Refusal>>),
    SetService(Box<Service>, oneshot::Sender<bool>),
    RemoveService(String, bool, oneshot::Sender<()>),
    SetJoinKey(Secret),
    Drain,
    CloseAll(oneshot::Sender<()>),
}

/// What somebody wants to see of the hubs.
type Look = Box<dyn FnOnce(&Tenants) + Send>;

/// What the rooms are made of.
pub struct RoomsParts {
    /// The services, each with a hub of its own.
    pub services: Vec<Service>,
    /// What the hubs have in common.
    pub settings: HubSettings,
    /// Where sound and video are.
    pub media: Arc<MediaPlane>,
    /// What the media plane tells.
    pub media_events: UnboundedReceiver<PeerEvent>,
    /// What records.
    pub recorder: Arc<Recorder>,
    /// Who did what.
    pub audit: Audit,
    /// What is said to recorded rooms.
    pub announcement: Option<Announcement>,
    /// Who takes part and what becomes of calls goes there.
    pub events: EventSink,
    /// Who calls telephones for apps.
    pub dials: UnboundedSender<DialOrder>,
    /// Who gives out call numbers.
    pub numbers: Arc<dyn Numbers>,
    /// The budget for asking for those of others.
    pub guesses: Arc<Guesses>,
    /// Where rooms are written down.
    pub store: Store,
    /// Shows that the rooms are alive.
    pub beat: Beat,
}

/// Reaches the rooms.
#[derive(Clone)]
pub struct Rooms(mpsc::Sender<Command>);

impl Rooms {
    /// Starts their thread: no browser and no call delays it, and it delays none.
    ///
    /// # Errors
    /// That of the system when there is no thread to be had.
    pub fn start(parts: RoomsParts, supervisor: &Supervisor) -> std::io::Result<Rooms> {
        let (sender, commands) = mpsc::channel(COMMANDS);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let books = Books::start(&parts, supervisor);
        supervisor.thread("rooms", move || runtime.block_on(run(parts, books, commands)))?;
        Ok(Rooms(sender))
    }

    pub(crate) async fn connected(&self, socket: SocketId, from: SocketOrigin) -> OutboxReader {
        let (outbox, reader) = outbox();
        let _ = self.0.send(Command::Connected(socket, from, outbox)).await;
        reader
    }

    pub(crate) async fn received(&self, socket: SocketId, text: String) {
        let _ = self.0.send(Command::Received(socket, text)).await;
    }

    pub(crate) async fn disconnected(&self, socket: SocketId) {
        let _ = self.0.send(Command::Disconnected(socket)).await;
    }

    /// Captures nothing of a recording's room for a while, or again; false when the recording does not run.
    ///
    /// # Errors
    /// The rooms have ended or do not answer.
    pub async fn pause(&self, recording: RecordingId, paused: bool) -> Result<bool, RoomsError> {
        self.ask(|answer| Command::Pause(recording, paused, answer)).await
    }

    /// The recordings that run, and whether each is paused.
    ///
    /// # Errors
    /// The rooms have ended or do not answer.
    pub async fn recordings(&self) -> Result<HashMap<RecordingId, bool>, RoomsError> {
        self.ask(Command::Recordings).await
    }

    /// Counts for metrics.
    ///
    /// # Errors
    /// The rooms have ended or do not answer.
    pub async fn figures(&self) -> Result<RoomFigures, RoomsError> {
        self.ask(Command::Figures).await
    }

    /// Looks at the hubs.
    ///
    /// # Errors
    /// The rooms have ended or do not answer.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Tenants) -> T + Send + 'static,
    ) -> Result<T, RoomsError> {
        self.ask(|answer| Command::Look(Box::new(move |tenants| drop(answer.send(look(tenants))))))
            .await
    }

    /// Carries out what a service wants of its rooms: the room, when that is in the store.
    ///
    /// # Errors
    /// The rooms have ended or do not answer.
    pub async fn manage(
        &self,
        service: &str,
        order: RoomOrder,
    ) -> Result<Result<RoomId, Refusal>, RoomsError> {
        self.ask(|answer| Command::Manage(service.to_owned(), order, answer))
            .await
    }

    /// There is a service, or it is another one from now on: what it has goes on. False: there have been too many in the life of this
    /// process.
    ///
    /// # Errors
    /// The rooms have ended or do not answer.
    pub async fn set_service(&self, service: Service) -> Result<bool, RoomsError> {
        self.ask(|done| Command::SetService(Box::new(service), done))
            .await
    }

    pub(super) async fn set_join_key(&self, key: Secret) {
        let _ = self.0.send(Command::SetJoinKey(key)).await;
    }

    /// There is no such service any more: its sessions and calls end. `forget`: its rooms and their numbers too; otherwise they come back
    /// with it.
    ///
    /// # Errors
    /// The rooms have ended or do not answer.
    pub async fn remove_service(&self, service_id: &str, forget: bool) -> Result<(), RoomsError> {
        self.ask(|done| Command::RemoveService(service_id.to_owned(), forget, done))
            .await
    }

    /// Waits until the rooms of an earlier process are there.
    pub async fn restored(&self) {
        let (sender, answer) = oneshot::channel();
        if self.0.send(Command::Restored(sender)).await.is_ok() {
            let _ = answer.await;
        }
    }

    /// No new calls between apps from now on; waits for those that are under way, at most `limit`.
    pub async fn drain(&self, limit: Duration) {
        let over = async {
            if self.0.send(Command::Drain).await.is_err() {
                return;
            }
            while self.figures().await.is_ok_and(|figures| figures.all.calls > 0) {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(limit, over).await.is_err() {
            warn!("drain time is over; calls of apps end");
        }
    }

    /// Ends all sessions; done when the closes are on their way.
    ///
    /// # Errors
    /// The rooms have ended or do not answer.
    pub async fn close_all(&self) -> Result<(), RoomsError> {
        self.ask(Command::CloseAll).await
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, RoomsError> {
        let (sender, answer) = oneshot::channel();
        let asked = async {
            self.0
                .send(command(sender))
                .await
                .map_err(|_| RoomsError::Ended)?;
            answer.await.map_err(|_| RoomsError::Ended)
        };
        let timed = tokio::time::timeout(PATIENCE, asked).await;
        timed.unwrap_or(Err(RoomsError::TimeOut))
    }
}

#[async_trait::async_trait]
impl RoomPort for Rooms {
    async fn connect(&self, call: CallId, telephone: Telephone, to: Destination) -> Result<(), RoomsError> {
        self.ask(|done| Command::Connect(call, Box::new(telephone), to, done))
            .await
    }

    async fn dialled(&self, call: CallId, answer: Result<Telephone, DialRefusal>) -> Result<(), RoomsError> {
        self.ask(|done| Command::Dialled(call, Box::new(answer), done))
            .await
    }

    async fn answered(&self, call: CallId) -> Result<(), RoomsError> {
        self.ask(|done| Command::Answered(call, done)).await
    }

    async fn failed(&self, call: CallId, why: CallOver) -> Result<(), RoomsError> {
        self.ask(|done| Command::Failed(call, why, done)).await
    }

    async fn reseat(&self, call: CallId, leg: LegSeat) -> Result<(), RoomsError> {
        self.ask(|done| Command::Reseat(call, leg, done)).await
    }

    async fn hang_up(&self, call: CallId) -> Result<(), RoomsError> {
        self.ask(|done| Command::HungUp(call, done)).await
    }
}

fn now() -> Now {
    let (unix, micros) = unix_micros();
    Now {
        instant: Instant::now(),
        unix,
        micros,
    }
}

/// The ways to what is written down, and its answers.
struct Books {
    wishes: UnboundedSender<Wish>,
    assigned: UnboundedReceiver<Assigned>,
    lines: UnboundedSender<Line>,
    written: UnboundedReceiver<Written>,
}

impl Books {
    /// Starts those who write, beside the thread of the rooms: no database delays it.
    fn start(parts: &RoomsParts, supervisor: &Supervisor) -> Books {
        let (numbers, guesses, store) = (parts.numbers.clone(), parts.guesses.clone(), parts.store.clone());
        let (wishes, to_directory) = mpsc::unbounded_channel();
        let (answers, assigned) = mpsc::unbounded_channel();
        let (lines, to_ledger) = mpsc::unbounded_channel();
        let (tell, written) = mpsc::unbounded_channel();
        supervisor.task(
            "numbers",
            numbers::run(numbers.clone(), guesses, to_directory, answers),
        );
        supervisor.task("ledger", Ledger::new(store, numbers).run(to_ledger, tell));
        Books {
            wishes,
            assigned,
            lines,
            written,
        }
    }
}

async fn run(parts: RoomsParts, books: Books, mut commands: mpsc::Receiver<Command>) {
    let Books {
        wishes,
        mut assigned,
        lines,
        mut written,
    } = books;
    let (mut media_events, mut beat) = (parts.media_events, parts.beat);
    let Some(mut recorded) = parts.recorder.take_news() else {
        return;
    };
    let mut tenants = Tenants::new(parts.services, &parts.settings, rand::random());
    tenants.await_rooms(true);
    let mut host = Host::new(HostParts {
        tenants,
        media: RoomMedia::new(parts.media),
        recorder: parts.recorder,
        audit: parts.audit,
        events: parts.events,
        wishes,
        lines,
        dials: parts.dials,
        announcement: parts.announcement,
    });
    let mut space = tokio::time::interval(SPACE);
    loop {
        beat.at(Instant::now());
        test_point("rooms");
        let deadline = host.deadline().map_or(beat.due(), |at| at.min(beat.due()));
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => carry_out(&mut host, command),
                None => return,
            },
            Some(event) = media_events.recv() => host.media_told(event, now()),
            Some(answer) = assigned.recv() => host.assigned(answer, now()),
            Some(done) = written.recv() => host.written(done, now()),
            Some(news) = recorded.recv() => host.recorder_told(news, now()),
            _ = space.tick() => host.look_for_room_on_disk(),
            () = tokio::time::sleep_until(deadline.into()) => host.expire(now()),
        }
    }
}

/// An answer that nobody waits for any more is dropped.
fn carry_out(host: &mut Host, command: Command) {
    match command {
        Command::Connected(socket, from, outbox) => host.connected(socket, from, outbox, now()),
        Command::Received(socket, text) => host.received(socket, &text, now()),
        Command::Disconnected(socket) => host.disconnected(socket, now()),
        Command::Connect(call, telephone, to, done) => {
            host.connect(call, *telephone, to, now());
            let _ = done.send(());
        }
        Command::Dialled(call, answer, done) => {
            host.dialled(call, *answer, now());
            let _ = done.send(());
        }
        Command::Answered(call, done) => {
            host.answered(call, now());
            let _ = done.send(());
        }
        Command::Failed(call, why, done) => {
            host.failed(call, why, now());
            let _ = done.send(());
        }
        Command::Reseat(call, leg, done) => {
            host.reseat(call, leg, now());
            let _ = done.send(());
        }
        Command::HungUp(call, done) => {
            host.hung_up(call, now());
            let _ = done.send(());
        }
        Command::Pause(recording, paused, answer) => drop(answer.send(host.pause(recording, paused))),
        Command::Recordings(answer) => drop(answer.send(host.recordings())),
        Command::Figures(answer) => drop(answer.send(host.figures())),
        Command::Look(look) => look(host.tenants()),
        Command::Manage(service, order, answer) => host.manage(&service, order, answer, now()),
        Command::SetService(service, done) => drop(done.send(host.set_service(*service))),
        Command::RemoveService(service, forget, done) => {
            host.remove_service(&service, forget, now());
            let _ = done.send(());
        }
        Command::SetJoinKey(key) => host.set_join_key(&key),
        Command::Restored(waits) => host.tell_restored(waits),
        Command::Drain => host.drain(),
        Command::CloseAll(done) => {
            host.close_all(now());
            let _ = done.send(());
        }
    }
}
