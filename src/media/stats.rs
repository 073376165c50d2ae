//! Figures that shards write without locks and the metrics page reads.

use crate::observe::Page;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the tick lateness histogram, milliseconds.
pub const LATENESS_BOUNDS_MS: [u64; 7] = [1, 2, 5, 10, 20, 50, 100];

/// Counters of one shard.
#[derive(Debug, Default)]
pub(crate) struct ShardFigures {
    /// RTP packets received from phones.
    pub rtp_received: AtomicU64,
    /// RTP packets sent to phones.
    pub rtp_sent: AtomicU64,
    /// RTP packets from a source that is not the caller's.
    pub rtp_rejected: AtomicU64,
    /// Datagrams received on the WebRTC port.
    pub webrtc_received: AtomicU64,
    /// Datagrams sent from the WebRTC port.
    pub webrtc_sent: AtomicU64,
    /// TCP connections of browsers here.
    pub tcp_connections: AtomicU64,
    /// Packets lost on legs that have ended.
    pub rtp_lost: AtomicU64,
    /// Ticks done.
    pub ticks: AtomicU64,
    /// Sum of lateness, microseconds.
    pub lateness_us: AtomicU64,
    lateness: [AtomicU64; LATENESS_BOUNDS_MS.len()],
    /// Phone legs here.
    pub legs: AtomicU64,
    /// Browser peers here.
    pub peers: AtomicU64,
    /// Rooms here, callers in the IVR included.
    pub rooms: AtomicU64,
    /// Published videos here.
    pub streams: AtomicU64,
    /// Viewers of videos here.
    pub viewers: AtomicU64,
    /// Rooms captured here.
    pub captures: AtomicU64,
    /// Video packets received from publishers.
    pub video_received: AtomicU64,
    /// Video packets forwarded to viewers, one each.
    pub video_forwarded: AtomicU64,
    /// Key frames asked of publishers.
    pub key_frames_requested: AtomicU64,
    /// Records of captures that found the ring full.
    pub capture_missing: AtomicU64,
    /// Packets of recorded members beyond what is captured of one.
    pub capture_over_rate: AtomicU64,
    /// Members removed after a bug.
    pub failures: AtomicU64,
    /// Events that found the control plane's queue full.
    pub events_lost: AtomicU64,
}

impl ShardFigures {
    pub(crate) fn tick(&self, late: Duration) {
        self.ticks.fetch_add(1, Relaxed);
        self.lateness_us.fetch_add(late.as_micros() as u64, Relaxed);
        let ms = late.as_micros().div_ceil(1000) as u64;
        for (bound, bucket) in LATENESS_BOUNDS_MS.iter().zip(&self.lateness) {
            if ms <= *bound {
                bucket.fetch_add(1, Relaxed);
            }
        }
    }

    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }
}

/// Sums over all shards at one moment.
#[derive(Debug, Default, Clone)]
pub struct MediaFigures {
    /// RTP packets received from phones.
    pub rtp_received: u64,
    /// RTP packets sent to phones.
    pub rtp_sent: u64,
    /// RTP packets from strangers.
    pub rtp_rejected: u64,
    /// Packets lost on ended legs.
    pub rtp_lost: u64,
    /// Datagrams received on WebRTC ports.
    pub webrtc_received: u64,
    /// Datagrams sent from WebRTC ports.
    pub webrtc_sent: u64,
    /// TCP connections of browsers.
    pub tcp_connections: u64,
    /// Ticks done.
    pub ticks: u64,
    /// Sum of tick lateness, seconds.
    pub lateness_seconds: f64,
    /// Ticks at most this late, by [`LATENESS_BOUNDS_MS`].
    pub lateness: [u64; LATENESS_BOUNDS_MS.len()],
    /// Phone legs.
    pub legs: u64,
    /// Browser peers.
    pub peers: u64,
    /// Rooms.
    pub rooms: u64,
    /// Published videos.
    pub streams: u64,
    /// Viewers of videos.
    pub viewers: u64,
    /// Rooms captured.
    pub captures: u64,
    /// Video packets received from publishers.
    pub video_received: u64,
    /// Video packets forwarded to viewers.
    pub video_forwarded: u64,
    /// Key frames asked of publishers.
    pub key_frames_requested: u64,
    /// Records of captures that found a ring full.
    pub capture_missing: u64,
    /// Packets of recorded members beyond what is captured of one.
    pub capture_over_rate: u64,
    /// Members removed after a bug.
    pub failures: u64,
    /// Commands waiting.
    pub queue: u64,
    /// Events lost.
    pub events_lost: u64,
    /// RTP port pairs in use.
    pub ports_used: u64,
}

