//! Rooms: joining and leaving (6.7, 9.14).

use super::Hub;
use super::guesses::Subject;
use super::people::{Audio, Line, Participant, Place, Recorded};
use super::recordings::person;
use crate::effects::Effect;
use crate::fault::Fault;
use crate::fields::{Fields, NAME_LIMIT};
use crate::ids::SocketId;
use crate::now::Now;
use crate::outgoing::Reply;
use crate::record_policy::RecordPolicy;
use crate::room_secret::GivenSecret;
use crate::timers::Timer;
use crate::words::{ChatAction, RoomType};
use omnigate_room::Ending;
use omnigate_room::{ParticipantId, RoomId};
use std::collections::BTreeMap;

impl Hub {
    /// The room and participant of a session that is in a room.
    pub(super) fn inside(&self, socket: SocketId) -> Result<(RoomId, ParticipantId), Fault> {
        match self.session(socket)?.place {
            Place::Inside { room, me } => Ok((room, me)),
            _ => Err(Fault::NotInRoom),
        }
    }

    /// Whether the service may have another participant.
    pub(super) fn has_a_place(&self) -> Result<(), Fault> {
        let most = self.quota().participants;
        let full = self.places.len() >= most;
        if full {
            Err(Fault::TooManyParticipants(most))
        } else {
            Ok(())
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

    /// `WS_JOIN_ROOM_REQ` (6.7). A call's room admits the session that has offered or answered the call, and no other
    /// (12.18).
    pub(super) fn join_room(&mut self, socket: SocketId, fields: &Fields, now: Now) -> Result<Reply, Fault> {
        let id = fields.room()?;
        let given = fields.secret()?;
        let guest = self.guest(socket).cloned();
        if guest.as_ref().is_some_and(|guest| guest.room != id) {
            return Err(Fault::NarrowToken);
        }
        let said = fields.given("user_name", NAME_LIMIT)?.map(str::to_owned);
        let user_name = guest.as_ref().and_then(|guest| guest.name.clone()).or(said);
        let session = self.session(socket)?;
        let (own, user_id, place) = (session.id.clone(), session.user_id.clone(), session.place);
        let called = match place {
            Place::Calling { room, me } if room == id => Some(me),
            _ => None,
        };
        if called.is_none() && place != Place::Answered(id) {
            if guest.is_none() {
                self.check_secret(socket, id, given, now)?;
            }
            let room = self.open_room(id)?;
            if room.participants.len() >= self.settings.most_participants {
                return Err(Fault::RoomFull);
            }
            self.has_a_place()?;
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
        if self.open_room(id)?.secret.is_none() {
            return Ok(());
        }
        let client = self.connections.get(&socket).and_then(|one| one.client);
        let who = client.map_or(Subject::Session(socket), Subject::Client);
        if let Some(left) = self.guesses.barred(who, &self.settings, now.instant) {
            let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
            return Err(Fault::TooManySecrets { seconds });
        }
        let given = given.ok_or(Fault::SecretMissing)?;
        let secret = self.rooms.get_mut(&id).and_then(|room| room.secret.as_mut());
        if secret.is_none_or(|secret| secret.matches(&given)) {
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
}
