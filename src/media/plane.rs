//! The control plane's side of the media plane.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "nothing here runs a packet"
)]

use crate::media::command::{Command, LegOrder};
use crate::media::error::MediaError;
use crate::media::event::{LegEvent, PeerEvent};
use crate::media::ids::LegId;
use crate::media::leg_handle::{LegHandle, LegSeat};
use crate::media::net::port::{Announced, WebrtcPort};
use crate::media::net::ports::PortPool;
use crate::media::net::sockets::Sockets;
use crate::media::net::sources::MediaSources;
use crate::media::net::tcp::TcpPort;
use crate::media::orders::Orders;
use crate::media::outlet::Outlet;
use crate::media::playback::Announcement;
use crate::media::settings::MediaSettings;
use crate::media::shard::Shard;
use crate::media::sound::app::App;
use crate::media::sound::leg::{Leg, LegSeed};
use crate::media::stats::{MediaFigures, ShardFigures};
use crate::media::tap::{self, Capture, CaptureId, TapReader};
use crate::observe::{Beat, Health};
use crate::supervise::Supervisor;
use crate::sync::lock;
use mio::Poll;
use omnigate_room::{ParticipantId, PeerId, RoomId};
use omnigate_rtc::{Path, PeerFactory};
use omnigate_rtp::playout::{Playout, PlayoutSettings};
use omnigate_sip::LocalMedia;
use rand::RngExt;
use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::mpsc;

#[cfg(test)]
pub(crate) mod made;

/// One of the shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardIndex(pub(super) usize);

/// All shards: what they can be asked for. Who is in which is the caller's book
/// ([`RoomMedia`](crate::rooms::RoomMedia)).
pub struct MediaPlane {
    pub(super) shards: Vec<Orders>,
    figures: Vec<Arc<ShardFigures>>,
    webrtc_ports: Vec<Announced>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    ports: Mutex<PortPool>,
    taps: Mutex<Vec<TapReader>>,
    pub(super) factory: PeerFactory,
    pub(super) settings: MediaSettings,
    next_leg: AtomicU64,
    next_playback: Arc<AtomicU64>,
}

impl MediaPlane {
    /// Opens the WebRTC ports and starts the threads, which `parts` look after. Peers report to `events`.
    ///
    /// # Errors
    /// [`MediaError::Socket`] when a port or thread cannot be had.
    pub fn start(
        settings: MediaSettings,
        events: mpsc::UnboundedSender<PeerEvent>,
        supervisor: &Supervisor,
        health: &Health,
    ) -> Result<Arc<MediaPlane>, MediaError> {
        let start = (Instant::now(), super::ntp::now());
        let mut plane = Parts::default();
        let mut shards = Vec::new();
        for index in 0..settings.shards.max(1) {
            let poll = Poll::new().map_err(socket_error("media thread"))?;
            let port = WebrtcPort::open(&settings, index).map_err(socket_error("media.webrtc_port"))?;
            let beat = health.beat(thread_name(index));
            shards.push((plane.shard(index, &poll, port, &events, beat, start)?, poll));
        }
        let mut threads = Vec::new();
        for (index, (mut shard, poll)) in shards.into_iter().enumerate() {
            shard.knows(plane.orders.clone());
            let thread = supervisor.thread(thread_name(index), move || shard.run(poll));
            threads.push(thread.map_err(socket_error("media thread"))?);
        }
        plane.finish(settings, Sockets::Kernel, threads)
    }

    /// The WebRTC port of each shard.
    pub fn webrtc_ports(&self) -> Vec<u16> {
        self.webrtc_ports.iter().map(|p| p.port).collect()
    }

    pub(super) fn shard_of_room(&self, room: RoomId) -> usize {
        (room.0 % self.shards.len() as u128) as usize
    }

    /// The announced addresses of a shard's WebRTC port.
    pub(super) fn candidates(&self, shard: usize) -> Vec<Path> {
        self.webrtc_ports[shard].candidates(&self.settings)
    }

    /// Opens the media of a phone call, silent until [`LegHandle::set_media`]. `sources` are who may send beside the one
    /// that SDP names; the address of its peer chooses the family of the announced address. The end of `events` is the end
    /// of the leg.
    ///
    /// # Errors
    /// [`MediaError::Socket`] without a free port, [`MediaError::Busy`] when the shard does not take orders.
    pub fn open_leg(
        &self,
        sources: impl Into<MediaSources>,
        events: mpsc::Sender<LegEvent>,
    ) -> Result<LegHandle, MediaError> {
        self.open_leg_at(sources.into(), events, Instant::now())
    }

