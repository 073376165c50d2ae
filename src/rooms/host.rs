//! The one task that owns the hub, and the handle by which everybody else reaches it.

use super::port::{Calling, RoomPort};
use crate::clock::unix_now;
use crate::directory::{Directory, LookUpError};
use crate::media::{MediaPlane, PeerEvent};
use crate::recording::Recorder;
use omnigate_omnitalk::{
    CallNumber, ClientId, Effect, Figures, Hub, HubSettings, LookUp, Now, SocketId, TelephoneNotice,
};
use omnigate_room::{RoomId, TelephoneId};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, warn};

/// Places in the hub's queue.
const COMMANDS: usize = 4096;
/// Frames that may wait for a slow client; then its socket is closed.
const OUTBOX: usize = 256;

/// How often the space for recordings is looked at.
const SPACE: Duration = Duration::from_secs(5);

/// The rate that apps are asked to send at most, Hz. With 8 000 where only a phone listens, decoding would cost a third,
/// and the phone would hear 0.2 PESQ less.
const PLAYBACK_RATE: u32 = 48_000;

/// What goes to one socket's task.
#[derive(Debug)]
pub(crate) enum ToSocket {
    Text(String),
    Close(u16, &'static str),
}

enum Command {
    Connected(SocketId, Option<ClientId>, mpsc::Sender<ToSocket>),
    Received(SocketId, String),
    Disconnected(SocketId),
    LookUp(CallNumber, oneshot::Sender<LookUp>),
    Register(TelephoneId, mpsc::Sender<TelephoneNotice>),
    Ring(TelephoneId, String, String, Calling),
    Admit(TelephoneId, RoomId, Calling),
    HungUp(TelephoneId),
    Figures(oneshot::Sender<Figures>),
    CloseAll(oneshot::Sender<()>),
}

/// Reaches the hub's task.
#[derive(Clone)]
pub struct HubHandle(mpsc::Sender<Command>);

impl HubHandle {
    /// Starts the task.
    pub fn start(
        settings: HubSettings,
        media: Arc<MediaPlane>,
        recorder: Arc<Recorder>,
        peers: mpsc::Receiver<PeerEvent>,
    ) -> HubHandle {
        let (sender, commands) = mpsc::channel(COMMANDS);
        let task = HubTask {
            hub: Hub::new(settings, rand::random()),
            recorder,
            media,
            sockets: HashMap::new(),
            telephones: HashMap::new(),
        };
        tokio::spawn(task.run(commands, peers));
        HubHandle(sender)
    }

    pub(crate) async fn connected(
        &self,
        socket: SocketId,
        client: Option<ClientId>,
    ) -> mpsc::Receiver<ToSocket> {
        let (sender, receiver) = mpsc::channel(OUTBOX);
        let _ = self.0.send(Command::Connected(socket, client, sender)).await;
        receiver
    }

    pub(crate) async fn received(&self, socket: SocketId, text: String) {
        let _ = self.0.send(Command::Received(socket, text)).await;
    }

    pub(crate) async fn disconnected(&self, socket: SocketId) {
        let _ = self.0.send(Command::Disconnected(socket)).await;
    }

    /// Counts for metrics.
    pub async fn figures(&self) -> Figures {
        let (sender, receiver) = oneshot::channel();
        let _ = self.0.send(Command::Figures(sender)).await;
        receiver.await.unwrap_or_default()
    }

