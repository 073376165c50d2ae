//! The control plane's side of video.

use crate::media::command::Command;
use crate::media::plane::{MediaError, MediaPlane};
use crate::media::video::{Stream, Viewing};
use crate::sync::lock;
use omnigate_room::{RoomId, StreamId, ViewerId};
use omnigate_rtc::{CodecSet, Forwarder, VideoCodec, codec_order, offered_codecs};
use rand::RngExt;
use std::collections::HashMap;
use std::time::Instant;

/// What the control plane knows of streams and viewers.
#[derive(Default)]
pub(crate) struct VideoBook {
    streams: HashMap<StreamId, Published>,
    viewers: HashMap<ViewerId, StreamId>,
}

struct Published {
    room: RoomId,
    shard: usize,
    codec: VideoCodec,
    /// What its publisher could have sent, and so can decode.
    offered: CodecSet,
}

impl VideoBook {
    fn shard_of(&self, viewer: ViewerId) -> Option<usize> {
        let stream = self.viewers.get(&viewer)?;
        self.streams.get(stream).map(|s| s.shard)
    }
}

impl MediaPlane {
    /// Answers a publisher's offer of a camera or screen and puts the stream into `room`; the answer. `pixels` is width
    /// times height. After [`PeerEvent::StreamGone`](crate::media::PeerEvent::StreamGone) the stream is still to be closed.
    pub fn open_stream(
        &self,
        stream: StreamId,
        room: RoomId,
        offer: &str,
        pixels: u32,
    ) -> Result<String, MediaError> {
        // What is wrong with the offer is said below.
        let offered = offered_codecs(offer).unwrap_or_default();
        let order = {
            let book = lock(&self.video);
            let others = book
                .streams
                .iter()
                .filter(|(id, s)| s.room == room && **id != stream);
            codec_order(&self.settings.video_codecs, others.map(|(_, s)| s.offered))
        };
        let shard = self.shard_of_room(room);
        let now = Instant::now();
        let (publisher, answer) = self
            .factory
            .publish(offer, &self.candidates(shard), &order, now)?;
        let codec = publisher.codec();
        self.close_stream(stream);
        let add = Command::AddStream(Box::new(Stream::new(stream, publisher, pixels, now)));
        if !self.shards[shard].send(add) {
            return Err(MediaError::Busy);
        }
        let published = Published {
            room,
            shard,
            codec,
            offered,
        };
        lock(&self.video).streams.insert(stream, published);
        Ok(answer)
    }

    /// Ends a stream and all its viewers, of which nothing is reported then.
    pub fn close_stream(&self, stream: StreamId) {
        let mut book = lock(&self.video);
        if let Some(published) = book.streams.remove(&stream) {
            book.viewers.retain(|_, of| *of != stream);
            self.shards[published.shard].send(Command::CloseStream(stream));
        }
    }

    /// Forwards nothing of a stream, or goes on.
    pub fn mute_stream(&self, stream: StreamId, muted: bool) {
        if let Some(published) = lock(&self.video).streams.get(&stream) {
            self.shards[published.shard].send(Command::MuteStream(stream, muted));
        }
    }

    /// Makes a viewer of a stream of `room`; our offer. After
    /// [`PeerEvent::ViewerGone`](crate::media::PeerEvent::ViewerGone) it is still to be closed.
    pub fn open_viewer(
        &self,
        viewer: ViewerId,
        stream: StreamId,
        room: RoomId,
    ) -> Result<String, MediaError> {
        let found = {
            let book = lock(&self.video);
            let published = book.streams.get(&stream).filter(|s| s.room == room);
            published.map(|s| (s.shard, s.codec))
        };
        let (shard, codec) = found.ok_or(MediaError::NoStream)?;
        let (peer, offer) = self
            .factory
            .view(codec, &self.candidates(shard), Instant::now())?;
        let mut rng = rand::rng();
        let forwarder = Forwarder::new(codec, rng.random(), rng.random());
        self.close_viewer(viewer);
        let viewing = Box::new(Viewing::new(viewer, peer, forwarder));
        if !self.shards[shard].send(Command::AddViewer(stream, viewing)) {
            return Err(MediaError::Busy);
        }
        lock(&self.video).viewers.insert(viewer, stream);
        Ok(offer)
    }

    /// Takes a viewer's answer. One that is of no use ends the viewer.
    pub fn answer_viewer(&self, viewer: ViewerId, answer: String) {
        if let Some(shard) = lock(&self.video).shard_of(viewer) {
            self.shards[shard].send(Command::AnswerViewer(viewer, answer));
        }
    }

    /// Ends a viewer, if there is one.
    pub fn close_viewer(&self, viewer: ViewerId) {
        let mut book = lock(&self.video);
        let shard = book.shard_of(viewer);
        book.viewers.remove(&viewer);
        if let Some(shard) = shard {
            self.shards[shard].send(Command::CloseViewer(viewer));
        }
    }
}
