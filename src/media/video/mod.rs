//! The video of a shard: streams, their viewers, and the way from one to the others.

pub(super) mod plane;

use crate::media::event::PeerEvent;
use crate::media::net::routes::{PeerKey, Routes};
use crate::media::outlet::Outlet;
use crate::media::stats::ShardFigures;
use omnigate_room::{StreamId, ViewerId};
use omnigate_rtc::bitrate::{self, Pace};
use omnigate_rtc::{
    Forwarder, KeyFrameRequests, Path, Publisher, Sink, TransportState, VideoPacket, VideoSink, Viewer,
    starts_key_frame,
};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// How often a publisher's bitrate and its viewers' pauses are decided.
const SHARE_EVERY: Duration = Duration::from_millis(500);
/// Most viewers of one stream.
const MAX_VIEWERS: usize = 1_000;

/// One published video and who views it.
pub(crate) struct Stream {
    id: StreamId,
    publisher: Publisher,
    muted: bool,
    requests: KeyFrameRequests,
    cap: u64,
    next_share: Instant,
    viewers: Vec<Box<Viewing>>,
}

/// One viewer of a stream.
pub(crate) struct Viewing {
    id: ViewerId,
    viewer: Viewer,
    forwarder: Forwarder,
    /// Since the connection is up.
    pace: Option<Pace>,
}

/// All streams of a shard.
#[derive(Default)]
pub(crate) struct Videos {
    streams: HashMap<StreamId, Box<Stream>>,
    viewers: HashMap<ViewerId, StreamId>,
    /// Packets on their way from a publisher to its viewers; empty between steps.
    packets: Vec<VideoPacket>,
}

/// What died of a bug in a step.
#[derive(Default)]
struct Dead {
    publisher: bool,
    viewers: Vec<ViewerId>,
}

impl Stream {
    /// `pixels`: width times height of the pictures.
    pub(crate) fn new(id: StreamId, publisher: Publisher, pixels: u32, now: Instant) -> Stream {
        Stream {
            id,
            publisher,
            muted: false,
            requests: KeyFrameRequests::default(),
            cap: bitrate::cap(pixels),
            next_share: now,
            viewers: Vec::new(),
        }
    }

