//! Recordings (6.21, 9.13): asked for by a participant, once per stay, or by policy; and who takes part.
//!
//! ```text
//!             start                stop, gone, call over
//!   Never ──────────────▶ Runs ──────────────────────────▶ Once
//!     ▲                     │
//!     └─────────────────────┘ the disk does not take it
//! ```
//!
//! A start is answered when the disk has the recording: who is told that it runs has it even if the server falls.
//!
//! A participant's recording ends with the participant, one by policy when the room is empty, and every one of a 1:1
//! call with the call.

use super::Hub;
use super::outcome::{Awaited, Handled};
use super::people::{Line, Participant, Recorded, Room, Sdk, Stage};
use crate::effects::Effect;
use crate::fault::Fault;
use crate::fields::Fields;
use crate::ids::SocketId;
use crate::now::Now;
use crate::outgoing::Reply;
use crate::record_policy::RecordPolicy;
use crate::words::{RoomType, Track};
use omnigate_room::{
    CallId, CallOver, CallParties, CallStage, CallTold, Ending, Person, RecordingAbout, Scene,
};
use omnigate_room::{ParticipantId, RecordingId, RoomId};

pub(super) fn person(room: &Room, participant: &Participant) -> Person {
    Person {
        session: participant.session.clone(),
        user_id: participant.user_id.clone(),
        user_name: participant.user_name.clone(),
        call_type: room.call_type_of(participant).word(),
        telephone: match participant.line {
            Line::App(_) => None,
            Line::Telephone(call) => Some(call),
        },
    }
}

impl Hub {
    /// `WS_RECORDING_REQ` (6.21).
    pub(super) fn recording(&mut self, socket: SocketId, fields: &Fields, now: Now) -> Handled {
        let mut starts = fields.recording_starts()?;
        if fields.track()? != Track::Audio {
            return Err(Fault::OnlySound);
        }
        let (room, me) = self.inside(socket)?;
        let state = self.participant(me).ok_or(Fault::NotInRoom)?.recording;
        // 11.2: this SDK says `start` where it means `stop`.
        let react = self.session(socket)?.sdk == Sdk::ReactNative;
        starts &= !(react && matches!(state, Recorded::Runs(_)));
        match (starts, state) {
            (true, Recorded::Never) => {
                self.may_record(socket, room)?;
                let recording = self
                    .start_recording(room, me, true, now)
                    .ok_or(Fault::NotInRoom)?;
                return Ok(Awaited::Recording(recording).into());
            }
            (true, Recorded::Runs(_)) => return Err(Fault::RecordingRuns),
            (true, Recorded::Once) => return Err(Fault::RecordedOnce),
            (false, Recorded::Runs(recording)) => self.stop_recording(room, recording, Ending::Stop),
            (false, Recorded::Never | Recorded::Once) => return Err(Fault::NoRecording),
        }
        Ok(Reply::new().into())
    }

    /// Whether this session may start a recording of its room now.
    fn may_record(&self, socket: SocketId, room: RoomId) -> Result<(), Fault> {
        if let Some(room) = self.rooms.get(&room) {
            self.may_as_host(socket, room, self.hosts_only().record, "record it")?;
        }
        self.can_record_now()
    }

    /// Whether the service may record at all, and one more at the moment.
    fn can_record_now(&self) -> Result<(), Fault> {
        let records = self
            .settings
            .service
            .as_ref()
            .is_none_or(|service| service.records);
        let reason = (!records).then_some("this service does not record");
        if let Some(reason) = reason.or(self.cannot_record) {
            return Err(Fault::CannotRecord(reason));
        }
        if self.storage_full {
            return Err(Fault::StorageFull);
        }
        let most = self.quota().recordings;
        let full = self.recordings_used() >= most;
        if full {
            Err(Fault::TooManyRecordings(most))
        } else {
            Ok(())
        }
    }

    /// Recordings that run.
    pub(super) fn recordings_used(&self) -> usize {
        self.rooms.values().map(|room| room.recordings.len()).sum()
    }

    /// The disk has a recording that was asked for, or does not take it: then it has never been.
    pub(super) fn recording_ready(
        &mut self,
        recording: RecordingId,
        taken: Result<(), Fault>,
    ) -> Result<Reply, Fault> {
        if taken.is_err()
            && let Some((room, owner)) = self.recorded(recording)
        {
            self.stop_recording(room, recording, Ending::Stop);
            if let Some(participant) = owner.and_then(|owner| self.participant_mut(owner)) {
                participant.recording = Recorded::Never;
            }
        }
        taken.map(|()| Reply::new())
    }

