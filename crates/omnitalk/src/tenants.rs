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
use crate::quota::ServiceUse;
use crate::settings::{HubSettings, Service};
use omnigate_room::{CallId, CallOver, ParticipantId, RecordingId, RoomId, Secret, StreamId, ViewerId};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Bits of an id that a hub counts with. The bits above them say whose it is; together they stay below the 53 bits that
/// clients read exactly.
const COUNT_BITS: u32 = 40;
/// The lobby's place.
const LOBBY: usize = 0;
/// Places that the bits above can tell apart.
const MOST_PLACES: usize = 1 << (53 - COUNT_BITS);

/// One hub a service. Its methods are those of [`Hub`], with what tells the hubs apart.
pub struct Tenants {
    /// The lobby, and the hubs of the services by their places.
    hubs: BTreeMap<usize, Hub>,
    /// Where a service is.
    services: BTreeMap<String, usize>,
    /// What all hubs have in common.
    settings: HubSettings,
    seeds: StdRng,
    /// No place is given out twice: the ids that were counted there may still be told of.
    next_place: usize,
    /// What is said to every hub, and to those that come later.
    draining: bool,
    awaits_rooms: bool,
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
        let mut tenants = Self {
            hubs: BTreeMap::new(),
            services: BTreeMap::new(),
            settings: settings.clone(),
            seeds: StdRng::from_seed(seed),
            next_place: LOBBY,
            draining: false,
            awaits_rooms: false,
            sockets: BTreeMap::new(),
            telephones: BTreeMap::new(),
            diallings: BTreeMap::new(),
        };
        tenants.add_hub(None);
        for service in services {
            tenants.set_service(service);
        }
        tenants
    }

    /// Another hub; false when there is no place left for its ids.
    fn add_hub(&mut self, service: Option<Service>) -> bool {
        let place = self.next_place;
        if place >= MOST_PLACES {
            return false;
        }
        self.next_place += 1;
        if let Some(service) = &service {
            self.services.insert(service.id.clone(), place);
        }
        let settings = HubSettings {
            service,
            first_id: ((place as u64) << COUNT_BITS) + 1,
            ..self.settings.clone()
        };
        let mut hub = Hub::new(settings, self.seeds.random());
        hub.awaits_rooms(self.awaits_rooms);
        if self.draining {
            hub.drain();
        }
        self.hubs.insert(place, hub);
        true
    }

    /// There is a service, or it is another one from now on: sessions, rooms and calls go on. False when there have been too many
    /// services in the life of this process.
    pub fn set_service(&mut self, service: Service) -> bool {
        match self.place_of(&service.id) {
            Some(place) => {
                self.hub_at(place).set_service(service);
                true
            }
            None => self.add_hub(Some(service)),
        }
    }

    /// There is no such service any more: its sessions and calls end. `forget`: its rooms and numbers too; otherwise they are as they
    /// were when it comes back.
    pub fn remove_service(&mut self, service_id: &str, forget: bool, now: Now) -> Vec<Effect> {
        let Some(place) = self.services.remove(service_id) else {
            return Vec::new();
        };
        let mut effects = Vec::new();
        if let Some(mut hub) = self.hubs.remove(&place) {
            if forget {
                effects.extend(hub.forget_rooms());
            }
            effects.extend(hub.close_all(now));
        }
        self.sockets.retain(|_, at| *at != place);
        self.telephones.retain(|_, at| *at != place);
        self.diallings.retain(|_, at| *at != place);
        effects
    }

    /// What the services have and may have.
    #[must_use]
    pub fn uses(&self) -> Vec<ServiceUse> {
        self.services
            .iter()
            .filter_map(|(id, place)| {
                let hub = self.hubs.get(place)?;
                Some(ServiceUse {
                    service_id: id.clone(),
                    used: hub.used(),
                    most: hub.quota(),
                })
            })
            .collect()
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
            let client = self.hub_at(LOBBY).hand_over(socket);
            self.sockets.insert(socket, home);
            self.hub_at(home).connected(socket, client, now);
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
        let effects = self
            .hub_at(place)
            .number_assigned(socket, wish, kind, answer, now);
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
        let effects = self.hub_at(place).room_kept(room, kept, now);
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
        let effects = self.hub_at(place).room_struck(room, struck, now);
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
        self.hub_at(place).restore(room, number, now);
        true
    }

    /// [`Hub::awaits_rooms`], for all.
    pub fn await_rooms(&mut self, awaits: bool) {
        self.awaits_rooms = awaits;
        for hub in self.hubs.values_mut() {
            hub.awaits_rooms(awaits);
        }
    }

    /// [`Hub::awaits_rooms`], for one that has come later.
    pub fn await_rooms_of(&mut self, service_id: &str, awaits: bool) {
        if let Some(place) = self.place_of(service_id) {
            self.hub_at(place).awaits_rooms(awaits);
        }
    }

    /// By which key join tokens are judged from now on, in all hubs and those that come later.
    pub fn set_join_key(&mut self, key: &Secret) {
        self.settings.join_key = Some(key.clone());
        for hub in self.hubs.values_mut() {
            hub.set_join_key(key.clone());
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
        let effects = self.hub_at(place).ring(call, user_id, caller, now);
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
        let Some(place) = self.place_of_room(room) else {
            return vec![refused(call, RefusedReason::NoRoom)];
        };
        self.telephones.insert(call, place);
        let effects = self.hub_at(place).admit(call, room, caller, now);
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
        let effects = self.hub_at(place).dialled(call, answer, now);
        self.follow(effects)
    }

    /// [`Hub::telephone_answered`].
    pub fn telephone_answered(&mut self, call: CallId, now: Now) -> Vec<Effect> {
        let Some(place) = self.telephones.get(&call).copied() else {
            return Vec::new();
        };
        let effects = self.hub_at(place).telephone_answered(call, now);
        self.follow(effects)
    }

    /// [`Hub::telephone_failed`].
    pub fn telephone_failed(&mut self, call: CallId, why: CallOver, now: Now) -> Vec<Effect> {
        let Some(place) = self.telephones.remove(&call) else {
            return Vec::new();
        };
        let effects = self.hub_at(place).telephone_failed(call, why, now);
        self.follow(effects)
    }

    /// [`Hub::hung_up`].
    pub fn hung_up(&mut self, call: CallId, now: Now) -> Vec<Effect> {
        let Some(place) = self.telephones.remove(&call) else {
            return Vec::new();
        };
        let effects = self.hub_at(place).hung_up(call, now);
        self.follow(effects)
    }

    /// [`Hub::can_record`], for all.
    pub fn can_record(&mut self, refused: Option<&'static str>) {
        for hub in self.hubs.values_mut() {
            hub.can_record(refused);
        }
    }

    /// [`Hub::storage_full`], for those of these services, and not for the others.
    pub fn storage_full(&mut self, full: &BTreeSet<String>) {
        for (service, place) in &self.services {
            if let Some(hub) = self.hubs.get_mut(place) {
                hub.storage_full(full.contains(service));
            }
        }
    }

    /// The hub of a service, to ask it for what concerns no other one. What it brings about goes through
    /// [`managed`](Self::managed).
    #[must_use]
    pub fn hub(&self, service_id: &str) -> Option<&Hub> {
        self.hubs.get(&self.place_of(service_id)?)
    }

    /// The service whose open room it is.
    #[must_use]
    pub fn service_of_room(&self, room: RoomId) -> Option<&str> {
        let place = self.place_of_room(room)?;
        self.hubs.get(&place).filter(|hub| hub.is_open(room))?;
        let mut services = self.services.iter();
        services.find(|(_, at)| **at == place).map(|(id, _)| id.as_str())
    }

    /// Has the hub of a service do something; none when there is no such service.
    pub fn managed<T>(
        &mut self,
        service_id: &str,
        order: impl FnOnce(&mut Hub) -> (T, Vec<Effect>),
    ) -> Option<(T, Vec<Effect>)> {
        let place = self.place_of(service_id)?;
        let (done, effects) = order(self.hubs.get_mut(&place)?);
        Some((done, self.follow(effects)))
    }

    /// [`Hub::recording_begun`].
    pub fn recording_begun(&mut self, recording: RecordingId, now: Now) -> Vec<Effect> {
        let hubs = self.hubs.values_mut();
        let effects = hubs.flat_map(|hub| hub.recording_begun(recording, now)).collect();
        self.follow(effects)
    }

    /// [`Hub::recording_failed`].
    pub fn recording_failed(&mut self, recording: RecordingId, now: Now) -> Vec<Effect> {
        let hubs = self.hubs.values_mut();
        let effects = hubs
            .flat_map(|hub| hub.recording_failed(recording, now))
            .collect();
        self.follow(effects)
    }

    /// [`Hub::next_deadline`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.hubs.values().filter_map(Hub::next_deadline).min()
    }

    /// [`Hub::expire`].
    pub fn expire(&mut self, now: Now) -> Vec<Effect> {
        let hubs = self.hubs.values_mut();
        let effects = hubs.flat_map(|hub| hub.expire(now)).collect();
        self.follow(effects)
    }

    /// [`Hub::drain`], for all.
    pub fn drain(&mut self) {
        self.draining = true;
        self.hubs.values_mut().for_each(Hub::drain);
    }

    /// [`Hub::close_all`].
    pub fn close_all(&mut self, now: Now) -> Vec<Effect> {
        let hubs = self.hubs.values_mut();
        let effects = hubs.flat_map(|hub| hub.close_all(now)).collect();
        self.follow(effects)
    }

    /// [`Hub::stream_pixels`].
    #[must_use]
    pub fn stream_pixels(&self, stream: StreamId) -> Option<u32> {
        self.hubs.get(&place_of_id(stream.0))?.stream_pixels(stream)
    }

    /// [`Hub::reported_pixels`].
    #[must_use]
    pub fn reported_pixels(&self, participant: ParticipantId) -> Option<u32> {
        self.hubs
            .get(&place_of_id(participant.0))?
            .reported_pixels(participant)
    }

    /// [`Hub::figures`] of all together.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.hubs.values().map(Hub::figures).sum()
    }

    /// [`Hub::audit`] of all, and what holds between them.
    ///
    /// # Errors
    /// The first rule that does not hold, as text without names or numbers.
    pub fn audit(&self) -> Result<(), String> {
        for hub in self.hubs.values() {
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
        self.services.get(service_id).copied()
    }

    fn place_of_room(&self, room: RoomId) -> Option<usize> {
        let mut hubs = self.hubs.iter();
        hubs.find(|(_, hub)| hub.has_room(room)).map(|(place, _)| *place)
    }

    /// The hub of this place; that of a service that has gone is the lobby, which knows nothing of it.
    fn hub_at(&mut self, place: usize) -> &mut Hub {
        let place = if self.hubs.contains_key(&place) {
            place
        } else {
            LOBBY
        };
        let lobby = || Hub::new(HubSettings::default(), [0; 32]);
        self.hubs.entry(place).or_insert_with(lobby)
    }

    fn hub_of(&mut self, socket: SocketId) -> &mut Hub {
        let place = self.sockets.get(&socket).copied().unwrap_or(LOBBY);
        self.hub_at(place)
    }

    /// The hub that has counted this id. One that none has counted is unknown in the lobby too.
    fn by_id(&mut self, id: u64) -> &mut Hub {
        self.hub_at(place_of_id(id))
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
