//! One call of a certification, as it was seen.

use super::exercise::Act;
use crate::calls::CallEnd;
use crate::gateway::sight::{Agreement, Said, Sight, Sights};
use omnigate_sip::CallEnd as SipEnd;
use omnigate_sip::message::{Headers, Method, Status};
use std::time::{Duration, Instant};

/// See the module.
#[derive(Debug)]
pub(super) struct CallSeen {
    /// When the INVITE went out, or came.
    pub(super) began: Instant,
    /// What was done, each with how much had been seen before.
    pub(super) acts: Vec<(usize, Act)>,
    /// All that was to be done has come to its end.
    pub(super) done: bool,
    pub(super) sights: Sights,
    /// How it ended.
    pub(super) end: CallEnd,
}

/// A response to our INVITE.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered<'a> {
    /// Since the INVITE.
    pub(super) after: Duration,
    pub(super) status: Status,
    pub(super) headers: &'a Headers,
    /// The session description in it.
    pub(super) said: Option<&'a Said>,
}

impl CallSeen {
    /// A call of which nothing was seen.
    pub(super) fn none(end: CallEnd) -> CallSeen {
        CallSeen {
            began: Instant::now(),
            acts: Vec::new(),
            done: false,
            sights: Sights::default(),
            end,
        }
    }

    /// What was seen of the last gateway that was called.
    fn last(&self) -> &[(Instant, Sight)] {
        let all = self.sights.all.as_slice();
        let before_last = all.get(..all.len().saturating_sub(1)).unwrap_or_default();
        let over = before_last
            .iter()
            .rposition(|(_, sight)| matches!(sight, Sight::Over(_)));
        all.get(over.map_or(0, |at| at + 1)..).unwrap_or_default()
    }

    fn began_last(&self) -> Instant {
        let before = self.sights.all.len() - self.last().len();
        let over = before.checked_sub(1).and_then(|at| self.sights.all.get(at));
        over.map_or(self.began, |(at, _)| *at)
    }

    /// All of them, of the last gateway.
    pub(super) fn sights(&self) -> impl Iterator<Item = &Sight> {
        self.last().iter().map(|(_, sight)| sight)
    }

    /// What was seen from the beginning of an act until that of the next; none: it was not done.
    pub(super) fn during(&self, wanted: impl Fn(&Act) -> bool) -> Option<impl Iterator<Item = &Sight>> {
        let at = self.acts.iter().position(|(_, act)| wanted(act))?;
        let (from, _) = self.acts.get(at)?;
        let to = self.acts.get(at + 1).map_or(self.sights.all.len(), |(to, _)| *to);
        let part = self.sights.all.get(*from..to).unwrap_or_default();
        Some(part.iter().map(|(_, sight)| sight))
    }

    /// Whether the call outlived an act: another one followed, or it was the last and we hung up.
    pub(super) fn outlived(&self, wanted: impl Fn(&Act) -> bool) -> bool {
        let at = self.acts.iter().position(|(_, act)| wanted(act));
        let by_us = matches!(self.ends().last(), Some(SipEnd::LocalHungUp));
        at.is_some_and(|at| at + 1 < self.acts.len() || (self.done && by_us))
    }