impl MediaFigures {
    pub(crate) fn add(&mut self, s: &ShardFigures) {
        self.rtp_received += s.rtp_received.load(Relaxed);
        self.rtp_sent += s.rtp_sent.load(Relaxed);
        self.rtp_rejected += s.rtp_rejected.load(Relaxed);
        self.rtp_lost += s.rtp_lost.load(Relaxed);
        self.webrtc_received += s.webrtc_received.load(Relaxed);
        self.webrtc_sent += s.webrtc_sent.load(Relaxed);
        self.tcp_connections += s.tcp_connections.load(Relaxed);
        self.ticks += s.ticks.load(Relaxed);
        self.lateness_seconds += s.lateness_us.load(Relaxed) as f64 / 1e6;
        for (sum, bucket) in self.lateness.iter_mut().zip(&s.lateness) {
            *sum += bucket.load(Relaxed);
        }
        self.legs += s.legs.load(Relaxed);
        self.peers += s.peers.load(Relaxed);
        self.rooms += s.rooms.load(Relaxed);
        self.streams += s.streams.load(Relaxed);
        self.viewers += s.viewers.load(Relaxed);
        self.captures += s.captures.load(Relaxed);
        self.video_received += s.video_received.load(Relaxed);
        self.video_forwarded += s.video_forwarded.load(Relaxed);
        self.key_frames_requested += s.key_frames_requested.load(Relaxed);
        self.capture_missing += s.capture_missing.load(Relaxed);
        self.capture_over_rate += s.capture_over_rate.load(Relaxed);
        self.failures += s.failures.load(Relaxed);
        self.events_lost += s.events_lost.load(Relaxed);
    }

    /// Writes them on the metrics page.
    pub fn tell(&self, page: &mut Page) {
        self.tell_telephones(page);
        self.tell_browsers(page);
        self.tell_videos(page);
        self.tell_threads(page);
    }

    fn tell_telephones(&self, page: &mut Page) {
        page.gauge("media_legs", self.legs, "Phone legs");
        page.gauge("media_ports_used", self.ports_used, "RTP port pairs in use");
        page.counter(
            "rtp_received_packets",
            self.rtp_received,
            "RTP packets from phones",
        );
        page.counter("rtp_sent_packets", self.rtp_sent, "RTP packets to phones");
        page.counter(
            "rtp_rejected_packets",
            self.rtp_rejected,
            "RTP packets from sources that are not the caller's",
        );
        page.counter("rtp_lost_packets", self.rtp_lost, "RTP packets lost, ended calls");
    }

    fn tell_browsers(&self, page: &mut Page) {
        page.gauge("media_peers", self.peers, "WebRTC peers");
        page.gauge(
            "webrtc_tcp_connections",
            self.tcp_connections,
            "TCP connections on WebRTC ports",
        );
        page.counter(
            "webrtc_received_packets",
            self.webrtc_received,
            "Datagrams received on WebRTC ports",
        );
        page.counter(
            "webrtc_sent_packets",
            self.webrtc_sent,
            "Datagrams sent from WebRTC ports",
        );
    }

    fn tell_videos(&self, page: &mut Page) {
        page.gauge("media_streams", self.streams, "Published videos");
        page.gauge("media_viewers", self.viewers, "Viewers of videos");
        page.counter(
            "video_received_packets",
            self.video_received,
            "Video packets from publishers",
        );
        page.counter(
            "video_forwarded_packets",
            self.video_forwarded,
            "Video packets to viewers, one each",
        );
        page.counter(
            "video_key_frame_requests",
            self.key_frames_requested,
            "Key frames asked of publishers",
        );
    }

    fn tell_threads(&self, page: &mut Page) {
        page.gauge("media_rooms", self.rooms, "Mixers, callers in the IVR included");
        page.gauge(
            "media_command_queue",
            self.queue,
            "Orders waiting in the media threads' queues",
        );
        page.gauge(
            "media_events_lost",
            self.events_lost,
            "Media events that found a full queue",
        );
        page.gauge(
            "media_failures",
            self.failures,
            "Members removed after a fault in the media plane",
        );
        page.gauge("media_captures", self.captures, "Rooms that are captured");
        page.counter(
            "recording_missing_packets",
            self.capture_missing,
            "Packets of recorded members that found the queue full",
        );
        page.counter(
            "recording_over_rate_packets",
            self.capture_over_rate,
            "Packets of recorded members beyond what is captured of one",
        );
        let bounds = LATENESS_BOUNDS_MS.iter().map(|ms| *ms as f64 / 1000.0);
        page.histogram(
            "media_tick_lateness_seconds",
            bounds.zip(self.lateness),
            self.ticks,
            self.lateness_seconds,
            "How late the 20 ms ticks run",
        );
    }
}
