//! The owner of all rooms: drives the hubs and carries out what they decide.

use super::figures::RoomFigures;
use super::ledger::Line;
use super::media_port::{MediaNews, OpenError, RoomMedia};
use super::numbers::Wish;
use super::orders::Waiting;
use super::outbox::{NotTaken, Outbox, ToSocket};
use super::port::{Destination, DialOrder, SocketOrigin, Telephone, ToTelephone};
use crate::media::{Announcement, LegSeat, PeerEvent};
use crate::observe::{Audit, Entry, Who, service_key_refused};
use crate::recording::{Beginning, Recorder, RecordingNews};
use crate::webhook::EventSink;
use omnigate_omnitalk::{
    ClientId, DialRefusal, Effect, Now, SocketId, TelephoneCaller, TelephoneEnd, TelephoneNotice, Tenants,
};
use omnigate_room::{CallId, CallOver, Ending, ParticipantId, RecordingAbout, RecordingId, RoomId, Secret};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tracing::{debug, warn};

/// The rate that apps are asked to send at most, Hz. With 8 000 where only a phone listens, decoding would cost a third,
/// and the phone would hear 0.2 PESQ less.
const PLAYBACK_RATE: u32 = 48_000;

/// What a host is made of.
pub(super) struct HostParts {
    pub(super) tenants: Tenants,
    pub(super) media: RoomMedia,
    pub(super) recorder: Arc<Recorder>,
    pub(super) audit: Audit,
    pub(super) events: EventSink,
    pub(super) wishes: UnboundedSender<Wish>,
    /// What is to be written of rooms.
    pub(super) lines: UnboundedSender<Line>,
    /// Who calls telephones.
    pub(super) dials: UnboundedSender<DialOrder>,
    /// What is said to recorded rooms.
    pub(super) announcement: Option<Announcement>,
}

/// All rooms.
pub(super) struct Host {
    pub(super) parts: HostParts,
    /// Orders of the API that wait for the store.
    pub(super) waiting: Waiting,
    pub(super) sockets: HashMap<SocketId, Connected>,
    telephones: HashMap<CallId, Seated>,
    /// Whether the rooms of an earlier process are there; and the start of the service, which waits for them.
    pub(super) restored: bool,
    pub(super) await_restored: Vec<oneshot::Sender<()>>,
}

/// A socket that is open.
pub(super) struct Connected {
    outbox: Outbox,
    /// Where it comes from, and whose limits it shares.
    address: IpAddr,
    pub(super) client: Option<ClientId>,
}

/// A telephone, and where it is.
struct Seated {
    telephone: Telephone,
    /// As which participant of which room it is heard.
    at: Option<(RoomId, ParticipantId)>,
    /// Nobody hears it there.
    muted: bool,
}

impl From<Telephone> for Seated {
    fn from(telephone: Telephone) -> Seated {
        Seated {
            telephone,
            at: None,
            muted: false,
        }
    }
}

/// What follows from an answer comes before what was queued behind it.
fn put_first(queue: &mut VecDeque<Effect>, effects: Vec<Effect>) {
    for effect in effects.into_iter().rev() {
        queue.push_front(effect);
    }
}

impl Host {
    pub(super) fn new(parts: HostParts) -> Host {
        Host {
            parts,
            waiting: Waiting::default(),
            sockets: HashMap::new(),
            telephones: HashMap::new(),
            restored: false,
            await_restored: Vec::new(),
        }
    }

