//! Handshakes of one phone leg that make its keys (RFC 5764): one on the port of RTP, and one on that of RTCP where that has
//! a port of its own.
//!
//! ```text
//!   SDP: fingerprint, who begins ─▶ Handshakes ─▶ Shield    keys: packets go
//!                                       └──────▶ LegEvent   none: the call ends
//! ```
//!
//! They last as long as what SDP says of them: the same fingerprints, at the same address. Only hosts that may send the call's
//! media are listened to, so many datagrams a tick.

use crate::media::net::batch::BatchSocket;
use crate::media::net::stream::same;
use crate::media::sound::shield::Shield;
use omnigate_dtls::{Failure, Handshake, Identity, Outcome, is_handshake};
use omnigate_sip::Agreed;
use omnigate_sip::dtls::Association;
use omnigate_srtp::{Fingerprint, Role, Suite};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// Datagrams of a handshake that a leg takes in 20 ms; a flight has about five.
const MOST_A_TICK: u8 = 16;

/// The handshakes of a leg.
pub(crate) struct Handshakes {
    /// What SDP says of us.
    role: Role,
    /// Whom it speaks of.
    fingerprints: Arc<[Fingerprint]>,
    media: Flow,
    /// None: reports share the port of the media.
    reports: Option<Flow>,
    /// Datagrams that may still come in this tick.
    left: u8,
    news: Option<News>,
}

/// Which of a leg's ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    /// Of RTP, and of reports that share it.
    Media,
    /// Of RTCP.
    Reports,
}

/// What has come of the media's handshake.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum News {
    /// Keys of this suite.
    Sealed(Suite),
    /// None.
    Failed(Failure),
}

/// The handshake on one port.
struct Flow {
    /// None: nothing will come of it any more.
    handshake: Option<Box<Handshake>>,
    /// Where the other side is, says SDP.
    signalled: Option<SocketAddr>,
    /// Where its last datagram came from.
    heard: Option<SocketAddr>,
    /// It has made keys, or none.
    keyed: Option<bool>,
}

impl Handshakes {
    /// Those that this agreement wants.
    pub(crate) fn new(association: &Association, agreed: &Agreed, now: Instant) -> Handshakes {
        let identity = Identity::shared();
        let flow = |signalled| Flow {
            signalled,
            handshake: identity.map(|identity| {
                let fingerprints = association.fingerprints.clone();
                Box::new(Handshake::new(identity, association.role, fingerprints, now))
            }),
            heard: None,
            keyed: identity.is_none().then_some(false),
        };
        Handshakes {
            role: association.role,
            fingerprints: association.fingerprints.clone(),
            media: flow(Some(agreed.remote_rtp)),
            reports: (!agreed.is_muxed()).then(|| flow(agreed.remote_rtcp)),
            left: MOST_A_TICK,
            news: identity.is_none().then_some(News::Failed(Failure::NoIdentity)),
        }
    }

    /// Whether a later agreement means the same ones (RFC 5763 section 6.6). One that has failed is begun anew, and while it
    /// runs it is for SDP to say who began it.
    pub(crate) fn go_on_with(&mut self, association: &Association, agreed: &Agreed) -> bool {
        let (before, there) = (self.media.signalled, agreed.remote_rtp);
        // A hold that says nowhere does not change it.
        if !there.ip().is_unspecified() {
            self.media.signalled = Some(there);
            if let Some(reports) = &mut self.reports {
                reports.signalled = agreed.remote_rtcp;
            }
        }
        let goes_on = match self.media.keyed {
            Some(keyed) => keyed,
            None => self.role == association.role,
        };
        goes_on
            && *self.fingerprints == *association.fingerprints
            && !before.is_some_and(|before| {
                there != before && !there.ip().is_unspecified() && !before.ip().is_unspecified()
            })
            && self.reports.is_some() != agreed.is_muxed()
    }

