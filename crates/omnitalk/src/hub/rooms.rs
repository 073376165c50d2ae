//! Rooms: making, destroying, joining, leaving, expiry (6.4, 6.5, 6.7, 10.7, 10.8).

use super::Hub;
use super::guesses::Subject;
use super::people::{Audio, Line, Participant, Place, Recorded, Room};
use super::recordings::person;
use crate::effects::Effect;
use crate::fault::Fault;
use crate::fields::{Fields, GivenSecret, LONG_LIMIT, NAME_LIMIT, RoomSecret};
use crate::ids::SocketId;
use crate::now::Now;
use crate::numbers::NumberOwner;
use crate::outgoing::Reply;
use crate::record_policy::RecordPolicy;
use crate::timers::Timer;
use crate::words::{ChatAction, RoomType};
use omnigate_room::Ending;
use omnigate_room::{ParticipantId, RoomId};
use std::collections::BTreeMap;
use std::time::Duration;

/// A room lasts an hour unless it says otherwise (12.5), in seconds.
const DEFAULT_LENGTH: u64 = 3600;
/// The longest time that an end date keeps an empty room: a year, in seconds.
const LONGEST_KEEP: u64 = 366 * 24 * 3600;

impl Hub {
    /// `WS_CREATE_ROOM_REQ` (6.4, 12.5).
    pub(super) fn create_room(
        &mut self,
        socket: SocketId,
        fields: &Fields,
        now: Now,
    ) -> Result<Reply, Fault> {
        let kind = fields.room_type()?;
        let subject = fields.text("subject", LONG_LIMIT)?.unwrap_or_default().to_owned();
        let secret = fields.secret()?.map(RoomSecret::new);
        let (start, end) = (fields.date("start_date")?, fields.date("end_date")?);
        let start_date = start.unwrap_or(now.unix);
        if end.is_some_and(|end| end < start.unwrap_or(0)) {
            return Err(Fault::EndBeforeStart);
        }
        self.session(socket)?;
        let id = self.new_room(kind, now)?;
        if let Some(room) = self.rooms.get_mut(&id) {
            room.subject = subject;
            room.secret = secret;
            room.start_date = start_date;
            room.end_date = end.unwrap_or(start_date.saturating_add(DEFAULT_LENGTH));
            room.keep_until = end;
        }
        self.watch_if_empty(id, now);
        Ok(Reply::new().with("room_id", id.to_string()))
    }

    /// An empty room that nobody knows yet.
    pub(super) fn new_room(&mut self, kind: RoomType, now: Now) -> Result<RoomId, Fault> {
        if self.rooms.len() >= self.settings.most_rooms {
            return Err(Fault::TooManyRooms);
        }
        let mut id = self.dice.room();
        while self.rooms.contains_key(&id) {
            id = self.dice.room();
        }
        let room = Room {
            id,
            wire: id.to_string(),
            serial: self.next.room_serial(),
            kind,
            subject: String::new(),
            secret: None,
            number: None,
            start_date: now.unix,
            end_date: now.unix.saturating_add(DEFAULT_LENGTH),
            reg_date: now.unix,
            keep_until: None,
            destroyed: false,
            call: None,
            screen: None,
            participants: BTreeMap::new(),
            recordings: BTreeMap::new(),
        };
        self.rooms.insert(id, room);
        Ok(id)
    }

    /// The open room.
    pub(super) fn open_room(&self, id: RoomId) -> Result<&Room, Fault> {
        let room = self.rooms.get(&id).filter(|room| room.is_open());
        room.ok_or(Fault::NoSuchRoom)
    }

    /// The room and participant of a session that is in a room.
    pub(super) fn inside(&self, socket: SocketId) -> Result<(RoomId, ParticipantId), Fault> {
        match self.session(socket)?.place {
            Place::Inside { room, me } => Ok((room, me)),
            _ => Err(Fault::NotInRoom),
        }
    }

    pub(super) fn participant(&self, id: ParticipantId) -> Option<&Participant> {
        let room = self.places.get(&id)?;
        self.rooms.get(room)?.participants.get(&id)
    }

    pub(super) fn participant_mut(&mut self, id: ParticipantId) -> Option<&mut Participant> {
        let room = self.places.get(&id)?;
        self.rooms.get_mut(room)?.participants.get_mut(&id)
    }

