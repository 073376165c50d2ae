//! Audio: publish, the media plane's answers, mute (6.11, 6.18, 10.5).

use super::people::{Audio, Participant, Place};
use super::{Handled, Hub, Outcome};
use crate::effects::{Effect, Now};
use crate::fault::Fault;
use crate::fields::Fields;
use crate::ids::{ParticipantId, RoomId, SocketId};
use crate::incoming::Request;
use crate::outgoing::{self, Reply};
use crate::timers::Timer;
use crate::words::Track;
use serde_json::json;

impl Hub {
    /// The room and participant of a session that is in a room.
    pub(super) fn inside(&self, socket: SocketId) -> Result<(RoomId, ParticipantId), Fault> {
        match self.session(socket)?.place {
            Place::Inside { room, me } => Ok((room, me)),
            _ => Err(Fault::NotInRoom),
        }
    }

    fn participant_mut(&mut self, id: ParticipantId) -> Option<&mut Participant> {
        let room = self.places.get(&id)?;
        self.rooms.get_mut(room)?.participants.get_mut(&id)
    }

    /// `WS_PUBLISH_REQ` (6.11): audio alone. The response follows the media plane's answer.
    pub(super) fn publish(&mut self, socket: SocketId, request: &Request, _now: Now) -> Handled {
        if request.fields.track()? == Track::Video {
            return Err(Fault::NotOffered("video"));
        }
        let offer = request.fields.offer()?.to_owned();
        let (room, me) = self.inside(socket)?;
        let participant = self.participant_mut(me).ok_or(Fault::NotInRoom)?;
        if participant.audio != Audio::None {
            return Err(Fault::AlreadyPublished);
        }
        participant.audio = Audio::Opening;
        self.effects.push(Effect::OpenPeer {
            participant: me,
            room,
            offer,
        });
        Ok(Outcome::Later)
    }

    /// Sends the response that was owed. Gives the socket whose waiting requests are to be handled now.
    pub(super) fn finish_publish(
        &mut self,
        id: ParticipantId,
        answer: Result<String, String>,
    ) -> Option<SocketId> {
        let participant = self
            .participant_mut(id)
            .filter(|one| one.audio == Audio::Opening)?;
        let socket = participant.line.socket()?;
        participant.audio = if answer.is_ok() { Audio::Open } else { Audio::None };
        let muted = participant.audio_mute;
        let request = self.connections.get_mut(&socket)?.owed.take()?;
        self.timers.clear(Timer::Answer(socket));
        let own = self.own_id(socket);
        match answer {
            Ok(sdp) => {
                let reply = Reply::new()
                    .with("track", Track::Audio.word())
                    .with("jsep", json!({ "type": "answer", "sdp": sdp }));
                self.send(socket, outgoing::success(&request, &own, &reply));
                if muted {
                    self.effects.push(Effect::SetMuted {
                        participant: id,
                        muted,
                    });
                }
            }
            Err(reason) => {
                let reason = Fault::NoAnswer(reason).to_string();
                self.send(socket, outgoing::failure(&request, &own, &reason));
            }
        }
        Some(socket)
    }

    /// The media plane took too long: the client is about to give up (11.17).
    pub(super) fn answer_overdue(&mut self, socket: SocketId, now: Now) {
        let Ok((_, me)) = self.inside(socket) else { return };
        self.effects.push(Effect::ClosePeer { participant: me });
        if self
            .finish_publish(me, Err("it took too long".to_owned()))
            .is_some()
        {
            self.handle_waiting(socket, now);
        }
    }

    /// The peer of an app is up.
    pub(super) fn audio_up(&mut self, id: ParticipantId, now: Now) {
        let Some(participant) = self.participant_mut(id).filter(|one| one.audio == Audio::Open) else {
            return;
        };
        participant.audio = Audio::Up;
        let Some(room_id) = self.places.get(&id).copied() else {
            return;
        };
        if self.rooms.get(&room_id).is_some_and(|room| room.call.is_some()) {
            self.bridge(room_id);
        } else {
            self.announce(room_id, id, now);
        }
    }

    /// The peer of an app is lost.
    pub(super) fn audio_gone(&mut self, id: ParticipantId) {
        let answered = |one: &&mut Participant| matches!(one.audio, Audio::Open | Audio::Up);
        if let Some(participant) = self.participant_mut(id).filter(answered) {
            participant.audio = Audio::None;
        }
    }

    /// `WS_MUTE_REQ` and `WS_UNMUTE_REQ` (9.11). Doing it twice succeeds and tells nobody (11.1).
    pub(super) fn mute(&mut self, socket: SocketId, fields: &Fields, muted: bool) -> Result<Reply, Fault> {
        let track = fields.track()?;
        let (room_id, me) = self.inside(socket)?;
        let participant = self.participant_mut(me).ok_or(Fault::NotInRoom)?;
        let state = match track {
            Track::Audio => &mut participant.audio_mute,
            Track::Video => &mut participant.video_mute,
        };
        let changed = *state != muted;
        *state = muted;
        let has_peer = matches!(participant.audio, Audio::Open | Audio::Up);
        if changed {
            if track == Track::Audio && has_peer {
                self.effects.push(Effect::SetMuted {
                    participant: me,
                    muted,
                });
            }
            if let Some(room) = self.rooms.get(&room_id)
                && let Some(participant) = room.participants.get(&me)
            {
                let texts = [room.about(participant).muted(muted, track)];
                self.tell_room(room_id, me, &texts);
            }
        }
        Ok(Reply::new().with("track", track.word()))
    }
}