    /// Ends all sessions; done when the closes are on their way.
    pub async fn close_all(&self) {
        let (sender, receiver) = oneshot::channel();
        let _ = self.0.send(Command::CloseAll(sender)).await;
        let _ = receiver.await;
    }
}

#[async_trait::async_trait]
impl Directory for HubHandle {
    async fn look_up(&self, number: CallNumber) -> Result<LookUp, LookUpError> {
        let (sender, receiver) = oneshot::channel();
        let _ = self.0.send(Command::LookUp(number, sender)).await;
        receiver.await.map_err(|_| LookUpError::Ended)
    }
}

#[async_trait::async_trait]
impl RoomPort for HubHandle {
    async fn register(&self, call: TelephoneId, notices: mpsc::Sender<TelephoneNotice>) {
        let _ = self.0.send(Command::Register(call, notices)).await;
    }
    async fn ring(&self, call: TelephoneId, service: String, user: String, caller: Calling) {
        let _ = self.0.send(Command::Ring(call, service, user, caller)).await;
    }
    async fn admit(&self, call: TelephoneId, room: RoomId, caller: Calling) {
        let _ = self.0.send(Command::Admit(call, room, caller)).await;
    }
    async fn hung_up(&self, call: TelephoneId) {
        let _ = self.0.send(Command::HungUp(call)).await;
    }
}

struct HubTask {
    hub: Hub,
    recorder: Arc<Recorder>,
    media: Arc<MediaPlane>,
    sockets: HashMap<SocketId, mpsc::Sender<ToSocket>>,
    telephones: HashMap<TelephoneId, mpsc::Sender<TelephoneNotice>>,
}

fn now() -> Now {
    Now {
        instant: Instant::now(),
        unix: unix_now(),
    }
}

/// What follows from an answer comes before what was queued behind it.
fn put_first(queue: &mut VecDeque<Effect>, effects: Vec<Effect>) {
    for effect in effects.into_iter().rev() {
        queue.push_front(effect);
    }
}

impl HubTask {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>, mut peers: mpsc::Receiver<PeerEvent>) {
        let mut space = tokio::time::interval(SPACE);
        let Some(mut failures) = self.recorder.take_failures() else {
            return;
        };
        loop {
            let deadline = self
                .hub
                .next_deadline()
                .unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => return,
                },
                Some(event) = peers.recv() => {
                    let effects = match event {
                        PeerEvent::Up(p) => self.hub.peer_up(p, now()),
                        PeerEvent::Gone(p) => self.hub.peer_gone(p, now()),
                        PeerEvent::StreamGone(stream) => {
                            self.media.close_stream(stream);
                            self.hub.stream_gone(stream, now())
                        }
                        PeerEvent::ViewerGone(viewer) => {
                            self.media.close_viewer(viewer);
                            self.hub.viewer_gone(viewer, now())
                        }
                    };
                    self.carry_out(effects);
                }
                _ = space.tick() => self.recorder.look_for_room(),
                Some(recording) = failures.recv() => {
                    let effects = self.hub.recording_failed(recording);
                    self.carry_out(effects);
                }
                () = tokio::time::sleep_until(deadline.into()) => {
                    let effects = self.hub.expire(now());
                    self.carry_out(effects);
                }
            }
        }
    }

    fn command(&mut self, command: Command) {
        self.hub.can_record(self.recorder.refusal());
        let effects = match command {
            Command::Connected(socket, client, sender) => {
                self.sockets.insert(socket, sender);
                self.hub.connected(socket, client, now());
                return;
            }
            Command::Received(socket, text) => self.hub.received(socket, &text, now()),
            Command::Disconnected(socket) => {
                self.sockets.remove(&socket);
                self.hub.disconnected(socket, now())
            }
            Command::LookUp(number, answer) => {
                let _ = answer.send(self.hub.look_up(&number, now()));
                return;
            }
            Command::Register(call, notices) => {
                self.telephones.insert(call, notices);
                return;
            }
            Command::Ring(call, service, user, caller) => {
                self.hub.ring(call, &service, &user, caller.of(), now())
            }
            Command::Admit(call, room, caller) => self.hub.admit(call, room, caller.of(), now()),
            Command::HungUp(call) => {
                self.telephones.remove(&call);
                self.hub.hung_up(call, now())
            }
            Command::Figures(answer) => {
                let _ = answer.send(self.hub.figures());
                return;
            }
            Command::CloseAll(done) => {
                let effects = self.hub.close_all(now());
                self.carry_out(effects);
                let _ = done.send(());
                return;
            }
        };
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        let mut queue = VecDeque::from(effects);
        while let Some(effect) = queue.pop_front() {
            match effect {
                Effect::Send { socket, text } => self.send(socket, ToSocket::Text(text)),
                Effect::Close { socket, code, reason } => self.send(socket, ToSocket::Close(code, reason)),
                Effect::OpenPeer {
                    participant,
                    room,
                    offer,
                } => {
                    let answer = self
                        .media
                        .open_peer(participant, room, &offer, PLAYBACK_RATE)
                        .map_err(|e| e.to_string());
                    if let Err(reason) = &answer {
                        debug!(?participant, %reason, "audio offer refused");
                    }
                    put_first(&mut queue, self.hub.peer_answered(participant, answer, now()));
                }
                Effect::OpenStream {
                    stream,
                    room,
                    offer,
                    pixels,
                } => {
                    let answer = self
                        .media
                        .open_stream(stream, room, &offer, pixels)
                        .map_err(|e| e.to_string());
                    if let Err(reason) = &answer {
                        debug!(?stream, %reason, "video offer refused");
                    }
                    put_first(&mut queue, self.hub.stream_answered(stream, answer, now()));
                }
                Effect::OpenViewer { viewer, stream, room } => {
                    let offer = self
                        .media
                        .open_viewer(viewer, stream, room)
                        .map_err(|e| e.to_string());
                    put_first(&mut queue, self.hub.viewer_offered(viewer, offer, now()));
                }
                Effect::CloseStream { stream } => self.media.close_stream(stream),
                Effect::SetStreamMuted { stream, muted } => self.media.mute_stream(stream, muted),
                Effect::AnswerViewer { viewer, answer } => self.media.answer_viewer(viewer, answer),
                Effect::CloseViewer { viewer } => self.media.close_viewer(viewer),
                Effect::ClosePeer { participant } => self.media.close_peer(participant),
                Effect::SetMuted { participant, muted } => self.media.mute_peer(participant, muted),
                Effect::Entered {
                    room,
                    participant,
                    scene,
                    person,
                } => self.recorder.entered(room, participant, &scene, &person),
                Effect::Gone {
                    room,
                    participant,
                    ending,
                } => self.recorder.gone(room, participant, ending),
                Effect::Call { scene, call } => self.recorder.events.call(&scene, &call),
                Effect::StartRecording {
                    recording,
                    room,
                    about,
                } => self.recorder.begin(recording, room, *about),
                Effect::StopRecording { recording, ending } => self.recorder.end(recording, ending),
                Effect::Telephone { call, notice } => {
                    let lost = self
                        .telephones
                        .get(&call)
                        .is_some_and(|t| t.try_send(notice).is_err());
                    if lost {
                        warn!(?call, "a call does not take its notices");
                    }
                }
            }
        }
    }

    /// A client that does not read its frames is cut off; it never delays others.
    fn send(&mut self, socket: SocketId, frame: ToSocket) {
        let Some(sender) = self.sockets.get(&socket) else {
            return;
        };
        match sender.try_send(frame) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                warn!(?socket, "client does not read; socket dropped");
                self.sockets.remove(&socket);
            }
            // It has just ended by itself; that is reported on its own.
            Err(TrySendError::Closed(_)) => drop(self.sockets.remove(&socket)),
        }
    }
}
