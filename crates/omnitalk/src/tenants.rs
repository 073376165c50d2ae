//! The hubs of all services side by side, and whose hub something is for.
//!
//! A socket belongs to no service until it asks for a session: until then it waits in the lobby, a hub without a service,
//! which gives nobody a session and keeps the same rules. Everything else is told apart by its id: participants, streams
//! and viewers of one hub have ids of their own range.

use crate::dial::DialRefusal;
use crate::effects::{Effect, Figures, RefusedReason, TelephoneCaller, TelephoneNotice};
use crate::hub::Hub;
use crate::ids::{ClientId, SocketId};
use crate::incoming::{Incoming, Kind};
use crate::kept::{KeptRoom, StoreFault};
use crate::masked::CallNumber;
use crate::now::Now;
use crate::numbers::{NumberFault, TargetKind};
use crate::settings::{HubSettings, Service};
use omnigate_room::{CallId, CallOver, ParticipantId, RecordingId, RoomId, StreamId, ViewerId};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::BTreeMap;
use std::time::Instant;

/// Bits of an id that a hub counts with. The bits above them say whose it is; together they stay below the 53 bits that
/// clients read exactly.
const COUNT_BITS: u32 = 40;
/// The lobby's place.
const LOBBY: usize = 0;

/// One hub a service. Its methods are those of [`Hub`], with what tells the hubs apart.
pub struct Tenants {
    /// The lobby, then the services in the order of the settings.
    hubs: Vec<Hub>,
    services: Vec<Service>,
    /// Where a socket is.
    sockets: BTreeMap<SocketId, usize>,
    telephones: BTreeMap<CallId, usize>,
    /// Telephones that are to be called for an app.
    diallings: BTreeMap<CallId, usize>,
}

impl std::fmt::Debug for Tenants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tenants")
            .field("figures", &self.figures())
            .finish_non_exhaustive()
    }
}

impl Tenants {
    /// A hub for each of `services`, and all other settings alike. All ids are drawn from `seed`, which must be unguessable
    /// in production.
    #[must_use]
    pub fn new(services: Vec<Service>, settings: &HubSettings, seed: [u8; 32]) -> Self {
        let mut seeds = StdRng::from_seed(seed);
        let lobby = std::iter::once(None).chain(services.iter().cloned().map(Some));
        let hubs = lobby.enumerate().map(|(index, service)| {
            let settings = HubSettings {
                service,
                first_id: ((index as u64) << COUNT_BITS) + 1,
                ..settings.clone()
            };
            Hub::new(settings, seeds.random())
        });
        Self {
            hubs: hubs.collect(),
            services,
            sockets: BTreeMap::new(),
            telephones: BTreeMap::new(),
            diallings: BTreeMap::new(),
        }
    }

    /// [`Hub::connected`].
    pub fn connected(&mut self, socket: SocketId, client: Option<ClientId>, now: Now) {
        self.sockets.entry(socket).or_insert(LOBBY);
        self.hub_of(socket).connected(socket, client, now);
    }

    /// [`Hub::received`]. The first request for a session of a service that there is brings the socket to its hub.
    pub fn received(&mut self, socket: SocketId, text: &str, now: Now) -> Vec<Effect> {
        if self.sockets.get(&socket) == Some(&LOBBY)
            && let Some(home) = self.home(text)
        {
            let client = self.hubs[LOBBY].hand_over(socket);
            self.sockets.insert(socket, home);
            self.hubs[home].connected(socket, client, now);
        }
        let effects = self.hub_of(socket).received(socket, text, now);
        self.follow(effects)
    }

    /// The hub of the service that a request for a session names.
    fn home(&self, text: &str) -> Option<usize> {
        let Incoming::Request(request) = Incoming::read(text) else {
            return None;
        };
        if request.kind != Kind::Session {
            return None;
        }
        let id = request.fields.string("service_id")?;
        self.place_of(id)
    }

    /// [`Hub::disconnected`].
    pub fn disconnected(&mut self, socket: SocketId, now: Now) -> Vec<Effect> {
        let effects = self.hub_of(socket).disconnected(socket, now);
        self.sockets.remove(&socket);
        self.follow(effects)
    }

    /// [`Hub::peer_answered`].
    pub fn peer_answered(
        &mut self,
        participant: ParticipantId,
        answer: Result<String, String>,
        now: Now,
    ) -> Vec<Effect> {
        let effects = self.by_id(participant.0).peer_answered(participant, answer, now);
        self.follow(effects)
    }

    /// [`Hub::stream_answered`].
    pub fn stream_answered(
        &mut self,
        stream: StreamId,
        answer: Result<String, String>,
        now: Now,
    ) -> Vec<Effect> {
        let effects = self.by_id(stream.0).stream_answered(stream, answer, now);
        self.follow(effects)
    }

    /// [`Hub::viewer_offered`].
    pub fn viewer_offered(
        &mut self,
        viewer: ViewerId,
        offer: Result<String, String>,
        now: Now,
    ) -> Vec<Effect> {
        let effects = self.by_id(viewer.0).viewer_offered(viewer, offer, now);
        self.follow(effects)
    }

