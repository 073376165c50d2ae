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
use crate::media::sound::shield::Shield;
use omnigate_dtls::{Failure, Handshake, Identity, Outcome};
use omnigate_sip::Agreed;
use omnigate_sip::dtls::Association;
use omnigate_srtp::{Fingerprint, Keys, Suite};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// Datagrams of a handshake that a leg takes in 20 ms; a flight has about five.
const MOST_A_TICK: u8 = 16;

/// The handshakes of a leg.
pub(crate) struct Handshakes {
    /// Whom SDP speaks of.
    fingerprints: Arc<[Fingerprint]>,
    /// Where, as SDP says; a hold that says nowhere does not change it.
    remote: SocketAddr,
    media: Flow,
    /// None: reports share the port of the media.
    reports: Option<Flow>,
    /// Keys of the reports, while those of the media are not there yet.
    report_keys: Option<Keys>,
    /// Datagrams that may still come in this tick.
    left: u8,
    news: Option<News>,
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
    /// Where the other side's last datagram came from.
    heard: Option<SocketAddr>,
}

impl Handshakes {
    /// Those that this agreement wants.
    pub(crate) fn new(association: &Association, agreed: &Agreed, now: Instant) -> Handshakes {
        let identity = Identity::shared();
        let flow = || Flow {
            handshake: identity.map(|identity| {
                let fingerprints = association.fingerprints.clone();
                Box::new(Handshake::new(identity, association.role, fingerprints, now))
            }),
            heard: None,
        };
        Handshakes {
            fingerprints: association.fingerprints.clone(),
            remote: agreed.remote_rtp,
            media: flow(),
            reports: (!agreed.is_muxed()).then(flow),
            report_keys: None,
            left: MOST_A_TICK,
            news: identity.is_none().then_some(News::Failed(Failure::NoIdentity)),
        }
    }

    /// Whether a later agreement means the same ones (RFC 5763 section 6.6).
    pub(crate) fn go_on_with(&mut self, association: &Association, agreed: &Agreed) -> bool {
        let (before, there) = (self.remote, agreed.remote_rtp);
        if !there.ip().is_unspecified() {
            self.remote = there;
        }
        *self.fingerprints == *association.fingerprints
            && (there == before || there.ip().is_unspecified() || before.ip().is_unspecified())
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

    /// Takes a datagram that has come to the port of RTP, from a host that may send it.
    pub(crate) fn take(
        &mut self,
        datagram: &[u8],
        source: SocketAddr,
        now: Instant,
        socket: &BatchSocket,
        shield: &mut Shield,
    ) {
        if self.may_come() {
            let outcome = self.media.take(datagram, source, now, socket);
            self.media_outcome(outcome, shield);
        }
    }

    /// The same to the port of RTCP.
    pub(crate) fn take_report(
        &mut self,
        datagram: &[u8],
        source: SocketAddr,
        now: Instant,
        socket: &BatchSocket,
        shield: &mut Shield,
    ) {
        if self.may_come()
            && let Some(flow) = &mut self.reports
            && let Some(Ok(keys)) = flow.take(datagram, source, now, socket)
        {
            self.report_keys = Some(keys);
            self.key_reports(shield);
        }
    }

    /// Does what is due on the port of RTP: once a tick.
    pub(crate) fn turn(
        &mut self,
        to: Option<SocketAddr>,
        now: Instant,
        socket: &BatchSocket,
        shield: &mut Shield,
    ) -> Option<News> {
        self.left = MOST_A_TICK;
        let outcome = self.media.turn(to, now, socket);
        self.media_outcome(outcome, shield);
        self.news.take()
    }

    /// The same on the port of RTCP, whose failure ends no call: without keys there are no reports.
    pub(crate) fn turn_reports(
        &mut self,
        to: Option<SocketAddr>,
        now: Instant,
        socket: &BatchSocket,
        shield: &mut Shield,
    ) {
        if let Some(flow) = &mut self.reports
            && let Some(Ok(keys)) = flow.turn(to, now, socket)
        {
            self.report_keys = Some(keys);
            self.key_reports(shield);
        }
    }

    /// Whether the port of RTCP is to be read in each tick.
    pub(crate) fn wants_reports(&self) -> bool {
        self.reports.as_ref().is_some_and(|flow| flow.handshake.is_some())
    }

    /// Reports go once the media do.
    fn key_reports(&mut self, shield: &mut Shield) {
        if !shield.waits()
            && let Some(keys) = self.report_keys.take()
        {
            shield.reports_keyed(&keys);
        }
    }

    fn may_come(&mut self) -> bool {
        let left = self.left;
        self.left = left.saturating_sub(1);
        left > 0
    }

    fn media_outcome(&mut self, outcome: Option<Outcome>, shield: &mut Shield) {
        match outcome {
            None => {}
            Some(Ok(keys)) => {
                self.news = Some(News::Sealed(keys.send.suite()));
                shield.keyed(&keys, self.reports.is_some());
                self.key_reports(shield);
            }
            Some(Err(why)) => self.news = Some(News::Failed(why)),
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
        self.heard = Some(source);
        handshake.receive(datagram, now, |out| send(socket, out, source))
    }

    fn turn(&mut self, to: Option<SocketAddr>, now: Instant, socket: &BatchSocket) -> Option<Outcome> {
        let handshake = self.handshake.as_mut()?;
        if handshake.is_over(now) {
            self.handshake = None;
            return None;
        }
        let to = self.heard.or(to)?;
        handshake.timeout(now, |out| send(socket, out, to))
    }
}

/// What is lost is sent again.
fn send(socket: &BatchSocket, datagram: &[u8], to: SocketAddr) {
    let _ = socket.send_to(datagram, to);
}
