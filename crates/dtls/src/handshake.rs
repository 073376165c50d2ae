//! One handshake, to its keys or its failure.

use crate::failure::{Failure, LIMIT};
use crate::identity::Identity;
use crate::screen::{MAX_MESSAGE, Screened, screen};
use dimpl::{Dtls, Output, SrtpProfile};
use omnigate_srtp::{Fingerprint, Keys, MasterKey, Role, Suite};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long it may go on after an alert that anybody may have sent.
const AFTER_ALERT: Duration = Duration::from_secs(2);
/// So long after its end the last flight is sent again to a client that has not heard it (RFC 6347 section 4.2.4); a client
/// then is as sure of it as of a call that it does not hear.
const LINGER: Duration = Duration::from_secs(30);
/// Datagrams that one handshake takes. With what a network may lose and repeat it needs about twenty.
const MAX_DATAGRAMS: u16 = 400;

/// See the module.
pub struct Handshake {
    dtls: Dtls,
    role: Role,
    /// One of these is the other side's.
    fingerprints: Arc<[Fingerprint]>,
    stage: Stage,
    /// When it ends without keys; none before it begins. Afterwards, when it is forgotten.
    until: Option<Instant>,
    /// When the library wants to be called.
    wake: Option<Instant>,
    /// The other side's certificate has been seen, and is the right one.
    known: bool,
    alert: Option<u8>,
    datagrams: u16,
    room: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    Running,
    /// The library is connected.
    Connected(Option<Keys>),
    /// The keys are given out.
    Over,
}

/// What has come of it.
pub type Outcome = Result<Keys, Failure>;

impl Handshake {
    /// With a side whose certificate has one of these fingerprints. It sends nothing of its own accord before
    /// [`Handshake::begin`], and has all the time in the world until then.
    pub fn new(identity: &Identity, role: Role, fingerprints: Arc<[Fingerprint]>, now: Instant) -> Handshake {
        let (config, certificate) = (identity.config.clone(), identity.certificate.clone());
        let mut dtls = Dtls::new_12(config, certificate, now);
        dtls.set_active(role == Role::Active);
        Handshake {
            dtls,
            role,
            fingerprints,
            stage: Stage::Running,
            until: None,
            wake: None,
            known: false,
            alert: None,
            datagrams: 0,
            room: vec![0; MAX_MESSAGE],
        }
    }

    /// The other side is there: its time runs, and as the active side we send. Again: nothing.
    pub fn begin(&mut self, now: Instant) {
        if self.until.is_none() && self.stage == Stage::Running {
            self.until = Some(now + LIMIT);
            self.wake = Some(now);
        }
    }

    /// Takes a datagram, and hands out what is to be sent.
    pub fn receive(&mut self, datagram: &[u8], now: Instant, send: impl FnMut(&[u8])) -> Option<Outcome> {
        if self.role == Role::Active && self.until.is_none() || self.datagrams >= MAX_DATAGRAMS {
            return None;
        }
        match screen(datagram) {
            Screened::Nothing => return None,
            Screened::Alert(description) => {
                if self.stage == Stage::Running {
                    self.alert = Some(description);
                    self.until = self.until.map(|until| until.min(now + AFTER_ALERT));
                }
                return None;
            }
            Screened::Records => self.datagrams += 1,
        }
        let taken = self.dtls.handle_timeout(now);
        let taken = taken.and_then(|()| self.dtls.handle_packet(datagram));
        self.drain(taken, now, send)
    }

    /// Does what is due.
    pub fn timeout(&mut self, now: Instant, send: impl FnMut(&[u8])) -> Option<Outcome> {
        if self.stage == Stage::Running && self.until.is_some_and(|until| now >= until) {
            let why = match self.alert {
                Some(description) => Failure::Refused(description),
                None if self.datagrams == 0 => Failure::Silent,
                None => Failure::Unfinished,
            };
            return self.fail(why);
        }
        if self.wake.is_none_or(|wake| now < wake) {
            return None;
        }
        let told = self.dtls.handle_timeout(now);
        self.drain(told, now, send)
    }