    /// [`Hub::stream_gone`].
    pub fn stream_gone(&mut self, stream: StreamId, now: Now) -> Vec<Effect> {
        let effects = self.by_id(stream.0).stream_gone(stream, now);
        self.follow(effects)
    }

    /// [`Hub::viewer_gone`].
    pub fn viewer_gone(&mut self, viewer: ViewerId, now: Now) -> Vec<Effect> {
        let effects = self.by_id(viewer.0).viewer_gone(viewer, now);
        self.follow(effects)
    }

    /// [`Hub::peer_up`].
    pub fn peer_up(&mut self, participant: ParticipantId, now: Now) -> Vec<Effect> {
        let effects = self.by_id(participant.0).peer_up(participant, now);
        self.follow(effects)
    }

    /// [`Hub::peer_gone`].
    pub fn peer_gone(&mut self, participant: ParticipantId, now: Now) -> Vec<Effect> {
        let effects = self.by_id(participant.0).peer_gone(participant, now);
        self.follow(effects)
    }

    /// [`Hub::number_assigned`], of a service.
    pub fn number_assigned(
        &mut self,
        socket: SocketId,
        wish: u64,
        service_id: &str,
        kind: TargetKind,
        answer: Result<CallNumber, NumberFault>,
        now: Now,
    ) -> Vec<Effect> {
        let place = self.place_of(service_id).unwrap_or(LOBBY);
        let effects = self.hubs[place].number_assigned(socket, wish, kind, answer, now);
        self.follow(effects)
    }

    /// [`Hub::room_kept`], of a service.
    pub fn room_kept(
        &mut self,
        service_id: &str,
        room: RoomId,
        kept: Result<(), StoreFault>,
        now: Now,
    ) -> Vec<Effect> {
        let place = self.place_of(service_id).unwrap_or(LOBBY);
        let effects = self.hubs[place].room_kept(room, kept, now);
        self.follow(effects)
    }

    /// [`Hub::room_struck`], of a service.
    pub fn room_struck(
        &mut self,
        service_id: &str,
        room: RoomId,
        struck: Result<(), StoreFault>,
        now: Now,
    ) -> Vec<Effect> {
        let place = self.place_of(service_id).unwrap_or(LOBBY);
        let effects = self.hubs[place].room_struck(room, struck, now);
        self.follow(effects)
    }

    /// [`Hub::restore`], of a service; false when there is no such service.
    pub fn restore(
        &mut self,
        service_id: &str,
        room: &KeptRoom,
        number: Option<CallNumber>,
        now: Now,
    ) -> bool {
        let Some(place) = self.place_of(service_id) else {
            return false;
        };
        self.hubs[place].restore(room, number, now);
        true
    }

    /// [`Hub::awaits_rooms`], for all.
    pub fn await_rooms(&mut self, awaits: bool) {
        for hub in &mut self.hubs {
            hub.awaits_rooms(awaits);
        }
    }

