//! The control plane's side of the media plane.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "nothing here runs a packet"
)]

use crate::media::command::Command;
use crate::media::event::{LegEvent, PeerEvent};
use crate::media::ids::{LegId, PlaybackId};
use crate::media::net::batch::BatchSocket;
use crate::media::net::port::{Announced, WebrtcPort};
use crate::media::net::ports::PortPool;
use crate::media::net::tcp::TcpPort;
use crate::media::outlet::Outlet;
use crate::media::playback::{Announcement, Playback};
use crate::media::shard::{Shard, ShardSender};
use crate::media::sound::app::App;
use crate::media::sound::leg::{Leg, LegSeed};
use crate::media::stats::{MediaFigures, ShardFigures};
use crate::media::tap::{self, Capture, CaptureId, TapReader};
use crate::media::video::plane::VideoBook;
use crate::sync::lock;
use mio::Poll;
use omnigate_room::{ParticipantId, RoomId};
use omnigate_rtc::{Path, PeerError, PeerFactory, VideoCodec};
use omnigate_rtp::playout::{Playout, PlayoutSettings};
use omnigate_sip::{Agreed, LocalMedia};
use rand::RngExt;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Places in a shard's command queue.
const COMMANDS: usize = 4096;

/// How the media plane is set up.
#[derive(Debug, Clone)]
pub struct MediaSettings {
    /// Address that sockets are bound on.
    pub bind: IpAddr,
    /// Addresses announced in SDP and candidates; the first of a family is used for phones.
    pub advertise: Vec<IpAddr>,
    /// Port range of phone legs.
    pub rtp_ports: RangeInclusive<u16>,
    /// First WebRTC port; one a shard from there. 0: any free port.
    pub webrtc_port: u16,
    /// Takes ICE over TCP (RFC 6544) on the same port numbers.
    pub webrtc_tcp: bool,
    /// Number of shards, at least 1.
    pub shards: usize,
    /// A leg without RTP for this long, while not on hold, is reported silent.
    pub silence_timeout: Duration,
    /// Video codecs, the preferred one first.
    pub video_codecs: Vec<VideoCodec>,
}

/// Why the media plane refuses.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// A socket cannot be opened.
    #[error("{what}: {source}")]
    Socket {
        /// Which.
        what: &'static str,
        /// Cause.
        source: io::Error,
    },
    /// The shard's queue is full or it has ended.
    #[error("media thread does not take orders")]
    Busy,
    /// There is no such stream in the room.
    #[error("no such stream")]
    NoStream,
    /// The peer's offer was refused.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// A decoder cannot be made.
    #[error(transparent)]
    Rtp(#[from] omnigate_rtp::Error),
}

/// All shards.
pub struct MediaPlane {
    pub(super) shards: Vec<ShardSender>,
    figures: Vec<Arc<ShardFigures>>,
    webrtc_ports: Vec<Announced>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    ports: Mutex<PortPool>,
    peers: Mutex<HashMap<ParticipantId, usize>>,
    taps: Mutex<Vec<TapReader>>,
    pub(super) video: Mutex<VideoBook>,
    pub(super) factory: PeerFactory,
    pub(super) settings: MediaSettings,
    next_leg: AtomicU64,
    next_playback: AtomicU64,
}