    /// [`MediaPlane::open_leg`] at this time.
    pub(crate) fn open_leg_at(
        &self,
        sources: MediaSources,
        events: mpsc::Sender<LegEvent>,
        now: Instant,
    ) -> Result<LegHandle, MediaError> {
        let peer = sources.peer();
        let opened = lock(&self.ports)
            .open(self.bind_for(peer), now)
            .map_err(|source| MediaError::Socket {
                what: "media.rtp_ports",
                source,
            })?;
        let id = LegId(self.next_leg.fetch_add(1, Relaxed));
        let shard = (id.0 % self.shards.len() as u64) as usize;
        let mut rng = rand::rng();
        let seed = LegSeed {
            ssrc: rng.random(),
            sequence: rng.random::<u16>() >> 1,
            timestamp: rng.random(),
            silence_timeout: self.settings.silence_timeout,
            sources,
        };
        let port = opened.lease.port();
        let playout = Playout::new(PlayoutSettings::default())?;
        let leg = Leg::new(id, opened, events, playout, seed, now);
        self.shards[shard].ask(Command::AddLeg(Box::new(leg)))?;
        let ip = self.advertised(peer);
        let seat = LegSeat {
            id,
            orders: self.shards[shard].clone(),
        };
        let local = LocalMedia { ip, port };
        Ok(LegHandle::new(seat, local, self.next_playback.clone()))
    }

    /// A socket of the caller's address family.
    fn bind_for(&self, peer: IpAddr) -> IpAddr {
        match (self.settings.bind, peer.to_canonical()) {
            (bind, peer) if bind.is_ipv4() == peer.is_ipv4() => bind,
            (_, IpAddr::V6(_)) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            (_, IpAddr::V4(_)) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        }
    }

    /// The address that a telephone behind `peer` is told to send to.
    pub(crate) fn advertised(&self, peer: IpAddr) -> IpAddr {
        // A caller on this machine is told this machine.
        if peer.to_canonical().is_loopback() && self.settings.bind.is_unspecified() {
            return peer.to_canonical();
        }
        let all = &self.settings.advertise;
        all.iter()
            .find(|a| a.is_ipv4() == peer.is_ipv4())
            .or(all.first())
            .copied()
            .unwrap_or(self.settings.bind)
    }

    /// Moves a leg into a room, as this participant.
    ///
    /// # Errors
    /// [`MediaError::Busy`] when the leg's shard does not take orders.
    pub fn enter(&self, leg: &LegSeat, room: RoomId, participant: ParticipantId) -> Result<(), MediaError> {
        leg.ask(LegOrder::Enter(room, participant, self.shard_of_room(room)))
    }

    /// Takes what a leg says out of its room's mix, or back in, until it leaves the room. Never refused: whoever wants silence gets it.
    pub fn mute_leg(&self, leg: &LegSeat, muted: bool) {
        leg.release(LegOrder::Mute(muted));
    }

    /// Takes a leg out of its room: alone again.
    pub fn leave(&self, leg: &LegSeat) {
        leg.release(LegOrder::Leave);
    }

    /// Answers an app's offer and puts its peer into `room`; the answer. `max_playback_rate` in Hz is what the app is asked
    /// to send at most.
    ///
    /// # Errors
    /// [`MediaError::Peer`] for an offer of no use, [`MediaError::Busy`] when the shard does not take orders.
    pub fn open_peer(
        &self,
        peer: PeerId,
        room: RoomId,
        offer: &str,
        max_playback_rate: u32,
        now: Instant,
    ) -> Result<(ShardIndex, String), MediaError> {
        let shard = self.shard_of_room(room);
        let candidates = self.candidates(shard);
        let (rtc, answer) = self.factory.answer(offer, &candidates, max_playback_rate, now)?;
        let rate_hz = 8_000;
        let playout = Playout::new(PlayoutSettings {
            output_rate_hz: rate_hz,
            ..PlayoutSettings::default()
        })?;
        let app = App::new(peer, rtc, playout, rate_hz, rand::rng().random());
        self.shards[shard].ask(Command::AddPeer(room, Box::new(app)))?;
        Ok((ShardIndex(shard), answer))
    }

    /// Ends an app's peer.
    pub fn close_peer(&self, shard: ShardIndex, peer: PeerId) {
        self.shards[shard.0].release(Command::RemovePeer(peer));
    }

    /// Takes an app's audio out of every mix, or back in.
    ///
    /// # Errors
    /// [`MediaError::Busy`] when the shard does not take orders.
    pub fn mute_peer(&self, shard: ShardIndex, peer: PeerId, muted: bool) -> Result<(), MediaError> {
        self.shards[shard.0].ask(Command::MutePeer(peer, muted))
    }