    /// The other side is there: their time runs.
    pub(crate) fn begin(&mut self, now: Instant) {
        for flow in [Some(&mut self.media), self.reports.as_mut()]
            .into_iter()
            .flatten()
        {
            if let Some(handshake) = &mut flow.handshake {
                handshake.begin(now);
            }
        }
    }

    /// Takes a datagram that has come to this port from a host that may send to it.
    pub(crate) fn take(
        &mut self,
        port: Port,
        datagram: &[u8],
        source: SocketAddr,
        now: Instant,
        socket: &BatchSocket,
        shield: &mut Shield,
    ) {
        let left = self.left;
        self.left = left.saturating_sub(1);
        if left > 0 {
            let flow = self.flow(port);
            let outcome = flow.and_then(|flow| flow.take(datagram, source, now, socket));
            self.has_come(port, outcome, shield);
        }
    }

    /// Does what is due on this port, once a tick: it sends to where the other side was heard, else there.
    pub(crate) fn turn(
        &mut self,
        port: Port,
        to: Option<SocketAddr>,
        now: Instant,
        socket: &BatchSocket,
        shield: &mut Shield,
    ) {
        self.left = MOST_A_TICK;
        let outcome = self.flow(port).and_then(|flow| flow.turn(to, now, socket));
        self.has_come(port, outcome, shield);
    }

    /// What has come of the media's, once.
    pub(crate) fn news(&mut self) -> Option<News> {
        self.news.take()
    }

    /// Whether the port of RTCP is to be read in each tick.
    pub(crate) fn wants_reports(&self) -> bool {
        self.reports.as_ref().is_some_and(|flow| flow.handshake.is_some())
    }

    fn flow(&mut self, port: Port) -> Option<&mut Flow> {
        match port {
            Port::Media => Some(&mut self.media),
            Port::Reports => self.reports.as_mut(),
        }
    }

    fn has_come(&mut self, port: Port, outcome: Option<Outcome>, shield: &mut Shield) {
        match (port, outcome) {
            (Port::Media, Some(Ok(keys))) => {
                self.news = Some(News::Sealed(keys.send.suite()));
                shield.keyed(&keys);
            }
            (Port::Media, Some(Err(why))) => self.news = Some(News::Failed(why)),
            (Port::Reports, Some(Ok(keys))) => shield.reports_keyed(&keys),
            // That ends no call: without keys there are no reports.
            (Port::Reports, Some(Err(_))) | (_, None) => {}
        }
    }
}

impl Flow {
    fn take(
        &mut self,
        datagram: &[u8],
        source: SocketAddr,
        now: Instant,
        socket: &BatchSocket,
    ) -> Option<Outcome> {
        let handshake = self.handshake.as_mut()?;
        // Once it is heard where SDP says, nobody else takes its place.
        let there = |at: SocketAddr| self.signalled.is_some_and(|signalled| same(signalled, at));
        if self.heard.is_some_and(there) && !there(source) {
            return None;
        }
        if is_handshake(datagram) {
            self.heard = Some(source);
        }
        let outcome = handshake.receive(datagram, now, |out| send(socket, out, source));
        self.note(outcome)
    }

    fn turn(&mut self, to: Option<SocketAddr>, now: Instant, socket: &BatchSocket) -> Option<Outcome> {
        let handshake = self.handshake.as_mut()?;
        if handshake.is_over(now) {
            self.handshake = None;
            return None;
        }
        let to = self.heard.or(to);
        let outcome = handshake.timeout(now, |out| {
            if let Some(to) = to {
                send(socket, out, to);
            }
        });
        self.note(outcome)
    }

    fn note(&mut self, outcome: Option<Outcome>) -> Option<Outcome> {
        if let Some(outcome) = &outcome {
            self.keyed = Some(outcome.is_ok());
        }
        outcome
    }
}

/// What is lost is sent again.
fn send(socket: &BatchSocket, datagram: &[u8], to: SocketAddr) {
    let _ = socket.send_to(datagram, to);
}