    /// The room that a recording is of, and the participant whose it is, while it runs.
    pub(super) fn recorded(&self, recording: RecordingId) -> Option<(RoomId, Option<ParticipantId>)> {
        let mut rooms = self.rooms.values();
        rooms.find_map(|room| Some((room.id, *room.recordings.get(&recording)?)))
    }

    /// The participant is connected, or both sides of the call are: what the service, a trunk or the offer (12.30) wants
    /// recorded begins.
    pub(super) fn record_by_policy(&mut self, room_id: RoomId, id: ParticipantId, now: Now) {
        if self.can_record_now().is_err() {
            return;
        }
        let Some(room) = self.rooms.get(&room_id) else {
            return;
        };
        let service = self.settings.service.as_ref();
        let mut policy = service.map(|service| service.record).unwrap_or_default();
        let Some(participant) = room.participants.get(&id) else {
            return;
        };
        let own = participant.record.records(room.kind) && participant.recording == Recorded::Never;
        let by_app = participant.line.socket().is_some();
        // What a trunk wants of a 1:1 call is about the call, what it wants of a room about the telephone's stay.
        if room.call.is_some() && !by_app {
            policy = policy.or(participant.record);
        }
        let own = own && (by_app || room.call.is_none());
        let everybody = policy.records(room.kind) && !room.recordings.values().any(Option::is_none);
        if everybody {
            self.start_recording(room_id, id, false, now);
        }
        if own {
            self.start_recording(room_id, id, true, now);
        }
    }

    /// None when there is no such participant any more.
    fn start_recording(
        &mut self,
        room_id: RoomId,
        id: ParticipantId,
        own: bool,
        now: Now,
    ) -> Option<RecordingId> {
        let recording = self.dice.recording(now);
        let scene = self.scene(room_id)?;
        let room = self.rooms.get_mut(&room_id)?;
        let participant = room.participants.get_mut(&id)?;
        if own {
            participant.recording = Recorded::Runs(recording);
        }
        room.recordings.insert(recording, own.then_some(id));
        let first = room.recordings.len() == 1;
        let participant = room.participants.get(&id)?;
        let about = RecordingAbout {
            scene,
            person: person(room, participant),
            by_policy: !own || participant.record != RecordPolicy::default(),
            telephone: person(room, participant).telephone.filter(|_| own),
            call: room.call.as_ref().map(|call| CallParties {
                id: call.id,
                caller: call.caller_id.clone(),
                callee: call.callee.clone(),
                caller_is: call.caller,
            }),
            started_at: now.unix,
            members: room
                .participants
                .values()
                .filter(|one| one.announced)
                .map(|one| (one.id, person(room, one)))
                .collect(),
        };
        let text = room.about(participant).recorded(true);
        self.effects.push(Effect::StartRecording {
            recording,
            room: room_id,
            about: Box::new(about),
        });
        if first {
            self.tell_own_clients(room_id, &text);
        }
        Some(recording)
    }

    pub(super) fn stop_recording(&mut self, room_id: RoomId, recording: RecordingId, ending: Ending) {
        let Some(room) = self.rooms.get_mut(&room_id) else {
            return;
        };
        let Some(owner) = room.recordings.remove(&recording) else {
            return;
        };
        if let Some(participant) = owner.and_then(|owner| room.participants.get_mut(&owner)) {
            participant.recording = Recorded::Once;
        }
        self.effects.push(Effect::StopRecording { recording, ending });
        let Some(room) = self.rooms.get(&room_id) else {
            return;
        };
        let about = room.participants.values().next().map(|one| room.about(one));
        if let Some(about) = about.filter(|_| room.recordings.is_empty()) {
            let text = about.recorded(false);
            self.tell_own_clients(room_id, &text);
        }
    }

    /// A participant goes, and its recording with it.
    pub(super) fn end_own_recording(&mut self, room: RoomId, id: ParticipantId, ending: Ending) {
        if let Some(Recorded::Runs(recording)) = self.participant(id).map(|one| one.recording) {
            self.stop_recording(room, recording, ending);
        }
    }

    /// After somebody has gone: nothing is recorded in an empty room, or in a call that is over.
    pub(super) fn end_recordings_without_company(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get(&room_id) else {
            return;
        };
        if room.call.is_none() && !room.participants.is_empty() {
            return;
        }
        let all: Vec<RecordingId> = room.recordings.keys().copied().collect();
        for recording in all {
            self.stop_recording(room_id, recording, Ending::RoomClosed);
        }
    }

