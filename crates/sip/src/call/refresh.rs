//! Session timers (RFC 4028): a call whose other side has vanished ends, although nobody hung up.
//!
//! ```text
//!   agreed in a 2xx ──▶ we refresh: at half the interval, by UPDATE or re-INVITE ──▶ agreed anew
//!                   └─▶ they refresh: when they have not, a third of the interval (at most 32 s) before its end: BYE
//! ```

use super::settings::SessionSettings;
use super::terms::RefreshedBy;
use crate::message::{Headers, Name, Refresher, SessionExpires, number};
use std::time::{Duration, Instant};

/// A running session timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionTimer {
    interval: Duration,
    ours: bool,
    at: Instant,
    over: Instant,
}

/// What a running timer brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Refresh the session.
    Refresh,
    /// The other side has not; end the call.
    Expired,
}

impl SessionTimer {
    pub(crate) fn new(now: Instant, seconds: u32, ours: bool) -> SessionTimer {
        let interval = Duration::from_secs(seconds.into());
        let wait = if ours {
            interval / 2
        } else {
            interval - (interval / 3).min(Duration::from_secs(32))
        };
        SessionTimer {
            interval,
            ours,
            at: now + wait,
            over: now + interval,
        }
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.at
    }

    /// Called when the deadline has passed. A refresh of ours that fails is tried until the session would be over.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        if !self.ours || now >= self.over {
            return Due::Expired;
        }
        self.at = (now + self.interval / 4).min(self.over);
        Due::Refresh
    }

    pub(crate) fn seconds(&self) -> u32 {
        u32::try_from(self.interval.as_secs()).unwrap_or(u32::MAX)
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.ours
    }
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// An interval below our least: 422 with Min-SE (RFC 4028 section 9).
    TooSmall,
    /// This many seconds, refreshed by us or by them; the field for the 2xx.
    Agreed(u32, bool),
    /// No timer.
    None,
}

/// Answers the timer of an INVITE or UPDATE that came (RFC 4028 section 9). A peer without timers is refreshed by us.
pub(crate) fn asked(headers: &Headers, terms: Option<(SessionSettings, RefreshedBy)>) -> Asked {
    let Some((settings, by)) = terms else {
        return Asked::None;
    };
    let supported = supports(headers);
    let least = min_se(headers).max(settings.least);
    let Some(wanted) = headers.get(Name::SessionExpires).and_then(SessionExpires::parse) else {
        return Asked::Agreed(settings.interval.max(least), true);
    };
    if wanted.seconds < settings.least && supported {
        return Asked::TooSmall;
    }
    // The interval may be made shorter on its way, never longer than was asked for.
    let seconds = wanted.seconds.min(settings.interval).max(least);
    let ours = match wanted.refresher {
        Some(Refresher::Uac) => false,
        Some(Refresher::Uas) => true,
        None => by == RefreshedBy::Us,
    };
    Asked::Agreed(seconds, ours || !supported)
}

/// What a 2xx to an INVITE or UPDATE of ours says: seconds, and whether we refresh (RFC 4028 section 7.2). A peer that says
/// nothing is refreshed by us. `None`: nobody does, for we have no timers.
pub(crate) fn granted(
    headers: &Headers,
    terms: Option<(SessionSettings, RefreshedBy)>,
) -> Option<(u32, bool)> {
    let (settings, _) = terms?;
    Some(
        match headers.get(Name::SessionExpires).and_then(SessionExpires::parse) {
            Some(granted) => (
                granted.seconds.max(settings.least),
                granted.refresher != Some(Refresher::Uas),
            ),
            None => (settings.interval, true),
        },
    )
}

/// The fields by which a request of ours asks for a timer (RFC 4028 section 7.1).
pub(crate) fn ask(headers: &mut Headers, seconds: u32, least: u32, refresher: Option<Refresher>) {
    headers.set(Name::SessionExpires, SessionExpires { seconds, refresher });
    headers.set(Name::MinSe, least);
}

/// Min-SE of a message, 0 without.
pub(crate) fn min_se(headers: &Headers) -> u32 {
    let value = headers.get(Name::MinSe).unwrap_or_default();
    number(crate::message::value_and_params(value).0).unwrap_or(0)
}

/// True when the sender has session timers.
fn supports(headers: &Headers) -> bool {
    headers.lists(Name::Supported, "timer") || headers.lists(Name::Require, "timer")
}