    /// Responses to our INVITE, 101 to 200.
    pub(super) fn responses(&self) -> Vec<Answered<'_>> {
        let (last, began) = (self.last(), self.began_last());
        let mut all = Vec::new();
        for (n, (at, sight)) in last.iter().enumerate() {
            let Sight::Response(status, headers) = sight else {
                continue;
            };
            // The description follows its response.
            let rest = last.get(n + 1..).unwrap_or_default().iter();
            let mut its =
                rest.take_while(|(_, sight)| !matches!(sight, Sight::Response(..) | Sight::Replied(..)));
            let said = its.find_map(|(_, sight)| match sight {
                Sight::Said(said) => Some(said),
                _ => None,
            });
            all.push(Answered {
                after: at.saturating_duration_since(began),
                status: *status,
                headers,
                said,
            });
        }
        all
    }

    /// How long after the INVITE its 100 came.
    pub(super) fn tried_after(&self) -> Option<Duration> {
        let began = self.began_last();
        let mut all = self.last().iter();
        all.find_map(|(at, sight)| match sight {
            Sight::Replied(Method::Invite, Status::TRYING) => Some(at.saturating_duration_since(began)),
            _ => None,
        })
    }

    /// The 200, if there was one.
    pub(super) fn success(&self) -> Option<Answered<'_>> {
        self.responses().into_iter().find(|one| one.status.is_success())
    }

    /// Whether RTP came before the answer.
    pub(super) fn heard_early(&self) -> bool {
        let mut before = self.sights().take_while(|sight| !is_success(sight));
        before.any(|sight| matches!(sight, Sight::FirstPacket))
    }

    /// What was first agreed on.
    pub(super) fn agreed(&self) -> Option<Agreement> {
        self.sights().find_map(|sight| match sight {
            Sight::Agreed(agreement) => Some(*agreement),
            _ => None,
        })
    }

    /// Their first session description.
    pub(super) fn said(&self) -> Option<&Said> {
        self.sights().find_map(|sight| match sight {
            Sight::Said(said) => Some(said),
            _ => None,
        })
    }

    /// What they answered to requests of this method.
    pub(super) fn replies(&self, wanted: &Method) -> Vec<Status> {
        let of = |sight: &Sight| match sight {
            Sight::Replied(method, status) if method == wanted => Some(*status),
            _ => None,
        };
        self.sights().filter_map(of).collect()
    }

    /// How the SIP calls to each gateway ended, in their order.
    pub(super) fn ends(&self) -> impl Iterator<Item = &SipEnd> {
        self.sights.all.iter().filter_map(|(_, sight)| match sight {
            Sight::Over(Some(end)) => Some(end),
            _ => None,
        })
    }
}

fn is_success(sight: &Sight) -> bool {
    matches!(sight, Sight::Response(status, _) if status.is_success())
}

/// A time as a report says it.
pub(super) fn shown(time: Duration) -> String {
    match time {
        short if short < Duration::from_secs(1) => format!("{} ms", short.as_millis()),
        long => format!("{:.1} s", long.as_secs_f64()),
    }
}

/// Status and phrase.
pub(super) fn words(status: Status) -> String {
    format!("{} {}", status.code(), status.phrase())
}

/// How a SIP call ended, as a report says it.
pub(super) fn end_words(end: &SipEnd) -> String {
    match end {
        SipEnd::Rejected(rejection) => {
            let mut text = format!("{} {}", rejection.status.code(), rejection.phrase);
            if let Some(warning) = &rejection.warning {
                text += &format!(", Warning {warning}");
            }
            text + &causes(&rejection.causes)
        }
        SipEnd::RemoteHungUp(reasons) => format!("BYE from them{}", causes(reasons)),
        SipEnd::LocalHungUp => "BYE from us".to_owned(),
        SipEnd::Cancelled(reasons) => format!("CANCEL{}", causes(reasons)),
        SipEnd::NoResponse => "no response".to_owned(),
        SipEnd::Unreachable => "cannot be reached".to_owned(),
        SipEnd::RingLimit => "it rang for too long".to_owned(),
        SipEnd::NoAnswer => "no usable session description".to_owned(),
        SipEnd::Lost => "the call is unknown there".to_owned(),
        SipEnd::Expired => "the session was not refreshed".to_owned(),
        SipEnd::NoAck => "no ACK of our 200".to_owned(),
        other => format!("{other:?}"),
    }
}

fn causes(causes: &[omnigate_sip::Cause]) -> String {
    let one = |cause: &omnigate_sip::Cause| {
        let number = cause.cause.map(|cause| format!(" {cause}")).unwrap_or_default();
        let text = cause.text.as_ref().map(|text| format!(" \"{text}\""));
        format!(", Reason {}{number}{}", cause.protocol, text.unwrap_or_default())
    };
    causes.iter().map(one).collect()
}
