//! The control plane's side of video.

use crate::media::command::Command;
use crate::media::error::MediaError;
use crate::media::plane::{MediaPlane, ShardIndex};
use crate::media::video::{Stream, Viewing};
use omnigate_room::{RoomId, StreamId, ViewerId};
use omnigate_rtc::{CodecSet, Forwarder, VideoCodec, codec_order, offered_codecs};
use rand::RngExt;
use std::time::Instant;

/// What is to be known of a published video, to view it and to publish others beside it.
#[derive(Debug, Clone, Copy)]
pub struct Published {
    /// Where it is.
    pub shard: ShardIndex,
    /// What its publisher sends.
    pub codec: VideoCodec,
    /// What its publisher could have sent, and so can decode.
    pub offered: CodecSet,
}

impl MediaPlane {
    /// Answers a publisher's offer of a camera or screen and puts the stream into `room`; the answer. `pixels` is width
    /// times height; `others` are the videos that are published there already: all are to be seen by all.
    ///
    /// # Errors
    /// [`MediaError::Peer`] for an offer of no use, [`MediaError::Busy`] when the shard does not take orders.
    pub fn open_stream(
        &self,
        stream: StreamId,
        room: RoomId,
        (offer, pixels): (&str, u32),
        others: impl Iterator<Item = Published>,
        now: Instant,
    ) -> Result<(Published, String), MediaError> {
        // What is wrong with the offer is said below.
        let offered = offered_codecs(offer).unwrap_or_default();
        let order = codec_order(&self.settings.video_codecs, others.map(|one| one.offered));
        let shard = self.shard_of_room(room);
        let (publisher, answer) = self
            .factory
            .publish(offer, &self.candidates(shard), &order, now)?;
        let codec = publisher.codec();
        let add = Command::AddStream(Box::new(Stream::new(stream, publisher, pixels, now)));
        self.shards[shard].ask(add)?;
        let published = Published {
            shard: ShardIndex(shard),
            codec,
            offered,
        };
        Ok((published, answer))
    }

    /// Ends a stream and all its viewers, of which nothing is reported then.
    pub fn close_stream(&self, shard: ShardIndex, stream: StreamId) {
        self.shards[shard.0].release(Command::CloseStream(stream));
    }

    /// Forwards nothing of a stream, or goes on.
    ///
    /// # Errors
    /// [`MediaError::Busy`] when the shard does not take orders.
    pub fn mute_stream(&self, shard: ShardIndex, stream: StreamId, muted: bool) -> Result<(), MediaError> {
        self.shards[shard.0].ask(Command::MuteStream(stream, muted))
    }

    /// Makes a viewer of a stream; our offer.
    ///
    /// # Errors
    /// [`MediaError::Busy`] when the shard does not take orders.
    pub fn open_viewer(
        &self,
        viewer: ViewerId,
        stream: StreamId,
        published: &Published,
        now: Instant,
    ) -> Result<String, MediaError> {
        let shard = published.shard.0;
        let (peer, offer) = self.factory.view(published.codec, &self.candidates(shard), now)?;
        let mut rng = rand::rng();
        let forwarder = Forwarder::new(published.codec, rng.random(), rng.random());
        let viewing = Box::new(Viewing::new(viewer, peer, forwarder));
        self.shards[shard].ask(Command::AddViewer(stream, viewing))?;
        Ok(offer)
    }

    /// Takes a viewer's answer. One that is of no use ends the viewer.
    ///
    /// # Errors
    /// [`MediaError::Busy`] when the shard does not take orders.
    pub fn answer_viewer(
        &self,
        shard: ShardIndex,
        viewer: ViewerId,
        answer: String,
    ) -> Result<(), MediaError> {
        self.shards[shard.0].ask(Command::AnswerViewer(viewer, answer))
    }

    /// Ends a viewer.
    pub fn close_viewer(&self, shard: ShardIndex, viewer: ViewerId) {
        self.shards[shard.0].release(Command::CloseViewer(viewer));
    }
}