    /// When [`Host::expire`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.parts.tenants.next_deadline()
    }

    pub(super) fn expire(&mut self, now: Now) {
        let effects = self.parts.tenants.expire(now);
        self.carry_out(effects, now);
    }

    pub(super) fn set_join_key(&mut self, key: &Secret) {
        self.parts.tenants.set_join_key(key);
    }

    pub(super) fn connected(&mut self, socket: SocketId, from: SocketOrigin, outbox: Outbox, now: Now) {
        let SocketOrigin { client, address } = from;
        let outbox = Connected {
            outbox,
            address,
            client,
        };
        self.sockets.insert(socket, outbox);
        self.parts.tenants.connected(socket, client, now);
    }

    pub(super) fn received(&mut self, socket: SocketId, text: &str, now: Now) {
        self.parts.tenants.can_record(self.parts.recorder.refusal());
        let effects = self.parts.tenants.received(socket, text, now);
        self.carry_out(effects, now);
    }

    pub(super) fn disconnected(&mut self, socket: SocketId, now: Now) {
        self.sockets.remove(&socket);
        let effects = self.parts.tenants.disconnected(socket, now);
        self.carry_out(effects, now);
    }

    /// Connects a telephone. One that is known already is ignored.
    pub(super) fn connect(&mut self, call: CallId, telephone: Telephone, to: Destination, now: Now) {
        if self.telephones.contains_key(&call) {
            return;
        }
        self.parts.tenants.can_record(self.parts.recorder.refusal());
        let caller = TelephoneCaller {
            number: &telephone.number,
            record: telephone.record,
        };
        let tenants = &mut self.parts.tenants;
        let effects = match to {
            Destination::User { service, user } => tenants.ring(call, &service, &user, caller, now),
            Destination::Room(room) => tenants.admit(call, room, caller, now),
        };
        self.telephones.insert(call, telephone.into());
        self.carry_out(effects, now);
    }

    /// Another telephone takes the place of this one, where that is.
    pub(super) fn reseat(&mut self, call: CallId, leg: LegSeat, now: Now) {
        let Some(seated) = self.telephones.get_mut(&call) else {
            return;
        };
        let media = &self.parts.media;
        media.leave(&seated.telephone.leg);
        seated.telephone.leg = leg;
        let Some((room, participant)) = seated.at else {
            return;
        };
        if let Err(error) = media.enter(&seated.telephone.leg, room, participant) {
            warn!(%call, %error, "a telephone cannot enter its room");
            let effects = self.parts.tenants.hung_up(call, now);
            self.carry_out(effects, now);
        } else if seated.muted {
            media.mute_leg(&seated.telephone.leg, true);
        }
    }

    /// Whether a telephone is called for an app.
    pub(super) fn dialled(&mut self, call: CallId, answer: Result<Telephone, DialRefusal>, now: Now) {
        let answer = answer.map(|telephone| {
            self.telephones.insert(call, telephone.into());
        });
        let effects = self.parts.tenants.dialled(call, answer, now);
        self.carry_out(effects, now);
    }

    /// A telephone that was called has answered.
    pub(super) fn answered(&mut self, call: CallId, now: Now) {
        self.parts.tenants.can_record(self.parts.recorder.refusal());
        let effects = self.parts.tenants.telephone_answered(call, now);
        self.carry_out(effects, now);
    }

    /// The call to a telephone is over.
    pub(super) fn failed(&mut self, call: CallId, why: CallOver, now: Now) {
        self.telephones.remove(&call);
        let effects = self.parts.tenants.telephone_failed(call, why, now);
        self.carry_out(effects, now);
    }

    pub(super) fn hung_up(&mut self, call: CallId, now: Now) {
        if let Some(seated) = self.telephones.remove(&call) {
            self.parts.media.leave(&seated.telephone.leg);
        }
        let effects = self.parts.tenants.hung_up(call, now);
        self.carry_out(effects, now);
    }

    pub(super) fn media_told(&mut self, event: PeerEvent, now: Now) {
        let Some(news) = self.parts.media.told(event) else {
            return;
        };
        let effects = hear(&mut self.parts.tenants, news, now);
        self.carry_out(effects, now);
    }

    pub(super) fn recorder_told(&mut self, news: RecordingNews, now: Now) {
        let effects = match news {
            RecordingNews::Begun(recording) => self.parts.tenants.recording_begun(recording, now),
            RecordingNews::Failed(recording) => {
                self.parts.media.stop(recording);
                self.parts.tenants.recording_failed(recording, now)
            }
        };
        self.carry_out(effects, now);
    }

    pub(super) fn look_for_room_on_disk(&mut self) {
        self.parts.recorder.look_for_room();
        let full = self.parts.recorder.full_services();
        self.parts.tenants.storage_full(&full);
    }

    /// See [`RoomMedia::pause`].
    pub(super) fn pause(&mut self, recording: RecordingId, paused: bool) -> bool {
        self.parts.media.pause(recording, paused)
    }

    /// See [`RoomMedia::recordings`].
    pub(super) fn recordings(&self) -> HashMap<RecordingId, bool> {
        self.parts.media.recordings()
    }

    pub(super) fn tenants(&self) -> &Tenants {
        &self.parts.tenants
    }

    pub(super) fn figures(&self) -> RoomFigures {
        RoomFigures {
            all: self.parts.tenants.figures(),
            services: self.parts.tenants.uses(),
        }
    }

    pub(super) fn drain(&mut self) {
        self.parts.tenants.drain();
    }

    pub(super) fn close_all(&mut self, now: Now) {
        let effects = self.parts.tenants.close_all(now);
        self.carry_out(effects, now);
    }

    /// See [`Tenants::audit`].
    #[cfg(test)]
    pub(super) fn audit(&self) -> Result<(), String> {
        self.parts.tenants.audit()
    }

    /// True when nobody is connected and nothing is open.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.sockets.is_empty() && self.telephones.is_empty() && self.parts.media.is_empty()
    }

    pub(super) fn carry_out(&mut self, effects: Vec<Effect>, now: Now) {
        let mut queue = VecDeque::from(effects);
        while let Some(effect) = queue.pop_front() {
            match effect {
                Effect::Send { socket, text } => self.send(socket, ToSocket::Text(text.into_text())),
                Effect::Close { socket, code, reason } => self.send(socket, ToSocket::Close(code, reason)),
                Effect::Telephone { call, notice } => self.notify(call, notice, &mut queue, now),
                Effect::Dial { call, dialling } => {
                    let dialling = *dialling;
                    // A gateway that has ended takes the process along.
                    let _ = self.parts.dials.send(DialOrder { call, dialling });
                }
                Effect::Press { call, keys } => {
                    if let Some(seated) = self.telephones.get(&call) {
                        let _ = seated.telephone.notices.send(ToTelephone::Press(keys));
                    }
                }
                Effect::AssignNumber { .. }
                | Effect::ReleaseNumber { .. }
                | Effect::KeepRoom { .. }
                | Effect::StrikeRoom { .. } => self.write(effect),
                Effect::Noted { .. } => self.note(effect),
                Effect::Entered { .. }
                | Effect::Gone { .. }
                | Effect::Call(_)
                | Effect::StartRecording { .. }
                | Effect::StopRecording { .. } => self.tell(effect, &mut queue, now),
                media => put_first(&mut queue, self.media(media, now)),
            }
        }
    }

    /// Orders to the media plane; what follows from its answers.
    fn media(&mut self, effect: Effect, now: Now) -> Vec<Effect> {
        let (media, tenants) = (&mut self.parts.media, &mut self.parts.tenants);
        match effect {
            Effect::OpenPeer {
                participant,
                room,
                offer,
            } => {
                let answer = media.open_peer(participant, room, &offer, PLAYBACK_RATE, now.instant);
                return tenants.peer_answered(participant, worded("audio", answer), now);
            }
            Effect::OpenStream {
                stream,
                room,
                offer,
                pixels,
            } => {
                let answer = media.open_stream(stream, room, &offer, pixels, now.instant);
                return tenants.stream_answered(stream, worded("video", answer), now);
            }
            Effect::OpenViewer { viewer, stream, room } => {
                let offer = media.open_viewer(viewer, stream, room, now.instant);
                return tenants.viewer_offered(viewer, worded("viewer", offer), now);
            }
            Effect::ClosePeer { participant } => media.close_peer(participant),
            Effect::MuteTelephone { call, muted } => {
                if let Some(seated) = self.telephones.get_mut(&call) {
                    seated.muted = muted;
                    media.mute_leg(&seated.telephone.leg, muted);
                }
            }
            Effect::SetMuted { participant, muted } => {
                let cost = media.mute_peer(participant, muted);
                return cost.map_or_else(Vec::new, |news| hear(tenants, news, now));
            }
            Effect::CloseStream { stream } => media.close_stream(stream),
            Effect::SetStreamMuted { stream, muted } => {
                let cost = media.mute_stream(stream, muted);
                return cost.map_or_else(Vec::new, |news| hear(tenants, news, now));
            }
            Effect::AnswerViewer { viewer, answer } => {
                let cost = media.answer_viewer(viewer, answer.into_text());
                return cost.map_or_else(Vec::new, |news| hear(tenants, news, now));
            }
            Effect::CloseViewer { viewer } => media.close_viewer(viewer),
            _ => {}
        }
        Vec::new()
    }

    /// What others record and tell of.
    fn tell(&mut self, effect: Effect, queue: &mut VecDeque<Effect>, now: Now) {
        let parts = &mut self.parts;
        match effect {
            Effect::Entered {
                room,
                participant,
                scene,
                person,
            } => {
                parts.events.joined(&scene, &person);
                parts.recorder.entered(room, participant, &person);
            }
            Effect::Gone {
                scene,
                person,
                ending,
                ..
            } => parts.events.left(&scene, &person, ending),
            Effect::Call(call) => parts.events.call(&call),
            Effect::StartRecording {
                recording,
                room,
                about,
            } => self.record(recording, room, *about, queue, now),
            Effect::StopRecording { recording, ending } => self.stop_recording(recording, ending),
            _ => {}
        }
    }

    fn record(
        &mut self,
        recording: RecordingId,
        room: RoomId,
        about: RecordingAbout,
        queue: &mut VecDeque<Effect>,
        now: Now,
    ) {
        let parts = &mut self.parts;
        match parts
            .media
            .record(recording, room, parts.announcement.as_ref(), now.instant)
        {
            Ok(capture) => parts.recorder.begin(Beginning {
                recording,
                room,
                capture: capture.id,
                epoch: capture.epoch,
                about,
            }),
            Err(error) => {
                warn!(%recording, %error, "a recording cannot begin");
                put_first(queue, parts.tenants.recording_failed(recording, now));
            }
        }
    }

    fn stop_recording(&mut self, recording: RecordingId, ending: Ending) {
        let over = self.parts.media.stop(recording);
        self.parts.recorder.end(recording, ending, over);
    }

    /// For the audit log; a wrong Service Key also for those who watch for guessing.
    fn note(&self, effect: Effect) {
        let Effect::Noted {
            socket,
            service_id,
            session,
            what,
            subject,
            result,
        } = effect
        else {
            return;
        };
        let from = self.sockets.get(&socket).map(|one| one.address);
        if result == "service-invalid"
            && let Some(from) = from
        {
            service_key_refused(from);
        }
        let who = match session.is_empty() {
            true => Who::Stranger,
            false => Who::Session(session),
        };
        let entry = Entry::new(what, subject).by(who, from).result(result);
        self.parts.audit.note(match service_id.is_empty() {
            true => entry,
            false => entry.of(service_id),
        });
    }

    /// Moves a telephone's leg to where the notice says that it is, then tells the call.
    fn notify(&mut self, call: CallId, mut notice: TelephoneNotice, queue: &mut VecDeque<Effect>, now: Now) {
        let Some(seated) = self.telephones.get_mut(&call) else {
            return;
        };
        let telephone = &seated.telephone;
        let media = &self.parts.media;
        match notice {
            TelephoneNotice::Dialled { room, participant }
            | TelephoneNotice::Bridged { room, participant }
            | TelephoneNotice::Admitted { room, participant } => {
                (seated.at, seated.muted) = (Some((room, participant)), false);
                if let Err(error) = media.enter(&telephone.leg, room, participant) {
                    warn!(%call, %error, "a telephone cannot enter its room");
                    notice = TelephoneNotice::Ended(TelephoneEnd::NoAudio);
                    put_first(queue, self.parts.tenants.hung_up(call, now));
                }
            }
            TelephoneNotice::Ended(_) => media.leave(&telephone.leg),
            _ => {}
        }
        // A call that has ended is about to say so.
        let _ = telephone.notices.send(ToTelephone::Notice(notice));
        if notice.is_last() {
            self.telephones.remove(&call);
        }
    }

    /// A client that does not read its frames is cut off; it never delays others.
    fn send(&mut self, socket: SocketId, frame: ToSocket) {
        let Some(outbox) = self.sockets.get(&socket) else {
            return;
        };
        match outbox.outbox.put(frame) {
            Ok(()) => {}
            Err(NotTaken::Full) => {
                warn!(?socket, "client does not read; socket dropped");
                self.sockets.remove(&socket);
            }
            // It has just ended by itself; that is reported on its own.
            Err(NotTaken::Closed) => drop(self.sockets.remove(&socket)),
        }
    }
}

/// Tells the hubs what has become of something.
fn hear(tenants: &mut Tenants, news: MediaNews, now: Now) -> Vec<Effect> {
    match news {
        MediaNews::Up(participant) => tenants.peer_up(participant, now),
        MediaNews::Gone(participant) => tenants.peer_gone(participant, now),
        MediaNews::StreamGone(stream) => tenants.stream_gone(stream, now),
        MediaNews::ViewerGone(viewer) => tenants.viewer_gone(viewer, now),
    }
}

/// The answer for the hub, which puts a refusal into words for the client.
fn worded(what: &str, answer: Result<String, OpenError>) -> Result<String, String> {
    answer.map_err(|error| {
        debug!(what, %error, "not opened");
        error.to_string()
    })
}