    /// `WS_DESTROY_ROOM_REQ` (6.5, 10.7): whoever is inside goes on, nobody else gets in.
    pub(super) fn destroy_room(
        &mut self,
        socket: SocketId,
        fields: &Fields,
        now: Now,
    ) -> Result<Reply, Fault> {
        self.session(socket)?;
        let id = self.open_room(fields.room()?)?.id;
        self.release_number(NumberOwner::Room(id));
        if let Some(room) = self.rooms.get_mut(&id) {
            room.destroyed = true;
        }
        self.watch_if_empty(id, now);
        Ok(Reply::new().with("room_id", id.to_string()))
    }

    /// `WS_JOIN_ROOM_REQ` (6.7). A call's room admits the session that has offered or answered the call, and no other
    /// (12.18).
    pub(super) fn join_room(&mut self, socket: SocketId, fields: &Fields, now: Now) -> Result<Reply, Fault> {
        let id = fields.room()?;
        let given = fields.secret()?;
        let user_name = fields.given("user_name", NAME_LIMIT)?.map(str::to_owned);
        let session = self.session(socket)?;
        let (own, user_id, place) = (session.id.clone(), session.user_id.clone(), session.place);
        let called = match place {
            Place::Calling { room, me } if room == id => Some(me),
            _ => None,
        };
        if called.is_none() && place != Place::Answered(id) {
            self.check_secret(socket, id, given, now)?;
            let room = self.open_room(id)?;
            if room.participants.len() >= self.settings.most_participants {
                return Err(Fault::RoomFull);
            }
            self.give_up_call(socket, place, now);
        }
        let user_name = user_name.unwrap_or_else(|| self.dice.letters());
        let me = match called {
            Some(me) => {
                if let Some(participant) = self.participant_mut(me) {
                    participant.user_name = user_name;
                }
                me
            }
            None => self.add_participant(id, own, user_id, user_name, Line::App(socket)),
        };
        self.set_place(socket, Place::Inside { room: id, me });
        self.call_joined(id, me, now);
        let room = self.rooms.get(&id).ok_or(Fault::NoSuchRoom)?;
        let reply = Reply::new()
            .with("room_id", room.wire.clone())
            .with("room_type", room.kind.word())
            .with("screen", self.screen_runs(id));
        Ok(match room.number {
            // 12.33
            Some(number) => reply.with("call_number", number.expose()),
            None => reply,
        })
    }

    /// Whether the session may enter the room as far as its secret goes. A right secret does not wipe out the wrong
    /// ones, or guessers would join a room of their own in between.
    fn check_secret(
        &mut self,
        socket: SocketId,
        id: RoomId,
        given: Option<GivenSecret>,
        now: Now,
    ) -> Result<(), Fault> {
        let Some(secret) = &self.open_room(id)?.secret else {
            return Ok(());
        };
        let client = self.connections.get(&socket).and_then(|one| one.client);
        let who = client.map_or(Subject::Session(socket), Subject::Client);
        if let Some(left) = self.guesses.barred(who, &self.settings, now.instant) {
            let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
            return Err(Fault::TooManySecrets { seconds });
        }
        if secret.matches(&given.ok_or(Fault::SecretMissing)?) {
            return Ok(());
        }
        self.guesses.wrong(who, id, &self.settings, now.instant);
        Err(Fault::SecretWrong)
    }

    pub(super) fn add_participant(
        &mut self,
        room: RoomId,
        session: String,
        user_id: String,
        user_name: String,
        line: Line,
    ) -> ParticipantId {
        let id = self.next.participant();
        let mut participant = Participant {
            id,
            session,
            user_id,
            user_name,
            line,
            audio: Audio::None,
            audio_mute: false,
            video_mute: false,
            camera: None,
            sees_video: true,
            watches: BTreeMap::new(),
            reported_pixels: None,
            announced: false,
            recording: Recorded::Never,
            record: RecordPolicy::default(),
            keys_until: None,
        };
        if let Some(room) = self.rooms.get_mut(&room) {
            participant.sees_video = room.kind != RoomType::VideoCall;
            room.participants.insert(id, participant);
            self.places.insert(id, room.id);
            self.timers.clear(Timer::EmptyRoom(room.id));
        }
        if let Line::Telephone(call) = line {
            self.telephones.insert(call, id);
        }
        id
    }