    /// The server stops: calls and recordings are over.
    pub(super) fn end_all_recordings(&mut self) {
        let calls: Vec<RoomId> = self.rooms.keys().copied().collect();
        for room in calls {
            self.will_be_over(room, Some(CallOver::Shutdown));
            self.set_stage(room, Stage::Over);
        }
        for recording in self.rooms.values().flat_map(|room| room.recordings.keys()) {
            self.effects.push(Effect::StopRecording {
                recording: *recording,
                ending: Ending::RoomClosed,
            });
        }
    }

    /// The server stops: nobody takes part any more.
    pub(super) fn tell_all_gone(&mut self) {
        let mut effects = Vec::new();
        for room in self.rooms.values() {
            for one in room.participants.values().filter(|one| one.announced) {
                effects.extend(self.scene(room.id).map(|scene| Effect::Gone {
                    room: room.id,
                    participant: one.id,
                    scene: Box::new(scene),
                    person: Box::new(person(room, one)),
                    ending: Ending::RoomClosed,
                }));
            }
        }
        self.effects.extend(effects);
    }

    pub(super) fn scene(&self, room_id: RoomId) -> Option<Scene> {
        let room = self.rooms.get(&room_id)?;
        Some(Scene {
            service_id: self.settings.service.as_ref()?.id.clone(),
            room_id: room.wire.clone(),
            room_type: room.kind.word(),
        })
    }

    /// Tells what has become of the room's call.
    pub(super) fn tell_call(&mut self, room_id: RoomId, stage: CallStage) {
        let (Some(service), Some(room)) = (&self.settings.service, self.rooms.get(&room_id)) else {
            return;
        };
        let Some(call) = &room.call else { return };
        let told = CallTold {
            id: call.id,
            stage,
            service_id: service.id.clone(),
            room: Some(room_id),
            room_type: room.kind.word(),
            caller: call.caller_id.clone(),
            callee: call.callee.clone(),
            call_type: room.kind.call_type().word(),
            by_telephone: call.by_telephone,
            started_at: call.started_at,
            answered_at: call.answered_at,
        };
        self.effects.push(Effect::Call(Box::new(told)));
    }

    /// A call has been refused before there was a room for it: that is all that is told of it.
    pub(super) fn tell_refused(
        &mut self,
        id: CallId,
        kind: RoomType,
        caller: String,
        callee: String,
        why: CallOver,
        now: Now,
    ) {
        let Some(service) = &self.settings.service else {
            return;
        };
        let told = CallTold {
            id,
            stage: CallStage::Ended(why),
            service_id: service.id.clone(),
            room: None,
            room_type: kind.word(),
            caller,
            callee,
            call_type: kind.call_type().word(),
            by_telephone: kind == RoomType::SipCall,
            started_at: now.unix,
            answered_at: None,
        };
        self.effects.push(Effect::Call(Box::new(told)));
    }

    /// The participant takes part from now on.
    pub(super) fn entered(&mut self, room_id: RoomId, id: ParticipantId) {
        let (Some(scene), Some(room)) = (self.scene(room_id), self.rooms.get(&room_id)) else {
            return;
        };
        let Some(participant) = room.participants.get(&id) else {
            return;
        };
        self.effects.push(Effect::Entered {
            room: room_id,
            participant: id,
            scene: Box::new(scene),
            person: Box::new(person(room, participant)),
        });
    }

    /// `WS_RECORDING_NOTI`, ours, to the sessions in a room whose client knows it.
    fn tell_own_clients(&mut self, room_id: RoomId, text: &str) {
        let Some(room) = self.rooms.get(&room_id) else {
            return;
        };
        for socket in room.sockets(None) {
            self.tell_if_own(socket, text);
        }
    }

    /// A newcomer learns that the room is being recorded.
    pub(super) fn tell_own_client(&mut self, room_id: RoomId, id: ParticipantId) {
        let Some(room) = self
            .rooms
            .get(&room_id)
            .filter(|room| !room.recordings.is_empty())
        else {
            return;
        };
        if let Some(participant) = room.participants.get(&id)
            && let Some(socket) = participant.line.socket()
        {
            let text = room.about(participant).recorded(true);
            self.tell_if_own(socket, &text);
        }
    }

    fn tell_if_own(&mut self, socket: SocketId, text: &str) {
        if self
            .session_of(socket)
            .is_some_and(|session| session.sdk == Sdk::Own)
        {
            self.send(socket, text.to_owned());
        }
    }
}
