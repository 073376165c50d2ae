//! What one call wants of the other side, as the trunks of different carriers do.

use super::settings::SessionSettings;

/// What one call wants of the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallTerms {
    /// Session timers (RFC 4028).
    pub timers: SessionTimers,
    /// Reliable provisional responses (RFC 3262).
    pub reliable: Reliable,
    /// What the other side answers to requests of ours is told ([`CallEvent::Replied`](crate::CallEvent::Replied)), and
    /// the end of the call not before it has answered our BYE: for those who look how it behaves.
    pub watched: bool,
}

/// Session timers of a call (RFC 4028).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SessionTimers {
    /// As the endpoint's settings say; whoever asks first says who refreshes.
    #[default]
    Usual,
    /// With these intervals, refreshed by this side where we may say so.
    Asked(SessionSettings, RefreshedBy),
    /// None of ours; what the other side keeps by itself is let be.
    Off,
}

/// Who refreshes a session where we may say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RefreshedBy {
    /// Whoever is asked to.
    #[default]
    Either,
    /// We.
    Us,
    /// The other side, if it can.
    Them,
}

/// Reliable provisional responses (RFC 3262).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reliable {
    /// Not offered. A caller who requires them gets them.
    Never,
    /// Offered.
    #[default]
    Supported,
    /// Required of whom we call.
    Required,
}

impl CallTerms {
    /// The intervals, with those of the endpoint where the call has none of its own; `None`: no timer.
    pub(crate) fn session(&self, usual: &SessionSettings) -> Option<(SessionSettings, RefreshedBy)> {
        match self.timers {
            SessionTimers::Usual => Some((*usual, RefreshedBy::Either)),
            SessionTimers::Asked(settings, by) => Some((settings, by)),
            SessionTimers::Off => None,
        }
    }

    /// The extensions that we say we have, for Supported.
    pub(crate) fn supported(&self) -> &'static str {
        match (self.reliable, self.timers) {
            (Reliable::Never, SessionTimers::Off) => "replaces",
            (Reliable::Never, _) => "timer, replaces",
            (_, SessionTimers::Off) => "100rel, replaces",
            _ => super::SUPPORTED,
        }
    }
}