    /// Nothing will come of it any more: it may be dropped.
    pub fn is_over(&self, now: Instant) -> bool {
        match self.stage {
            Stage::Over => self.until.is_none_or(|until| now >= until),
            _ => false,
        }
    }

    fn drain(
        &mut self,
        before: Result<(), dimpl::Error>,
        now: Instant,
        mut send: impl FnMut(&[u8]),
    ) -> Option<Outcome> {
        // An error may have an alert to be sent.
        let mut failure = before.err().map(Failure::from);
        loop {
            match self.dtls.poll_output(&mut self.room) {
                Output::Packet(datagram) => send(datagram),
                Output::Timeout(at) => {
                    self.wake = Some(at);
                    break;
                }
                Output::PeerCert(certificate) => {
                    self.known = is_one_of(&self.fingerprints, certificate);
                    if !self.known {
                        failure = Some(Failure::Fingerprint);
                        break;
                    }
                }
                Output::Connected if self.stage == Stage::Running => self.stage = Stage::Connected(None),
                Output::KeyingMaterial(material, profile) => {
                    if let Stage::Connected(keys) = &mut self.stage {
                        *keys = split(&material, profile, self.role);
                    }
                }
                // It is asked with room for all that it may have.
                Output::BufferTooSmall { .. } => break,
                _ => {}
            }
        }
        match (failure, self.stage.clone()) {
            (_, Stage::Over) => None,
            (Some(why), _) => self.fail(why),
            (None, Stage::Connected(keys)) => self.finish(keys, now),
            (None, Stage::Running) => None,
        }
    }

    fn finish(&mut self, keys: Option<Keys>, now: Instant) -> Option<Outcome> {
        // Without a certificate that was compared there is nobody to speak to.
        if !self.known {
            return self.fail(Failure::NoCertificate);
        }
        let Some(keys) = keys else {
            return self.fail(Failure::NoProfile);
        };
        self.stage = Stage::Over;
        // A server's last flight may be lost; a client has heard it.
        self.until = (self.role == Role::Passive).then(|| now + LINGER);
        Some(Ok(keys))
    }

    fn fail(&mut self, why: Failure) -> Option<Outcome> {
        self.stage = Stage::Over;
        self.until = None;
        self.wake = None;
        self.datagrams = MAX_DATAGRAMS;
        Some(Err(why))
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("role", &self.role)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

/// Whether a certificate is one of those that SDP speaks of. Of several hash functions the strongest counts (RFC 8122
/// section 5).
fn is_one_of(fingerprints: &[Fingerprint], certificate: &[u8]) -> bool {
    let best = fingerprints.iter().map(Fingerprint::hash).max();
    let mut best = fingerprints.iter().filter(|one| Some(one.hash()) == best);
    best.any(|fingerprint| fingerprint.is_of(certificate))
}

/// The keys of client and server, then their salts (RFC 5764 section 4.2).
fn split(material: &[u8], profile: SrtpProfile, role: Role) -> Option<Keys> {
    let suite = match profile {
        SrtpProfile::AEAD_AES_256_GCM => Suite::AeadAes256Gcm,
        SrtpProfile::AEAD_AES_128_GCM => Suite::AeadAes128Gcm,
        SrtpProfile::AES128_CM_SHA1_80 => Suite::AesCm128HmacSha1_80,
        _ => return None,
    };
    let (keys, salts) = material.split_at_checked(2 * suite.key_bytes())?;
    let (client_key, server_key) = keys.split_at_checked(suite.key_bytes())?;
    let (client_salt, server_salt) = salts.split_at_checked(suite.salt_bytes())?;
    let both = |key: &[u8], salt: &[u8]| {
        let both = Zeroizing::new([key, salt].concat());
        MasterKey::new(suite, &both).ok()
    };
    let (client, server) = (both(client_key, client_salt)?, both(server_key, server_salt)?);
    let (send, receive) = match role {
        Role::Active => (client, server),
        Role::Passive => (server, client),
    };
    Some(Keys { send, receive })
}
