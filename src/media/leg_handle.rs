//! A phone leg as the control plane has it.

use crate::media::command::{Command, LegOrder};
use crate::media::error::MediaError;
use crate::media::heard::Heard;
use crate::media::ids::{LegId, PlaybackId};
use crate::media::net::sources::MediaSources;
use crate::media::orders::Orders;
use crate::media::playback::Playback;
use omnigate_audio::dtmf::Key;
use omnigate_sip::{Agreed, LocalMedia};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::mpsc::Sender;

/// Where a leg can be reached, wherever it is: for whoever moves it between rooms. It does not keep the leg.
#[derive(Clone)]
pub struct LegSeat {
    pub(super) id: LegId,
    /// Those of the shard that opened it, which hands on what is for another one: so orders keep their order.
    pub(super) orders: Orders,
}

impl fmt::Debug for LegSeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

impl LegSeat {
    pub(super) fn ask(&self, order: LegOrder) -> Result<(), MediaError> {
        self.orders.ask(Command::Leg(self.id, order))
    }

    pub(super) fn release(&self, order: LegOrder) {
        self.orders.release(Command::Leg(self.id, order));
    }
}

/// A phone leg; dropping it ends the leg.
pub struct LegHandle {
    seat: LegSeat,
    local: LocalMedia,
    /// Numbers playbacks, of all legs.
    playbacks: Arc<AtomicU64>,
}

impl LegHandle {
    pub(super) fn new(seat: LegSeat, local: LocalMedia, playbacks: Arc<AtomicU64>) -> LegHandle {
        LegHandle {
            seat,
            local,
            playbacks,
        }
    }

    /// Its identity.
    pub fn id(&self) -> LegId {
        self.seat.id
    }

    /// For whoever moves it between rooms.
    pub fn seat(&self) -> LegSeat {
        self.seat.clone()
    }

    /// Where the caller is to send RTP.
    pub fn local(&self) -> LocalMedia {
        self.local
    }

    /// Applies what SDP agreed on.
    ///
    /// # Errors
    /// [`MediaError::Busy`] when the shard does not take orders; nothing has changed then.
    pub fn set_media(&self, agreed: Agreed) -> Result<(), MediaError> {
        self.seat.ask(LegOrder::SetMedia(Box::new(agreed)))
    }

    /// Plays something to the caller; what was playing stops.
    ///
    /// # Errors
    /// [`MediaError::Busy`] when the shard does not take orders; nothing is played then.
    pub fn play(&self, playback: Playback) -> Result<PlaybackId, MediaError> {
        let id = PlaybackId(self.playbacks.fetch_add(1, Relaxed));
        self.seat.ask(LegOrder::Play(id, playback))?;
        Ok(id)
    }

    /// Says this in the telephone's place until the telephone itself says something: the ring-back tone of one that is
    /// called. None: no longer.
    pub fn stand_in(&self, playback: Option<Playback>) {
        self.seat.release(LegOrder::StandIn(playback));
    }

    /// Whose media is taken, beside that of the host which SDP names: for a telephone that is called at another gateway.
    pub fn set_sources(&self, sources: MediaSources) {
        self.seat.release(LegOrder::SetSources(sources));
    }

    /// Presses a key towards the telephone, as a telephone event (RFC 4733). At most 64 wait.
    ///
    /// # Errors
    /// [`MediaError::Busy`] when the shard does not take orders; nothing is pressed then.
    pub fn press(&self, key: Key) -> Result<(), MediaError> {
        self.seat.ask(LegOrder::Press(key))
    }

    /// Hands on what is heard of the telephone from now on, each 20 ms; what there is no room for is lost.
    pub fn hear(&self, to: Sender<Heard>) {
        self.seat.release(LegOrder::Hear(to));
    }

    /// Stops what is playing.
    pub fn stop_playback(&self) {
        self.seat.release(LegOrder::StopPlayback);
    }
}

impl Drop for LegHandle {
    fn drop(&mut self) {
        self.seat.release(LegOrder::Remove);
    }
}
