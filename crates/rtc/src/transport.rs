//! What all peers share: ICE, DTLS and the driving of the stack.

use crate::error::{MAX_SDP, PeerError};
use crate::path::Path;
use crate::stun;
use rand::RngExt;
use std::time::Instant;
use str0m::net::{DatagramRecv, Receive};
use str0m::{Event, IceConnectionState, IceCreds, Input, Output, Rtc, RtcConfig};

/// Most outputs taken from one peer for one input: a bound against endless loops.
const MAX_OUTPUTS: usize = 512;

/// State of a peer's transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportState {
    /// ICE and DTLS are up: media may flow.
    Up,
    /// ICE has lost the client, or DTLS was closed.
    Gone,
}

/// Takes what every peer puts out.
pub trait Sink {
    /// A datagram to send from the peer's port, by UDP or on the TCP connection of that address.
    fn transmit(&mut self, destination: Path, datagram: &[u8]);
    /// The transport came up or is gone.
    fn transport(&mut self, state: TransportState);
}

/// One `Rtc` of the stack and its state. After every input it is drained to its next timeout, as the stack
/// demands; events that are not about the transport go to the `media` closure of the peer around it.
pub(crate) struct Transport {
    pub(crate) rtc: Rtc,
    ufrag: String,
    local: Vec<Path>,
    next: Instant,
    up: bool,
    gone: bool,
    /// Where the check came from that was answered last.
    answered: Option<Path>,
    /// The client's ends of connections that have closed.
    broken: Vec<Path>,
}

impl Transport {
    /// A peer with fresh ICE credentials that announces `candidates`.
    pub(crate) fn new(config: RtcConfig, candidates: &[Path], now: Instant) -> Result<Transport, PeerError> {
        let creds = IceCreds {
            ufrag: token(8),
            pass: token(24),
        };
        let ufrag = creds.ufrag.clone();
        let mut rtc = config.set_local_ice_credentials(creds).build(now);
        let mut local = Vec::new();
        for path in candidates {
            if let Some(c) = path.candidate()
                && rtc.add_local_candidate(c).is_some()
            {
                local.push(*path);
            }
        }
        if local.is_empty() {
            return Err(PeerError::NoCandidate);
        }
        Ok(Transport {
            rtc,
            ufrag,
            local,
            next: now,
            up: false,
            gone: false,
            answered: None,
            broken: Vec::new(),
        })
    }

    pub(crate) fn ufrag(&self) -> &str {
        &self.ufrag
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.next
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up && !self.gone
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Runs to the first timeout after a description was taken; nothing is connected yet, so nothing is lost.
    pub(crate) fn settle(&mut self, now: Instant) -> Result<(), PeerError> {
        for _ in 0..MAX_OUTPUTS {
            if let Output::Timeout(t) = self.rtc.poll_output()? {
                self.next = t.max(now);
                break;
            }
        }
        Ok(())
    }

    /// Feeds a datagram; true when it proves by its integrity that the client sends from `source`.
    pub(crate) fn receive<S: Sink>(
        &mut self,
        source: Path,
        datagram: &[u8],
        now: Instant,
        sink: &mut S,
        mut media: impl FnMut(&mut S, Event),
    ) -> bool {
        let Ok(contents) = DatagramRecv::try_from(datagram) else {
            return false;
        };
        // The stack knows itself by its announced addresses only.
        let Some(destination) = self
            .local
            .iter()
            .find(|l| l.reaches(source))
            .or(self.local.iter().find(|l| l.protocol() == source.protocol()))
        else {
            return false;
        };
        let receive = Receive {
            proto: source.protocol(),
            source: source.address(),
            destination: destination.address(),
            contents,
        };
        self.answered = None;
        // A datagram that is refused (a replay, a forged record) is no reason to end the peer.
        let _ = self.rtc.handle_input(Input::Receive(now, receive));
        self.drain(now, sink, &mut media);
        // The stack answers a check only when its integrity holds.
        let proven = self.answered == Some(source);
        if proven && !self.broken.is_empty() {
            self.leave_broken(source);
            self.timeout(now, sink, media);
        }
        proven
    }

    /// The connection that the client had from there has closed.
    pub(crate) fn path_closed(&mut self, path: Path) {
        // To drop the only path would end the peer at once; the client may come by another one.
        self.broken.push(path);
    }

    /// Makes the stack choose anew, now that the client has come by another path: it would keep to the one chosen first until
    /// 15 s after the last check there.
    fn leave_broken(&mut self, alive: Path) {
        for path in self.broken.drain(..).filter(|p| *p != alive) {
            for candidate in path.remote_candidates() {
                self.rtc.direct_api().invalidate_candidate(&candidate);
            }
        }
    }

    pub(crate) fn timeout<S: Sink>(&mut self, now: Instant, sink: &mut S, media: impl FnMut(&mut S, Event)) {
        if self.rtc.handle_input(Input::Timeout(now)).is_err() {
            return self.lose(sink);
        }
        self.drain(now, sink, media);
    }

    /// Ends the connection from our side (DTLS close).
    pub(crate) fn close<S: Sink>(&mut self, now: Instant, sink: &mut S) {
        let _ = self.rtc.close();
        // What follows from our own close is no news.
        self.gone = true;
        self.drain(now, sink, |_, _| {});
        self.rtc.disconnect();
    }

    /// To be called after every change of `rtc`.
    pub(crate) fn drain<S: Sink>(
        &mut self,
        now: Instant,
        sink: &mut S,
        mut media: impl FnMut(&mut S, Event),
    ) {
        for _ in 0..MAX_OUTPUTS {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(t)) => {
                    if let Some(destination) = Path::of(t.proto, t.destination) {
                        if stun::is_success(&t.contents) {
                            self.answered = Some(destination);
                        }
                        sink.transmit(destination, &t.contents);
                    }
                }
                Ok(Output::Timeout(t)) if t <= now => {
                    if self.rtc.handle_input(Input::Timeout(now)).is_err() {
                        return self.lose(sink);
                    }
                }
                Ok(Output::Timeout(t)) => {
                    self.next = t;
                    return;
                }
                Ok(Output::Event(Event::Connected)) => {
                    self.up = true;
                    sink.transport(TransportState::Up);
                }
                Ok(Output::Event(
                    Event::IceConnectionStateChange(IceConnectionState::Disconnected) | Event::Closed,
                )) => self.lose(sink),
                Ok(Output::Event(event)) => media(sink, event),
                Err(_) => return self.lose(sink),
            }
        }
        self.next = now;
    }

    fn lose<S: Sink>(&mut self, sink: &mut S) {
        if !self.gone {
            self.gone = true;
            self.rtc.disconnect();
            sink.transport(TransportState::Gone);
        }
    }
}

/// Refuses a description that is too large to be read.
pub(crate) fn bounded(sdp: &str) -> Result<&str, PeerError> {
    if sdp.len() > MAX_SDP {
        return Err(PeerError::TooLarge(sdp.len()));
    }
    Ok(sdp)
}

/// `n` characters of the ice-char alphabet (RFC 8839 section 5.4).
pub(crate) fn token(n: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut rng = rand::rng();
    (0..n)
        .map(|_| char::from(ALPHABET[usize::from(rng.random::<u8>() & 31)]))
        .collect()
}
