//! Audio: publish, the transport's coming and going, mute (6.11, 6.18, 10.5).

use super::Hub;
use super::outcome::{Awaited, Handled};
use super::people::{Audio, Line, Participant};
use crate::effects::Effect;
use crate::fault::Fault;
use crate::fields::Fields;
use crate::ids::SocketId;
use crate::now::Now;
use crate::outgoing::Reply;
use crate::timers::Timer;
use crate::words::Track;
use omnigate_room::ParticipantId;

impl Hub {
    /// `WS_PUBLISH_REQ` for audio (6.11).
    pub(super) fn publish_audio(&mut self, socket: SocketId, fields: &Fields) -> Handled {
        let offer = fields.offer()?.to_owned();
        let (room_id, me) = self.inside(socket)?;
        let room = self.rooms.get_mut(&room_id).ok_or(Fault::NotInRoom)?;
        let participant = room.participants.get_mut(&me).ok_or(Fault::NotInRoom)?;
        if participant.audio != Audio::None {
            return Err(Fault::AlreadyPublished("Audio"));
        }
        participant.audio = Audio::Opening;
        self.effects.push(Effect::OpenPeer {
            participant: me,
            room: room_id,
            offer: offer.into(),
        });
        Ok(Awaited::Peer(me).into())
    }

    /// The media plane has answered for the audio peer, or not.
    pub(super) fn peer_ready(
        &mut self,
        id: ParticipantId,
        answer: Result<String, Fault>,
        now: Now,
    ) -> Result<Reply, Fault> {
        let participant = self.participant_mut(id).ok_or(Fault::NotInRoom)?;
        participant.audio = if answer.is_ok() { Audio::Open } else { Audio::None };
        let sdp = answer?;
        if !participant.sees_video {
            self.timers
                .set(Timer::ShowVideo(id), now.instant + self.settings.video_wait);
        }
        if self.participant(id).is_some_and(|one| one.audio_mute) {
            self.effects.push(Effect::SetMuted {
                participant: id,
                muted: true,
            });
        }
        Ok(Reply::published(Track::Audio, &sdp))
    }

    /// The audio peer of an app is up.
    pub(super) fn audio_up(&mut self, id: ParticipantId, now: Now) {
        let Some(participant) = self.participant_mut(id).filter(|one| one.audio == Audio::Open) else {
            return;
        };
        participant.audio = Audio::Up;
        let Some(room_id) = self.places.get(&id).copied() else {
            return;
        };
        if self.rooms.get(&room_id).is_some_and(|room| room.call.is_some()) {
            self.audio_is_back(room_id);
            self.bridge(room_id, now);
        } else {
            self.announce(room_id, id, now);
        }
    }

    /// The audio peer of an app is lost.
    pub(super) fn audio_gone(&mut self, id: ParticipantId, now: Now) {
        let answered = |one: &&mut Participant| matches!(one.audio, Audio::Open | Audio::Up);
        let Some(participant) = self.participant_mut(id).filter(answered) else {
            return;
        };
        participant.audio = Audio::None;
        let Some(room_id) = self.places.get(&id).copied() else {
            return;
        };
        self.audio_missing(room_id, now);
    }

    /// `WS_MUTE_REQ` and `WS_UNMUTE_REQ` (9.11). Doing it twice succeeds and tells nobody (11.1).
    pub(super) fn mute(&mut self, socket: SocketId, fields: &Fields, muted: bool) -> Result<Reply, Fault> {
        let track = fields.track()?;
        let (_, me) = self.inside(socket)?;
        self.set_muted(me, track, muted)?;
        Ok(Reply::new().with("track", track.word()))
    }

    /// Mutes somebody or no longer, whoever wants it; the others in the room are told.
    pub(super) fn set_muted(&mut self, me: ParticipantId, track: Track, muted: bool) -> Result<(), Fault> {
        let room_id = self.places.get(&me).copied().ok_or(Fault::NotInRoom)?;
        let participant = self.participant_mut(me).ok_or(Fault::NotInRoom)?;
        let state = match track {
            Track::Audio => &mut participant.audio_mute,
            Track::Video => &mut participant.video_mute,
        };
        let changed = *state != muted;
        *state = muted;
        if changed {
            let line = participant.line;
            let has_peer = matches!(participant.audio, Audio::Open | Audio::Up);
            let camera = participant.camera;
            match (track, line) {
                (Track::Audio, Line::Telephone(call)) => {
                    self.effects.push(Effect::MuteTelephone { call, muted });
                }
                (Track::Audio, _) if has_peer => self.effects.push(Effect::SetMuted {
                    participant: me,
                    muted,
                }),
                (Track::Audio, _) => {}
                (Track::Video, _) => self.mute_camera(camera, muted),
            }
            if let Some(room) = self.rooms.get(&room_id)
                && let Some(participant) = room.participants.get(&me)
            {
                let texts = [room.about(participant).muted(muted, track)];
                self.tell_room(room_id, me, &texts);
            }
        }
        Ok(())
    }
}