    /// [`Hub::ring`], for a user of this service.
    pub fn ring<'a>(
        &mut self,
        call: CallId,
        service_id: &str,
        user_id: &str,
        caller: impl Into<TelephoneCaller<'a>>,
        now: Now,
    ) -> Vec<Effect> {
        if self.telephones.contains_key(&call) {
            return Vec::new();
        }
        let Some(place) = self.place_of(service_id) else {
            return vec![refused(call, RefusedReason::NoSession)];
        };
        self.telephones.insert(call, place);
        let effects = self.hubs[place].ring(call, user_id, caller, now);
        self.follow(effects)
    }

    /// [`Hub::admit`]. A room that is in no hub is not there.
    pub fn admit<'a>(
        &mut self,
        call: CallId,
        room: RoomId,
        caller: impl Into<TelephoneCaller<'a>>,
        now: Now,
    ) -> Vec<Effect> {
        if self.telephones.contains_key(&call) {
            return Vec::new();
        }
        let Some(place) = self.hubs.iter().position(|hub| hub.has_room(room)) else {
            return vec![refused(call, RefusedReason::NoRoom)];
        };
        self.telephones.insert(call, place);
        let effects = self.hubs[place].admit(call, room, caller, now);
        self.follow(effects)
    }

    /// [`Hub::dialled`].
    pub fn dialled(&mut self, call: CallId, answer: Result<(), DialRefusal>, now: Now) -> Vec<Effect> {
        let Some(place) = self.diallings.remove(&call) else {
            return Vec::new();
        };
        if answer.is_ok() {
            self.telephones.insert(call, place);
        }
        let effects = self.hubs[place].dialled(call, answer, now);
        self.follow(effects)
    }

    /// [`Hub::telephone_answered`].
    pub fn telephone_answered(&mut self, call: CallId, now: Now) -> Vec<Effect> {
        let Some(place) = self.telephones.get(&call).copied() else {
            return Vec::new();
        };
        let effects = self.hubs[place].telephone_answered(call, now);
        self.follow(effects)
    }

    /// [`Hub::telephone_failed`].
    pub fn telephone_failed(&mut self, call: CallId, why: CallOver, now: Now) -> Vec<Effect> {
        let Some(place) = self.telephones.remove(&call) else {
            return Vec::new();
        };
        let effects = self.hubs[place].telephone_failed(call, why, now);
        self.follow(effects)
    }

    /// [`Hub::hung_up`].
    pub fn hung_up(&mut self, call: CallId, now: Now) -> Vec<Effect> {
        let Some(place) = self.telephones.remove(&call) else {
            return Vec::new();
        };
        let effects = self.hubs[place].hung_up(call, now);
        self.follow(effects)
    }

    /// [`Hub::can_record`], for all.
    pub fn can_record(&mut self, refused: Option<&'static str>) {
        for hub in &mut self.hubs {
            hub.can_record(refused);
        }
    }

    /// [`Hub::recording_begun`].
    pub fn recording_begun(&mut self, recording: RecordingId, now: Now) -> Vec<Effect> {
        let hubs = self.hubs.iter_mut();
        let effects = hubs.flat_map(|hub| hub.recording_begun(recording, now)).collect();
        self.follow(effects)
    }

    /// [`Hub::recording_failed`].
    pub fn recording_failed(&mut self, recording: RecordingId, now: Now) -> Vec<Effect> {
        let hubs = self.hubs.iter_mut();
        let effects = hubs
            .flat_map(|hub| hub.recording_failed(recording, now))
            .collect();
        self.follow(effects)
    }

    /// [`Hub::next_deadline`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.hubs.iter().filter_map(Hub::next_deadline).min()
    }

    /// [`Hub::expire`].
    pub fn expire(&mut self, now: Now) -> Vec<Effect> {
        let effects = self.hubs.iter_mut().flat_map(|hub| hub.expire(now)).collect();
        self.follow(effects)
    }

    /// [`Hub::drain`], for all.
    pub fn drain(&mut self) {
        self.hubs.iter_mut().for_each(Hub::drain);
    }

    /// [`Hub::close_all`].
    pub fn close_all(&mut self, now: Now) -> Vec<Effect> {
        let effects = self.hubs.iter_mut().flat_map(|hub| hub.close_all(now)).collect();
        self.follow(effects)
    }

    /// [`Hub::stream_pixels`].
    #[must_use]
    pub fn stream_pixels(&self, stream: StreamId) -> Option<u32> {
        self.hubs.get(place_of_id(stream.0))?.stream_pixels(stream)
    }

    /// [`Hub::reported_pixels`].
    #[must_use]
    pub fn reported_pixels(&self, participant: ParticipantId) -> Option<u32> {
        self.hubs
            .get(place_of_id(participant.0))?
            .reported_pixels(participant)
    }

    /// [`Hub::figures`] of all together.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.hubs.iter().map(Hub::figures).sum()
    }

    /// [`Hub::audit`] of all, and what holds between them.
    ///
    /// # Errors
    /// The first rule that does not hold, as text without names or numbers.
    pub fn audit(&self) -> Result<(), String> {
        for hub in &self.hubs {
            hub.audit()?;
        }
        let figures = self.figures();
        if figures.sockets != self.sockets.len() {
            return Err("a socket is in no hub".to_owned());
        }
        if figures.telephones != self.telephones.len() {
            return Err("a telephone is in no hub".to_owned());
        }
        Ok(())
    }

    fn place_of(&self, service_id: &str) -> Option<usize> {
        let index = self.services.iter().position(|service| service.id == service_id);
        index.map(|index| index + 1)
    }

    fn hub_of(&mut self, socket: SocketId) -> &mut Hub {
        let place = self.sockets.get(&socket).copied().unwrap_or(LOBBY);
        &mut self.hubs[place]
    }

    /// The hub that has counted this id. One that none has counted is unknown in the lobby too.
    fn by_id(&mut self, id: u64) -> &mut Hub {
        let place = Some(place_of_id(id)).filter(|place| *place < self.hubs.len());
        &mut self.hubs[place.unwrap_or(LOBBY)]
    }

    /// Sockets that are closed and telephones that have ended are in no hub any more; a call that is to be made is its
    /// service's.
    fn follow(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        for effect in &effects {
            match effect {
                Effect::Close { socket, .. } => drop(self.sockets.remove(socket)),
                Effect::Telephone { call, notice } if notice.is_last() => {
                    self.telephones.remove(call);
                }
                Effect::Dial { call, dialling } => {
                    if let Some(place) = self.place_of(&dialling.service_id) {
                        self.diallings.insert(*call, place);
                    }
                }
                _ => {}
            }
        }
        effects
    }
}

fn place_of_id(id: u64) -> usize {
    usize::try_from(id >> COUNT_BITS).unwrap_or(usize::MAX)
}

fn refused(call: CallId, reason: RefusedReason) -> Effect {
    let notice = TelephoneNotice::Refused(reason);
    Effect::Telephone { call, notice }
}