    /// Captures what the members of a room send from now on. Times are counted from `epoch`.
    ///
    /// # Errors
    /// [`MediaError::Busy`] when the shard does not take orders.
    pub fn capture(&self, room: RoomId, id: CaptureId, epoch: Instant) -> Result<(), MediaError> {
        self.shards[self.shard_of_room(room)].ask(Command::Capture(room, Capture { id, epoch }))
    }

    /// Tells a captured room, and each who comes, that it is recorded.
    ///
    /// # Errors
    /// [`MediaError::Busy`] when the shard does not take orders.
    pub fn announce(&self, room: RoomId, announcement: Announcement) -> Result<(), MediaError> {
        self.shards[self.shard_of_room(room)].ask(Command::Announce(room, announcement))
    }

    /// Captures nothing for a while, or again.
    ///
    /// # Errors
    /// [`MediaError::Busy`] when the shard does not take orders.
    pub fn pause_capture(&self, room: RoomId, paused: bool) -> Result<(), MediaError> {
        self.shards[self.shard_of_room(room)].ask(Command::PauseCapture(room, paused))
    }

    /// Ends a room's capture.
    pub fn end_capture(&self, room: RoomId) {
        self.shards[self.shard_of_room(room)].release(Command::EndCapture(room));
    }

    /// The ends of all shards at which captured packets come out; to be taken once.
    pub fn take_taps(&self) -> Vec<TapReader> {
        std::mem::take(&mut lock(&self.taps))
    }

    /// Sums over all shards.
    pub fn figures(&self) -> MediaFigures {
        let mut sum = MediaFigures {
            ports_used: lock(&self.ports).used() as u64,
            queue: self.shards.iter().map(|s| s.waiting() as u64).sum(),
            ..MediaFigures::default()
        };
        for figures in &self.figures {
            sum.add(figures);
        }
        sum
    }

    /// Ends the threads.
    pub fn stop(&self) {
        for shard in &self.shards {
            shard.release(Command::Stop);
        }
        for thread in lock(&self.threads).drain(..) {
            let _ = thread.join();
        }
    }
}

/// What a plane is made of, shard by shard.
#[derive(Default)]
struct Parts {
    orders: Vec<Orders>,
    figures: Vec<Arc<ShardFigures>>,
    ports: Vec<Announced>,
    taps: Vec<TapReader>,
}

impl Parts {
    fn shard(
        &mut self,
        index: usize,
        poll: &Poll,
        port: WebrtcPort,
        events: &mpsc::UnboundedSender<PeerEvent>,
        beat: Beat,
        start: (Instant, u64),
    ) -> Result<Shard, MediaError> {
        let waker = Shard::waker(poll).map_err(socket_error("media thread"))?;
        let (orders, queue) = Orders::new(waker);
        let figures = Arc::new(ShardFigures::default());
        let registry = poll
            .registry()
            .try_clone()
            .map_err(socket_error("media thread"))?;
        let tcp = TcpPort::new(port.tcp, registry, figures.clone(), start.0);
        let (tap, reader) = tap::ring();
        let outlet = Outlet {
            socket: Arc::new(port.udp),
            tcp: RefCell::new(tcp.map_err(socket_error("media.webrtc_port"))?),
            tap: RefCell::new(tap),
            events: events.clone(),
            figures: figures.clone(),
        };
        self.orders.push(orders);
        self.figures.push(figures);
        self.ports.push(port.announced);
        self.taps.push(reader);
        Ok(Shard::new(index, queue, outlet, beat, start))
    }

    fn finish(
        self,
        settings: MediaSettings,
        sockets: Sockets,
        threads: Vec<JoinHandle<()>>,
    ) -> Result<Arc<MediaPlane>, MediaError> {
        Ok(Arc::new(MediaPlane {
            shards: self.orders,
            figures: self.figures,
            webrtc_ports: self.ports,
            threads: Mutex::new(threads),
            ports: Mutex::new(PortPool::new(settings.rtp_ports.clone(), sockets)),
            taps: Mutex::new(self.taps),
            factory: PeerFactory::new()?,
            settings,
            next_leg: AtomicU64::new(1),
            next_playback: Arc::new(AtomicU64::new(1)),
        }))
    }
}

fn socket_error(what: &'static str) -> impl FnOnce(io::Error) -> MediaError {
    move |source| MediaError::Socket { what, source }
}

fn thread_name(index: usize) -> String {
    format!("media-{index}")
}
