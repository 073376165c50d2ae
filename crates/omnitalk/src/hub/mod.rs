//! The hub.

use crate::{
    CallNumber, Effect, Figures, HubSettings, LookUp, Now, ParticipantId, RoomId, SocketId, TelephoneId,
};
use std::time::Instant;

/// Sessions, rooms, calls and numbers as one state machine.
pub struct Hub {
    settings: HubSettings,
}

impl Hub {
    /// A hub without sessions. All ids and numbers are drawn from `seed`, so it must be unguessable in production.
    #[must_use]
    pub fn new(settings: HubSettings, seed: [u8; 32]) -> Self {
        let _ = seed;
        Self { settings }
    }

    /// A socket is open.
    pub fn connected(&mut self, _socket: SocketId, _now: Now) {}

    /// A text (or binary) frame came in.
    pub fn received(&mut self, _socket: SocketId, _text: &str, _now: Now) -> Vec<Effect> {
        Vec::new()
    }

    /// The socket has ended by itself.
    pub fn disconnected(&mut self, _socket: SocketId, _now: Now) -> Vec<Effect> {
        Vec::new()
    }

    /// The media plane's answer to [`Effect::OpenPeer`]: the SDP, or why there is none.
    pub fn peer_answered(
        &mut self,
        _participant: ParticipantId,
        _answer: Result<String, String>,
        _now: Now,
    ) -> Vec<Effect> {
        Vec::new()
    }

    /// ICE and DTLS of the participant's peer are up.
    pub fn peer_up(&mut self, _participant: ParticipantId, _now: Now) -> Vec<Effect> {
        Vec::new()
    }

    /// The participant's peer is lost; the participant stays until its socket ends.
    pub fn peer_gone(&mut self, _participant: ParticipantId, _now: Now) -> Vec<Effect> {
        Vec::new()
    }

    /// What a call number leads to.
    #[must_use]
    pub fn look_up(&self, _number: &CallNumber, _now: Now) -> LookUp {
        LookUp::Unknown
    }

    /// A telephone calls a user (9.9).
    pub fn ring(
        &mut self,
        _call: TelephoneId,
        _service_id: &str,
        _user_id: &str,
        _caller: &str,
        _now: Now,
    ) -> Vec<Effect> {
        Vec::new()
    }

    /// A telephone enters a room (9.10).
    pub fn admit(&mut self, _call: TelephoneId, _room: RoomId, _caller: &str, _now: Now) -> Vec<Effect> {
        Vec::new()
    }

    /// The telephone has hung up, in any state.
    pub fn hung_up(&mut self, _call: TelephoneId, _now: Now) -> Vec<Effect> {
        Vec::new()
    }

    /// When [`Hub::expire`] is due next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.settings.services.first().and(None)
    }

    /// Runs every timer that is due.
    pub fn expire(&mut self, _now: Now) -> Vec<Effect> {
        Vec::new()
    }

    /// The server stops: telephones are told, all sockets close with 1001.
    pub fn close_all(&mut self, _now: Now) -> Vec<Effect> {
        Vec::new()
    }

    /// Counts for metrics.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures::default()
    }
}