impl MediaPlane {
    /// Opens the WebRTC ports and starts the threads. Peers report to `events`.
    pub fn start(
        settings: MediaSettings,
        events: mpsc::Sender<PeerEvent>,
    ) -> Result<Arc<MediaPlane>, MediaError> {
        let socket_error = |what| move |source| MediaError::Socket { what, source };
        let now = Instant::now();
        let ntp = crate::media::ntp::now();
        let (mut senders, mut figures, mut webrtc_ports, mut shards) = (vec![], vec![], vec![], vec![]);
        let mut taps = Vec::new();
        for index in 0..settings.shards.max(1) {
            let poll = Poll::new().map_err(socket_error("media thread"))?;
            let port = WebrtcPort::open(&settings, index).map_err(socket_error("media.webrtc_port"))?;
            webrtc_ports.push(port.announced);
            let (sender, commands) = crossbeam_channel::bounded(COMMANDS);
            let waker = Arc::new(Shard::waker(&poll).map_err(socket_error("media thread"))?);
            let counters = Arc::new(ShardFigures::default());
            let registry = poll
                .registry()
                .try_clone()
                .map_err(socket_error("media thread"))?;
            let tcp = TcpPort::new(port.tcp, registry, counters.clone(), now);
            let (tap, reader) = tap::ring();
            taps.push(reader);
            let peer_port = Outlet {
                socket: Arc::new(BatchSocket::new(port.udp).map_err(socket_error("media.webrtc_port"))?),
                tcp: RefCell::new(tcp.map_err(socket_error("media.webrtc_port"))?),
                tap: RefCell::new(tap),
                events: events.clone(),
                figures: counters.clone(),
            };
            senders.push(ShardSender {
                commands: sender,
                waker,
            });
            figures.push(counters);
            shards.push(
                Shard::new(index, poll, commands, peer_port, now, ntp)
                    .map_err(socket_error("media thread"))?,
            );
        }
        let mut threads = Vec::new();
        for (index, shard) in shards.into_iter().enumerate() {
            let others = senders.clone();
            let thread = std::thread::Builder::new()
                .name(format!("media-{index}"))
                .spawn(move || shard.run(others));
            threads.push(thread.map_err(socket_error("media thread"))?);
        }
        Ok(Arc::new(MediaPlane {
            shards: senders,
            figures,
            webrtc_ports,
            threads: Mutex::new(threads),
            ports: Mutex::new(PortPool::new(settings.rtp_ports.clone())),
            peers: Mutex::new(HashMap::new()),
            taps: Mutex::new(taps),
            video: Mutex::default(),
            factory: PeerFactory::new()?,
            settings,
            next_leg: AtomicU64::new(1),
            next_playback: AtomicU64::new(1),
        }))
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

    /// Opens the media of a phone call, silent until [`LegHandle::set_media`]. `peer` chooses the family of
    /// the announced address.
    pub fn open_leg(
        self: &Arc<Self>,
        peer: IpAddr,
        events: mpsc::Sender<LegEvent>,
    ) -> Result<LegHandle, MediaError> {
        let now = Instant::now();
        let (port, rtp, rtcp) = lock(&self.ports)
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
        };
        let sockets = (rtp, mio::net::UdpSocket::from_std(rtcp));
        let leg =
            Playout::new(PlayoutSettings::default()).map(|p| Leg::new(id, sockets, events, p, seed, now));
        let added = leg.map_err(MediaError::from).and_then(|leg| {
            let sent = self.shards[shard].send(Command::AddLeg(Box::new(leg)));
            sent.then_some(()).ok_or(MediaError::Busy)
        });
        if let Err(e) = added {
            lock(&self.ports).close(port, now);
            return Err(e);
        }
        let ip = self.advertised(peer);
        Ok(LegHandle {
            id,
            local: LocalMedia { ip, port },
            shard,
            plane: self.clone(),
        })
    }

    /// A socket of the caller's address family.
    fn bind_for(&self, peer: IpAddr) -> IpAddr {
        match (self.settings.bind, peer.to_canonical()) {
            (bind, peer) if bind.is_ipv4() == peer.is_ipv4() => bind,
            (_, IpAddr::V6(_)) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            (_, IpAddr::V4(_)) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        }
    }