    /// Takes a participant out and tells the rest (9.14 step 4); then sees what becomes of the call or room.
    pub(super) fn remove_participant(
        &mut self,
        room_id: RoomId,
        id: ParticipantId,
        ending: Ending,
        now: Now,
    ) {
        self.end_video(room_id, id);
        self.end_own_recording(room_id, id, ending);
        let scene = self.scene(room_id);
        let Some(room) = self.rooms.get_mut(&room_id) else {
            return;
        };
        let Some(participant) = room.participants.remove(&id) else {
            return;
        };
        self.places.remove(&id);
        self.timers.clear(Timer::ShowVideo(id));
        if let Line::Telephone(call) = participant.line {
            self.telephones.remove(&call);
        }
        if participant.audio != Audio::None {
            self.effects.push(Effect::ClosePeer { participant: id });
        }
        if let Some(scene) = scene.filter(|_| participant.announced) {
            self.effects.push(Effect::Gone {
                room: room_id,
                participant: id,
                scene: Box::new(scene),
                person: Box::new(person(room, &participant)),
                ending,
            });
        }
        let caller = room.call.as_ref().map(|call| call.caller);
        if let Some(caller) = caller {
            self.side_goes(room_id, caller == id, ending);
        }
        let Some(room) = self.rooms.get(&room_id) else {
            return;
        };
        let left = room
            .about(&participant)
            .left(room.call.as_ref().and_then(|call| call.over));
        let mut texts = Vec::new();
        // Whoever never appeared in the chat does not leave it; calls have none of these lines.
        if participant.announced && room.call.is_none() {
            texts.push(room.about(&participant).chat(ChatAction::Leave, None, now.unix));
        }
        let mut sockets = room.sockets(None);
        let outside = room.call.as_ref().map(|call| call.stage.outside());
        sockets.extend(outside.into_iter().flatten());
        for socket in sockets {
            self.send_left(socket, &left);
            for text in &texts {
                self.send(socket, text.clone());
            }
        }
        self.end_recordings_without_company(room_id);
        if caller.is_some() {
            self.call_lost_a_party(room_id, now);
        } else {
            self.watch_if_empty(room_id, now);
        }
    }

    /// What a participant watches and publishes ends (9.14 step 5).
    fn end_video(&mut self, room: RoomId, id: ParticipantId) {
        let Some(participant) = self.participant(id) else {
            return;
        };
        let viewers: Vec<_> = participant.watches.values().copied().collect();
        let camera = participant.camera;
        for viewer in viewers {
            self.close_viewer(viewer);
        }
        if let Some(camera) = camera {
            self.close_stream(camera);
        }
        self.end_screen(room, id);
    }

    /// Tells the others of a room that a participant is connected and in the chat (12.13, 12.14): once.
    pub(super) fn announce(&mut self, room_id: RoomId, id: ParticipantId, now: Now) {
        let Some(room) = self.rooms.get_mut(&room_id) else {
            return;
        };
        let Some(participant) = room.participants.get_mut(&id).filter(|one| !one.announced) else {
            return;
        };
        participant.announced = true;
        let Some(participant) = room.participants.get(&id) else {
            return;
        };
        let about = room.about(participant);
        let texts = [about.connected(), about.chat(ChatAction::Join, None, now.unix)];
        self.tell_room(room_id, id, &texts);
        self.entered(room_id, id);
        self.record_by_policy(room_id, id, now);
        self.tell_own_client(room_id, id);
    }

    /// Sends to all app participants but `except`.
    pub(super) fn tell_room(&mut self, room: RoomId, except: ParticipantId, texts: &[String]) {
        let Some(room) = self.rooms.get(&room) else { return };
        for socket in room.sockets(Some(except)) {
            for text in texts {
                self.effects.push(Effect::Send {
                    socket,
                    text: text.clone().into(),
                });
            }
        }
    }

    /// An empty room goes: a destroyed one at once, another one after a while (12.4).
    fn watch_if_empty(&mut self, id: RoomId, now: Now) {
        let Some(room) = self.rooms.get(&id).filter(|room| room.participants.is_empty()) else {
            return;
        };
        if room.destroyed {
            self.remove_room(id);
            return;
        }
        let kept = room
            .keep_until
            .unwrap_or(0)
            .saturating_sub(now.unix)
            .min(LONGEST_KEEP);
        let time = self.settings.empty_room.max(Duration::from_secs(kept));
        self.timers.set(Timer::EmptyRoom(id), now.instant + time);
    }

    /// Forgets a room that nobody is in.
    pub(super) fn remove_room(&mut self, id: RoomId) {
        self.timers.clear(Timer::EmptyRoom(id));
        self.timers.clear(Timer::Call(id));
        self.timers.clear(Timer::CallerJoins(id));
        self.release_number(NumberOwner::Room(id));
        self.rooms.remove(&id);
    }
}
