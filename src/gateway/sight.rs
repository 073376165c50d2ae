//! What is seen of a call whose trunk is looked at: by whoever has it watched ([`Line`](super::line::Line) with a trunk whose
//! calls are).

use crate::calls::CallMedia;
use omnigate_audio::codec::Codec;
use omnigate_audio::dtmf::Key;
use omnigate_rtp::digits::Source;
use omnigate_sip::message::{Headers, Method, Status};
use omnigate_sip::sdp::{Description, Format};
use omnigate_sip::{Agreed, CallEnd, CallEvent, Direction};
use std::net::SocketAddr;
use std::time::Instant;

/// Sights of one call that are kept: more than any exercise makes. Later ones are lost.
const MOST: usize = 512;

/// Something that was seen.
#[derive(Debug, Clone)]
pub(super) enum Sight {
    /// A response to our INVITE, 101 to 299.
    Response(Status, Headers),
    /// A response to another request of ours, or 100.
    Replied(Method, Status),
    /// A session description of theirs, as answer or offer.
    Said(Said),
    /// What an answer to an offer of ours has led to.
    Agreed(Agreement),
    /// They refuse an offer of ours.
    OfferRefused(Status),
    /// They have offered another session, which was taken: the direction, from our side.
    Taken(Direction),
    /// A key, by this way.
    Key(Key, Source),
    /// The first packet of RTP.
    FirstPacket,
    /// RTP comes from there, and not from where SDP said.
    Elsewhere(SocketAddr),
    /// It is over.
    Over(Option<CallEnd>),
}

/// What both sides have agreed on, as far as it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Agreement {
    pub(super) codec: Codec,
    pub(super) ptime_ms: u32,
    /// From our side.
    pub(super) direction: Direction,
    /// Keys can be sent as telephone events.
    pub(super) events: bool,
    pub(super) sealed: bool,
}

impl From<&Agreed> for Agreement {
    fn from(agreed: &Agreed) -> Agreement {
        Agreement {
            codec: agreed.codec,
            ptime_ms: agreed.ptime_ms,
            direction: agreed.direction,
            events: agreed.telephone_event_sent.is_some(),
            sealed: agreed.srtp.is_some(),
        }
    }
}

/// What a session description of theirs says.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    /// Of the first line, in their order.
    pub(super) formats: Vec<Format>,
    pub(super) ptime_ms: Option<u32>,
    pub(super) maxptime_ms: Option<u32>,
    /// Lines beside the first, in words.
    pub(super) others: Vec<String>,
}

impl Said {
    /// None when it is no session description.
    pub(super) fn read(sdp: &[u8]) -> Option<Said> {
        let description = Description::parse(sdp).ok()?;
        let (first, others) = description.media.split_first()?;
        Some(Said {
            formats: first.formats.clone(),
            ptime_ms: first.ptime_ms,
            maxptime_ms: first.maxptime_ms,
            others: others.iter().map(|line| line.describe()).collect(),
        })
    }
}

/// What was seen of one call, in its order.
#[derive(Debug, Default)]
pub(super) struct Sights {
    pub(super) all: Vec<(Instant, Sight)>,
    /// What its leg has counted, once it is over.
    pub(super) media: Option<CallMedia>,
}

impl Sights {
    pub(super) fn see(&mut self, at: Instant, sight: Sight) {
        if self.all.len() < MOST {
            self.all.push((at, sight));
        }
    }

    /// An event of SIP.
    pub(super) fn sip(&mut self, at: Instant, event: &CallEvent) {
        match event {
            CallEvent::Progress { status, headers } => {
                self.see(at, Sight::Response(*status, headers.clone()));
            }
            CallEvent::Answered { headers } => self.see(at, Sight::Response(Status::OK, headers.clone())),
            CallEvent::Replied { method, status } => self.see(at, Sight::Replied(method.clone(), *status)),
            CallEvent::Answer(sdp) => {
                if let Some(said) = Said::read(sdp) {
                    self.see(at, Sight::Said(said));
                }
            }
            CallEvent::OfferRefused(status) => self.see(at, Sight::OfferRefused(*status)),
            CallEvent::Ended(end) => self.see(at, Sight::Over(Some(end.clone()))),
            _ => {}
        }
    }
}
