//! A media plane without threads and sockets, for tests: its shards are turned by whoever has made the clock.

use super::{MediaPlane, Parts, socket_error, thread_name};
use crate::media::error::MediaError;
use crate::media::event::PeerEvent;
use crate::media::net::batch::Moment;
use crate::media::net::made::Net;
use crate::media::net::port::WebrtcPort;
use crate::media::net::sockets::Sockets;
use crate::media::settings::MediaSettings;
use crate::media::shard::Shard;
use crate::observe::Health;
use mio::Poll;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// The shards of a plane.
pub(crate) struct MadeShards(Vec<(Shard, Poll)>);

impl MediaPlane {
    /// A plane on a made network, and its shards.
    pub(crate) fn made(
        settings: MediaSettings,
        events: &mpsc::UnboundedSender<PeerEvent>,
        net: &Net,
        now: Instant,
    ) -> Result<(Arc<MediaPlane>, MadeShards), MediaError> {
        let (health, sockets) = (Health::default(), Sockets::Made(net.clone()));
        let (mut plane, mut shards) = (Parts::default(), Vec::new());
        for index in 0..settings.shards {
            let poll = Poll::new().map_err(socket_error("poll"))?;
            let port = WebrtcPort::made(&settings, index, &sockets).map_err(socket_error("port"))?;
            let beat = health.beat(thread_name(index));
            let shard = plane.shard(index, &poll, port, events, beat, (now, 0))?;
            shards.push((shard, poll));
        }
        for (shard, _) in &mut shards {
            shard.knows(plane.orders.clone());
        }
        Ok((plane.finish(settings, sockets, Vec::new())?, MadeShards(shards)))
    }
}

impl MadeShards {
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// True when the books of all are empty.
    pub(crate) fn are_empty(&self) -> bool {
        self.0.iter().all(|(shard, _)| shard.is_empty())
    }

    /// One turn of one shard at this time.
    pub(crate) fn turn(&mut self, index: usize, now: Instant) {
        self.0[index].0.turn(|| Moment::made(now));
    }
}