    /// A step of the publisher, with what follows for the viewers.
    fn publish(
        &mut self,
        outlet: &Outlet,
        packets: &mut Vec<VideoPacket>,
        now: Instant,
        step: impl FnOnce(&mut Publisher, &mut StreamSink<'_>),
    ) -> Dead {
        let mut dead = Dead::default();
        let mut sink = StreamSink { outlet, packets };
        let publisher = &mut self.publisher;
        dead.publisher = catch_unwind(AssertUnwindSafe(|| step(publisher, &mut sink))).is_err();
        self.forward(outlet, packets, now, &mut dead);
        self.ask(outlet, packets, now, &mut dead);
        dead
    }

    fn forward(&mut self, outlet: &Outlet, packets: &mut Vec<VideoPacket>, now: Instant, dead: &mut Dead) {
        for packet in packets.drain(..) {
            ShardFigures::count(&outlet.figures.video_received);
            if starts_key_frame(self.publisher.codec(), &packet.payload) {
                self.requests.arrived();
            }
            if self.muted {
                continue;
            }
            for viewing in &mut self.viewers {
                if catch_unwind(AssertUnwindSafe(|| viewing.forward(&packet, now, outlet))).is_err() {
                    dead.viewers.push(viewing.id);
                }
            }
        }
    }

    /// Hands the viewers' wishes for a key frame to the publisher, as often as it may be asked.
    fn ask(&mut self, outlet: &Outlet, packets: &mut Vec<VideoPacket>, now: Instant, dead: &mut Dead) {
        let mut wanted = false;
        for viewing in &mut self.viewers {
            wanted |= viewing.wants_key_frame(now);
        }
        if wanted && !self.muted {
            self.requests.want();
        }
        if self.muted || !self.publisher.is_up() || !self.requests.due(now) {
            return;
        }
        ShardFigures::count(&outlet.figures.key_frames_requested);
        let mut sink = StreamSink { outlet, packets };
        let publisher = &mut self.publisher;
        let step = AssertUnwindSafe(|| publisher.request_key_frame(now, &mut sink));
        dead.publisher |= catch_unwind(step).is_err();
    }

    /// A step of one viewer, with what follows for the publisher.
    fn view(
        &mut self,
        id: ViewerId,
        outlet: &Outlet,
        packets: &mut Vec<VideoPacket>,
        now: Instant,
        step: impl FnOnce(&mut Viewing, &mut ViewerSink<'_>),
    ) -> Dead {
        let mut dead = Dead::default();
        let Some(viewing) = self.viewers.iter_mut().find(|v| v.id == id) else {
            return dead;
        };
        let mut sink = ViewerSink { outlet };
        if catch_unwind(AssertUnwindSafe(|| step(viewing, &mut sink))).is_err() {
            dead.viewers.push(id);
        }
        self.ask(outlet, packets, now, &mut dead);
        dead
    }

    /// Lets timers run.
    fn scan(&mut self, outlet: &Outlet, packets: &mut Vec<VideoPacket>, now: Instant) -> Dead {
        let share = now >= self.next_share;
        let rate = if share {
            self.next_share = now + SHARE_EVERY;
            let mut estimates: Vec<u64> = self.viewers.iter().filter_map(|v| v.counted(now)).collect();
            Some(bitrate::share(&mut estimates, self.cap))
        } else {
            None
        };
        let mut lost = Vec::new();
        for viewing in &mut self.viewers {
            let cap = self.cap;
            let step = AssertUnwindSafe(|| viewing.scan(rate, cap, now, outlet));
            if catch_unwind(step).is_err() {
                lost.push(viewing.id);
            }
        }
        let mut dead = self.publish(outlet, packets, now, |publisher, sink| {
            if let Some(rate) = rate {
                publisher.limit(rate, now, sink);
            }
            if !publisher.is_gone() && publisher.deadline() <= now {
                publisher.timeout(now, sink);
            }
        });
        dead.viewers.extend(lost);
        dead
    }
}

impl Viewing {
    /// `forwarder` starts at random numbers.
    pub(crate) fn new(id: ViewerId, viewer: Viewer, forwarder: Forwarder) -> Viewing {
        Viewing {
            id,
            viewer,
            forwarder,
            pace: None,
        }
    }

    fn is_paused(&self) -> bool {
        self.pace.as_ref().is_none_or(Pace::is_paused)
    }

    fn counted(&self, now: Instant) -> Option<u64> {
        self.pace.as_ref()?.counted(self.viewer.estimate(), now)
    }

    fn forward(&mut self, packet: &VideoPacket, now: Instant, outlet: &Outlet) {
        if self.is_paused() || !self.viewer.is_up() {
            return;
        }
        if let Some(place) = self.forwarder.place(packet, now) {
            ShardFigures::count(&outlet.figures.video_forwarded);
            let mut sink = ViewerSink { outlet };
            self.viewer.send(packet, place, now, &mut sink);
        }
    }

    fn wants_key_frame(&mut self, now: Instant) -> bool {
        if !self.viewer.is_up() {
            return false;
        }
        self.pace.get_or_insert_with(|| Pace::new(now));
        let asked = self.viewer.take_key_frame_request();
        !self.is_paused() && (asked || self.forwarder.is_waiting())
    }

    fn scan(&mut self, rate: Option<u64>, cap: u64, now: Instant, outlet: &Outlet) {
        if self.viewer.is_gone() {
            return;
        }
        let mut due = self.viewer.deadline() <= now;
        if let (Some(rate), Some(pace)) = (rate, &mut self.pace) {
            let (estimate, backlog) = (self.viewer.estimate(), self.viewer.backlog(now));
            pace.judge(estimate, backlog, rate, now);
            let paused = pace.is_paused();
            if paused {
                self.forwarder.stop();
            }
            self.viewer.wish(cap, if paused { rate } else { 0 });
            due = true;
        }
        if due {
            self.viewer.timeout(now, &mut ViewerSink { outlet });
        }
    }
}

impl Videos {
    /// True when there is nothing to look after.
    pub(crate) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// True when no viewer is known, of whatever stream.
    #[cfg(test)]
    pub(crate) fn has_no_viewers(&self) -> bool {
        self.viewers.is_empty()
    }

    pub(crate) fn add_stream(&mut self, stream: Box<Stream>, outlet: &Outlet, routes: &mut Routes) {
        routes.add(stream.publisher.ufrag(), PeerKey::Stream(stream.id));
        outlet.figures.streams.fetch_add(1, Relaxed);
        self.streams.insert(stream.id, stream);
    }

    /// A viewer whose stream has gone meanwhile is gone too.
    pub(crate) fn add_viewer(
        &mut self,
        stream: StreamId,
        viewing: Box<Viewing>,
        outlet: &Outlet,
        routes: &mut Routes,
    ) {
        let id = viewing.id;
        match self.streams.get_mut(&stream) {
            Some(stream) if stream.viewers.len() < MAX_VIEWERS => {
                routes.add(viewing.viewer.ufrag(), PeerKey::Viewer(id));
                outlet.figures.viewers.fetch_add(1, Relaxed);
                self.viewers.insert(id, stream.id);
                stream.viewers.push(viewing);
            }
            _ => outlet.tell(PeerEvent::ViewerGone(id)),
        }
    }

    /// Ends a stream and its viewers.
    pub(crate) fn close_stream(&mut self, id: StreamId, now: Instant, outlet: &Outlet, routes: &mut Routes) {
        let Some(mut stream) = self.take_stream(id, outlet, routes) else {
            return;
        };
        for viewing in &mut stream.viewers {
            viewing.close(now, outlet);
        }
        let mut sink = StreamSink {
            outlet,
            packets: &mut self.packets,
        };
        let _ = catch_unwind(AssertUnwindSafe(|| stream.publisher.close(now, &mut sink)));
        self.packets.clear();
    }

    pub(crate) fn close_viewer(&mut self, id: ViewerId, now: Instant, outlet: &Outlet, routes: &mut Routes) {
        if let Some(mut viewing) = self.take_viewer(id, outlet, routes) {
            viewing.close(now, outlet);
        }
    }

    /// Forwards nothing of a stream, or goes on at a key frame.
    pub(crate) fn mute(
        &mut self,
        id: StreamId,
        muted: bool,
        now: Instant,
        outlet: &Outlet,
        routes: &mut Routes,
    ) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if stream.muted == muted {
            return;
        }
        stream.muted = muted;
        for viewing in &mut stream.viewers {
            viewing.forwarder.stop();
        }
        let mut dead = Dead::default();
        stream.ask(outlet, &mut self.packets, now, &mut dead);
        self.bury(id, dead, outlet, routes);
    }

    /// Takes a viewer's answer.
    pub(crate) fn answer(
        &mut self,
        id: ViewerId,
        answer: &str,
        now: Instant,
        outlet: &Outlet,
        routes: &mut Routes,
    ) {
        let mut refused = false;
        self.view(id, now, outlet, routes, |viewing, _| {
            refused = viewing.viewer.answered(answer, now).is_err();
        });
        if refused {
            self.lose_viewer(id, outlet, routes);
        }
    }

    /// A datagram of a publisher or viewer; true when it proves that they send from `source`.
    pub(crate) fn receive(
        &mut self,
        key: PeerKey,
        source: Path,
        datagram: &[u8],
        now: Instant,
        outlet: &Outlet,
        routes: &mut Routes,
    ) -> bool {
        let mut proven = false;
        match key {
            PeerKey::Stream(id) => {
                let Some(stream) = self.streams.get_mut(&id) else {
                    return false;
                };
                let dead = stream.publish(outlet, &mut self.packets, now, |publisher, sink| {
                    proven = publisher.receive(source, datagram, now, sink);
                });
                self.bury(id, dead, outlet, routes);
            }
            PeerKey::Viewer(id) => self.view(id, now, outlet, routes, |viewing, sink| {
                proven = viewing.viewer.receive(source, datagram, now, sink);
            }),
            PeerKey::Audio(_) => {}
        }
        proven
    }

    /// The connection that a publisher or viewer had from `path` has closed.
    pub(crate) fn path_closed(&mut self, key: PeerKey, path: Path) {
        match key {
            PeerKey::Stream(id) => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.publisher.path_closed(path);
                }
            }
            PeerKey::Viewer(id) => {
                let stream = self.viewers.get(&id).and_then(|of| self.streams.get_mut(of));
                let viewing = stream.and_then(|s| s.viewers.iter_mut().find(|v| v.id == id));
                if let Some(viewing) = viewing {
                    viewing.viewer.path_closed(path);
                }
            }
            PeerKey::Audio(_) => {}
        }
    }

    /// Lets all timers run.
    pub(crate) fn scan(&mut self, now: Instant, outlet: &Outlet, routes: &mut Routes) {
        let mut dead = Vec::new();
        for (id, stream) in &mut self.streams {
            let lost = stream.scan(outlet, &mut self.packets, now);
            if lost.publisher || !lost.viewers.is_empty() {
                dead.push((*id, lost));
            }
        }
        for (id, lost) in dead {
            self.bury(id, lost, outlet, routes);
        }
        self.reap(outlet, routes);
    }

    /// Forgets those whose transport is lost, then tells.
    fn reap(&mut self, outlet: &Outlet, routes: &mut Routes) {
        let (mut streams, mut viewers) = (Vec::new(), Vec::new());
        for (id, stream) in &self.streams {
            if stream.publisher.is_gone() {
                streams.push(*id);
            } else {
                let gone = stream.viewers.iter().filter(|one| one.viewer.is_gone());
                viewers.extend(gone.map(|one| one.id));
            }
        }
        for id in viewers {
            self.lose_viewer(id, outlet, routes);
        }
        for id in streams {
            self.lose_stream(id, outlet, routes);
        }
    }

    fn lose_stream(&mut self, id: StreamId, outlet: &Outlet, routes: &mut Routes) {
        if self.take_stream(id, outlet, routes).is_some() {
            outlet.tell(PeerEvent::StreamGone(id));
        }
    }

    fn view(
        &mut self,
        id: ViewerId,
        now: Instant,
        outlet: &Outlet,
        routes: &mut Routes,
        step: impl FnOnce(&mut Viewing, &mut ViewerSink<'_>),
    ) {
        let Some(of) = self.viewers.get(&id).copied() else {
            return;
        };
        if let Some(stream) = self.streams.get_mut(&of) {
            let dead = stream.view(id, outlet, &mut self.packets, now, step);
            self.bury(of, dead, outlet, routes);
        }
    }

    /// Removes who panicked: a bug costs one peer (a publisher's also its viewers), not the shard.
    fn bury(&mut self, id: StreamId, dead: Dead, outlet: &Outlet, routes: &mut Routes) {
        for viewer in dead.viewers {
            ShardFigures::count(&outlet.figures.failures);
            self.lose_viewer(viewer, outlet, routes);
        }
        if dead.publisher {
            ShardFigures::count(&outlet.figures.failures);
            self.packets.clear();
            self.lose_stream(id, outlet, routes);
        }
    }

    fn lose_viewer(&mut self, id: ViewerId, outlet: &Outlet, routes: &mut Routes) {
        if self.take_viewer(id, outlet, routes).is_some() {
            outlet.tell(PeerEvent::ViewerGone(id));
        }
    }

    fn take_stream(&mut self, id: StreamId, outlet: &Outlet, routes: &mut Routes) -> Option<Box<Stream>> {
        let stream = self.streams.remove(&id)?;
        routes.remove(PeerKey::Stream(id));
        outlet.figures.streams.fetch_sub(1, Relaxed);
        for viewing in &stream.viewers {
            self.viewers.remove(&viewing.id);
            routes.remove(PeerKey::Viewer(viewing.id));
            outlet.figures.viewers.fetch_sub(1, Relaxed);
        }
        Some(stream)
    }

    fn take_viewer(&mut self, id: ViewerId, outlet: &Outlet, routes: &mut Routes) -> Option<Box<Viewing>> {
        let of = self.viewers.remove(&id)?;
        routes.remove(PeerKey::Viewer(id));
        outlet.figures.viewers.fetch_sub(1, Relaxed);
        let viewers = &mut self.streams.get_mut(&of)?.viewers;
        let index = viewers.iter().position(|v| v.id == id)?;
        Some(viewers.swap_remove(index))
    }
}

impl Viewing {
    fn close(&mut self, now: Instant, outlet: &Outlet) {
        let mut sink = ViewerSink { outlet };
        let _ = catch_unwind(AssertUnwindSafe(|| self.viewer.close(now, &mut sink)));
    }
}

struct StreamSink<'a> {
    outlet: &'a Outlet,
    packets: &'a mut Vec<VideoPacket>,
}

impl Sink for StreamSink<'_> {
    fn transmit(&mut self, destination: Path, datagram: &[u8]) {
        self.outlet.transmit(destination, datagram);
    }

    // That it is gone is told once it is forgotten.
    fn transport(&mut self, _state: TransportState) {}
}

impl VideoSink for StreamSink<'_> {
    fn video(&mut self, packet: VideoPacket) {
        self.packets.push(packet);
    }
}

struct ViewerSink<'a> {
    outlet: &'a Outlet,
}

impl Sink for ViewerSink<'_> {
    fn transmit(&mut self, destination: Path, datagram: &[u8]) {
        self.outlet.transmit(destination, datagram);
    }

    // That it is gone is told once it is forgotten.
    fn transport(&mut self, _state: TransportState) {}
}
