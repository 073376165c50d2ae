//! The leg of a line, and what it tells.

use crate::calls::CallMedia;
use crate::media::{LegEvent, LegHandle, MediaError, MediaPlane, PlaybackId};
use crate::trunks::Trunk;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Places in the queue of one leg.
const QUEUE: usize = 256;
/// How long the media thread may take to hand over its last figures.
const LAST_FIGURES: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Ear {
    pub(super) leg: LegHandle,
    pub(super) events: mpsc::Receiver<LegEvent>,
    pub(super) over: bool,
    pub(super) playing: Option<PlaybackId>,
    /// RTP comes from elsewhere than SDP said.
    pub(super) learned: bool,
}

impl Ear {
    pub(super) fn open(
        media: &MediaPlane,
        trunk: &Trunk,
        peer: IpAddr,
        now: Instant,
    ) -> Result<Ear, MediaError> {
        let (sender, events) = mpsc::channel(QUEUE);
        Ok(Ear {
            leg: media.open_leg_at(trunk.media_sources(peer), sender, now)?,
            events,
            over: false,
            playing: None,
            learned: false,
        })
    }

    /// Lets the leg go; what comes is its last figures.
    pub(super) fn close(self) -> impl Future<Output = Option<CallMedia>> + use<> {
        drop(self.leg);
        let mut events = self.events;
        let wait = async move {
            while let Some(event) = events.recv().await {
                if let LegEvent::Ended(figures) = event {
                    return Some(CallMedia {
                        received: figures.received,
                        sent: figures.sent,
                        lost: figures.lost,
                        loss_fraction: figures.loss_fraction,
                        jitter_seconds: figures.jitter_seconds,
                        rtt: figures.rtt,
                    });
                }
            }
            None
        };
        async { tokio::time::timeout(LAST_FIGURES, wait).await.ok().flatten() }
    }
}
