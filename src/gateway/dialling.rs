//! Carries out what `dial` decides, on a line and the gateways: for the telephone that an app calls, and for one that takes
//! another's place.

use super::dial::{Dial, DialEffect, DialEvent};
use super::line::{Line, LineEvent, now};
use super::redirects::Redirects;
use super::ways::Ways;
use crate::calls::{CallEnd, CallEvent, CallTeller, Stage};
use crate::media::Playback;
use crate::trunks::{Channel, Route};
use omnigate_number::PhoneNumber;
use omnigate_sip::CallEnd as SipEnd;
use omnigate_sip::message::Status;
use std::time::{Duration, Instant};

/// A telephone that is called.
pub(super) struct Dialling {
    dial: Dial,
    ways: Ways,
    /// None: it is followed nowhere.
    redirects: Option<Redirects>,
    teller: CallTeller,
}

/// What has come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The telephone has answered.
    Answered,
    /// It is over.
    Over(CallEnd),
}

impl Dialling {
    /// A call by these ways.
    pub(super) fn new(ways: Ways, redirects: Option<Redirects>, teller: CallTeller) -> Dialling {
        Dialling {
            dial: Dial::default(),
            ways,
            redirects,
            teller,
        }
    }

    /// When [`Dialling::timeout`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.dial.deadline()
    }

    /// How far the call is.
    pub(super) fn stage(&self) -> Option<Stage> {
        self.dial.stage()
    }

    /// Gives it up, because of this.
    pub(super) fn leave(&mut self, end: CallEnd) {
        self.feed(DialEvent::Leave(end));
    }

    /// A deadline has passed.
    pub(super) fn timeout(&mut self) {
        self.dial.timeout(now());
    }

    /// Something has happened on its line.
    pub(super) fn line_event(&mut self, line: &Line, event: LineEvent) {
        self.judge(&event);
        match event {
            LineEvent::Progress => self.feed(DialEvent::Progress),
            LineEvent::Early => self.feed(DialEvent::Early),
            LineEvent::Up => self.feed(DialEvent::Answered),
            LineEvent::Over(sip) => {
                if let Some(end) = line.ours() {
                    self.leave(end);
                } else if let Some(routes) = self.sent_elsewhere(line, sip.as_ref()) {
                    if let Some(to) = self.called() {
                        self.teller.tell(CallEvent::SentElsewhere(&to.to_string()));
                    }
                    self.ways.follow(routes);
                    return self.feed(DialEvent::SentElsewhere);
                }
                self.feed(DialEvent::Over(sip));
            }
            // Keys of the telephone are heard by the app as what they are: nobody collects them.
            LineEvent::MediaFlows
            | LineEvent::Key(_)
            | LineEvent::Played
            | LineEvent::Refer(_)
            | LineEvent::Seen => {}
        }
    }

    /// Carries out what was decided, until something has come of it.
    pub(super) async fn settle(&mut self, line: &mut Line) -> Option<Outcome> {
        while let Some(effect) = self.dial.poll() {
            match effect {
                DialEffect::Try => self.try_next(line).await,
                DialEffect::Tone(tone) => line.stand_in(Some(Playback::Tone(tone))),
                DialEffect::Silence => line.stand_in(None),
                DialEffect::Cause(cause) => self.teller.tell(CallEvent::Cause(cause)),
                DialEffect::HangUp(end) => line.hang_up(end),
                DialEffect::Connect => return Some(Outcome::Answered),
                DialEffect::End(end) => return Some(Outcome::Over(end)),
            }
        }
        None
    }

    /// Who is called, as far as that may change.
    pub(super) fn called(&self) -> Option<&PhoneNumber> {
        self.redirects.as_ref().and_then(Redirects::called)
    }

    /// The channel that its trunk has given for it.
    pub(super) fn take_channel(&mut self) -> Option<Channel> {
        self.ways.take_channel()
    }

    /// The ways to where its trunk may send it.
    fn sent_elsewhere(&mut self, line: &Line, end: Option<&SipEnd>) -> Option<Vec<Route>> {
        let redirects = self.redirects.as_mut()?;
        if !line.trunk().redirects() {
            return None;
        }
        redirects.follow(end?)
    }

    fn feed(&mut self, event: DialEvent) {
        self.dial.handle(event, now());
    }

    /// What an event tells about the gateway.
    fn judge(&mut self, event: &LineEvent) {
        match event {
            LineEvent::Progress | LineEvent::Early | LineEvent::Up => self.ways.works(),
            LineEvent::Over(Some(SipEnd::Rejected(rejection))) => match rejection.retry_after {
                Some(seconds) if rejection.status == Status::SERVICE_UNAVAILABLE => {
                    self.ways.fails(Some(Duration::from_secs(seconds.into())));
                }
                _ => self.ways.works(),
            },
            LineEvent::Over(Some(SipEnd::NoResponse | SipEnd::Unreachable)) => self.ways.fails(None),
            _ => {}
        }
    }

    async fn try_next(&mut self, line: &mut Line) {
        let Some(attempt) = self.ways.next(line).await else {
            return self.feed(DialEvent::NoneLeft);
        };
        self.teller.tell(CallEvent::Tried {
            trunk: &attempt.trunk,
            gateway: attempt.gateway,
            sip_call_id: attempt.sip_call_id,
        });
        self.feed(DialEvent::Tried(attempt.limits, attempt.next_on));
    }
}