    fn advertised(&self, peer: IpAddr) -> IpAddr {
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

    /// Answers an app's offer and puts its peer into `room`; the answer.
    pub fn open_peer(
        &self,
        participant: ParticipantId,
        room: RoomId,
        offer: &str,
        max_playback_rate: u32,
    ) -> Result<String, MediaError> {
        let shard = self.shard_of_room(room);
        let candidates = self.candidates(shard);
        let (peer, answer) = self
            .factory
            .answer(offer, &candidates, max_playback_rate, Instant::now())?;
        let rate_hz = 8_000;
        let playout = Playout::new(PlayoutSettings {
            output_rate_hz: rate_hz,
            ..PlayoutSettings::default()
        })?;
        let app = Box::new(App::new(
            participant,
            peer,
            playout,
            rate_hz,
            rand::rng().random(),
        ));
        self.close_peer(participant);
        if !self.shards[shard].send(Command::AddPeer(room, app)) {
            return Err(MediaError::Busy);
        }
        lock(&self.peers).insert(participant, shard);
        Ok(answer)
    }

    /// Ends an app's peer, if it has one.
    pub fn close_peer(&self, participant: ParticipantId) {
        if let Some(shard) = lock(&self.peers).remove(&participant) {
            self.shards[shard].send(Command::RemovePeer(participant));
        }
    }

    /// Takes an app's audio out of every mix, or back in.
    pub fn mute_peer(&self, participant: ParticipantId, muted: bool) {
        if let Some(shard) = lock(&self.peers).get(&participant) {
            self.shards[*shard].send(Command::MutePeer(participant, muted));
        }
    }

    /// Captures what the members of a room send from now on. Times are counted from `epoch`.
    pub fn capture(&self, room: RoomId, id: CaptureId, epoch: Instant) {
        let capture = Capture {
            id,
            epoch,
            paused: false,
        };
        self.shards[self.shard_of_room(room)].send(Command::Capture(room, capture));
    }

    /// Tells a captured room, and each who comes, that it is recorded.
    pub fn announce(&self, room: RoomId, announcement: Announcement) {
        self.shards[self.shard_of_room(room)].send(Command::Announce(room, announcement));
    }

    /// Captures nothing for a while, or again.
    pub fn pause_capture(&self, room: RoomId, paused: bool) {
        self.shards[self.shard_of_room(room)].send(Command::PauseCapture(room, paused));
    }

    /// Ends a room's capture.
    pub fn end_capture(&self, room: RoomId) {
        self.shards[self.shard_of_room(room)].send(Command::EndCapture(room));
    }

    /// The ends of all shards at which captured packets come out; to be taken once.
    pub fn take_taps(&self) -> Vec<TapReader> {
        std::mem::take(&mut lock(&self.taps))
    }

    /// Sums over all shards.
    pub fn figures(&self) -> MediaFigures {
        let mut sum = MediaFigures {
            ports_used: lock(&self.ports).used() as u64,
            queue: self.shards.iter().map(|s| s.commands.len() as u64).sum(),
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
            shard.send(Command::Stop);
        }
        for thread in lock(&self.threads).drain(..) {
            let _ = thread.join();
        }
    }
}

/// A phone leg of the control plane; dropping it ends the leg.
pub struct LegHandle {
    id: LegId,
    local: LocalMedia,
    shard: usize,
    plane: Arc<MediaPlane>,
}

impl LegHandle {
    /// Its identity.
    pub fn id(&self) -> LegId {
        self.id
    }

    /// Where the caller is to send RTP.
    pub fn local(&self) -> LocalMedia {
        self.local
    }

    fn send(&self, command: Command) -> bool {
        self.plane.shards[self.shard].send(command)
    }

    /// Applies what SDP agreed on.
    pub fn set_media(&self, agreed: Agreed) {
        self.send(Command::SetMedia(self.id, Box::new(agreed)));
    }

    /// Plays something to the caller; what was playing stops.
    pub fn play(&self, playback: Playback) -> PlaybackId {
        let id = PlaybackId(self.plane.next_playback.fetch_add(1, Relaxed));
        self.send(Command::Play(self.id, id, playback));
        id
    }

    /// Stops what is playing.
    pub fn stop_playback(&self) {
        self.send(Command::StopPlayback(self.id));
    }

    /// Moves the caller into a room, as this participant.
    pub fn join(&mut self, room: RoomId, participant: ParticipantId) {
        let shard = self.plane.shard_of_room(room);
        self.send(Command::Join(self.id, room, participant, shard));
        self.shard = shard;
    }
}

impl Drop for LegHandle {
    fn drop(&mut self) {
        self.send(Command::RemoveLeg(self.id));
        lock(&self.plane.ports).close(self.local.port, Instant::now());
    }
}
