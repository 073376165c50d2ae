//! How a session comes by its keys: what our descriptions say of it, and what is made of the other side's.

use super::refusal::Refusal;
use super::terms::MediaTerms;
use crate::dtls::{Association, Setup, Written};
use crate::keying::{KeyWay, Keying};
use crate::sdes::{Crypto, Secrecy};
use crate::sdp::{MediaLine, Profile};
use omnigate_srtp::{Fingerprint, Keys, MasterKey, Role};
use std::net::IpAddr;
use std::sync::Arc;

/// What is taken where media must be sealed.
const BY_SDES: &str = "RTP/SAVP with a=crypto of AEAD_AES_128_GCM or AES_CM_128_HMAC_SHA1_80, without a master key identifier \
                       (RFC 4568)";
const BY_DTLS: &str =
    "UDP/TLS/RTP/SAVP with a=fingerprint of sha-256, sha-384 or sha-512 and a=setup (RFC 5763)";
const BY_EITHER: &str =
    "RTP/SAVP with a=crypto (RFC 4568), or UDP/TLS/RTP/SAVP with a=fingerprint and a=setup (RFC 5763)";
const BY_NOTHING: &str = "and there are no keys for it";

/// Whose description is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Their offer.
    WeAnswer,
    /// Their answer to ours.
    TheyAnswer,
}

/// What our line says of keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub(super) crypto: Vec<Crypto>,
    pub(super) dtls: Option<Written>,
    /// It asks to be sealed up to the edge of the network.
    pub(super) to_the_edge: bool,
}

/// Of which ways an offer of ours speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Offers {
    #[default]
    Nothing,
    /// Of each: the other side takes what it knows.
    All,
    /// Of the first: its profile is that of one.
    First,
    /// Of the one that the session goes.
    Sdes,
    Dtls,
}

/// What an offer of ours says.
#[derive(Debug, Clone, Copy, Default)]
struct Spoken {
    offers: Offers,
    /// RTP and RTCP share a port, or may.
    mux: bool,
}

/// How a session is sealed.
#[derive(Debug, Clone, Default)]
pub(super) struct Sealing {
    /// In our next offer.
    next: Spoken,
    /// In our last one: a fork may bring several answers to it, and each is judged by it.
    last: Spoken,
    /// With whom there is a handshake, or was the last.
    association: Option<Association>,
}

impl Sealing {
    /// Of a session that has not begun.
    pub(super) fn new(terms: &MediaTerms) -> Sealing {
        let next = Spoken {
            offers: match terms.secrecy {
                Secrecy::Off => Offers::Nothing,
                Secrecy::Optional => Offers::All,
                Secrecy::Required => Offers::First,
            },
            mux: true,
        };
        Sealing {
            next,
            ..Sealing::default()
        }
    }

    /// What an offer of ours says.
    pub(super) fn offered(&mut self, terms: &MediaTerms) -> Said {
        self.last = self.next;
        let mut said = Said::default();
        for way in self.ways(terms) {
            said.to_the_edge = terms.to_the_edge;
            match way {
                KeyWay::Sdes(keys) => {
                    let crypto = (1..).zip(keys.iter());
                    said.crypto = crypto
                        .map(|(tag, key)| Crypto {
                            tag,
                            key: key.clone(),
                        })
                        .collect();
                }
                KeyWay::Dtls { fingerprint, .. } => {
                    said.dtls = Some(Written {
                        fingerprint: *fingerprint,
                        setup: Setup::ActPass,
                        mux: self.last.mux,
                    });
                }
            }
        }
        said
    }

    /// The ways of which our last offer spoke.
    fn ways<'a>(&self, terms: &'a MediaTerms) -> impl Iterator<Item = &'a KeyWay> {
        let offers = self.last.offers;
        let is_meant = move |(place, way): &(usize, &KeyWay)| match offers {
            Offers::Nothing => false,
            Offers::All => true,
            Offers::First => *place == 0,
            Offers::Sdes => !way.is_dtls(),
            Offers::Dtls => way.is_dtls(),
        };
        let meant = terms.ways.iter().enumerate().filter(is_meant);
        meant.map(|(_, way)| way)
    }

    /// What our answer says to a line, and how the keys come by it: the first of our ways that it goes too.
    pub(super) fn by(&self, line: &MediaLine, terms: &MediaTerms, turn: Turn) -> Option<(Said, Keying)> {
        let one = |way: &KeyWay| match way {
            KeyWay::Sdes(keys) => by_sdes(keys, line),
            KeyWay::Dtls { fingerprint, peer } => self.by_dtls(*fingerprint, *peer, line, turn),
        };
        match (terms.secrecy, turn) {
            (Secrecy::Off, _) => None,
            (_, Turn::WeAnswer) => terms.ways.iter().find_map(one),
            // An answer cannot go a way of which its offer did not speak.
            (_, Turn::TheyAnswer) => self.ways(terms).find_map(one),
        }
    }

    fn by_dtls(
        &self,
        fingerprint: Fingerprint,
        peer: Option<IpAddr>,
        line: &MediaLine,
        turn: Turn,
    ) -> Option<(Said, Keying)> {
        let theirs = line.dtls.fingerprints.as_slice();
        if theirs.is_empty() {
            return None;
        }
        let known = self
            .association
            .as_ref()
            .filter(|known| *known.fingerprints == *theirs);
        let role = match (line.dtls.setup, turn) {
            (Some(Setup::HoldConn), _) => return None,
            (Some(Setup::Active), _) => Role::Passive,
            (Some(Setup::Passive), _) => Role::Active,
            (Some(Setup::ActPass), Turn::WeAnswer) => {
                // Who goes on with a handshake that there was, goes on in its role (RFC 5763 section 6.6).
                known.map_or_else(|| role(peer, line), |known| known.role)
            }
            // Whoever offers begins unless it says otherwise (RFC 4145 section 4.1). An answer must choose, and one that does
            // not is mostly of a side that begins.
            (None, _) | (Some(Setup::ActPass), Turn::TheyAnswer) => Role::Passive,
        };
        let said = Said {
            dtls: Some(Written {
                fingerprint,
                setup: Setup::of(role),
                mux: line.dtls.mux,
            }),
            ..Said::default()
        };
        let association = Association {
            role,
            fingerprints: known.map_or_else(|| theirs.into(), |known| known.fingerprints.clone()),
            due: false,
        };
        Some((said, Keying::Dtls(association)))
    }

    /// Whether an answer to our offer puts RTP and RTCP on one port.
    pub(super) fn is_muxed(&self, answer: &MediaLine, terms: &MediaTerms) -> bool {
        answer.dtls.mux && self.last.mux && self.ways(terms).any(KeyWay::is_dtls)
    }

    /// What was agreed on.
    pub(super) fn learn(&mut self, keying: Option<&Keying>, muxed: bool) {
        self.next.mux = muxed;
        self.next.offers = match keying {
            None => Offers::Nothing,
            Some(Keying::Sdes(_)) => Offers::Sdes,
            Some(Keying::Dtls(association)) => {
                self.association = Some(association.clone());
                Offers::Dtls
            }
        };
    }
}

/// The first of a line's keys whose suite we have.
fn by_sdes(ours: &Arc<[MasterKey]>, line: &MediaLine) -> Option<(Said, Keying)> {
    if line.profile.is_dtls() {
        return None;
    }
    line.crypto.iter().find_map(|theirs| {
        let ours = ours.iter().find(|ours| ours.suite() == theirs.key.suite())?;
        let crypto = Crypto {
            tag: theirs.tag,
            key: ours.clone(),
        };
        let keys = Keys {
            send: ours.clone(),
            receive: theirs.key.clone(),
        };
        let said = Said {
            crypto: vec![crypto],
            ..Said::default()
        };
        Some((said, Keying::Sdes(keys)))
    })
}

/// Of a side that leaves it to us. We begin (RFC 5763 section 5), unless its media are at another address than its SIP comes
/// from: what we send may not get behind a NAT before it has sent something itself.
fn role(peer: Option<IpAddr>, line: &MediaLine) -> Role {
    let there = line.rtp.map(|rtp| rtp.ip().to_canonical());
    match peer.map(|peer| peer.to_canonical()) {
        Some(peer) if there != Some(peer) => Role::Passive,
        _ => Role::Active,
    }
}

/// The profile of our first offer.
pub(super) fn profile(terms: &MediaTerms) -> Profile {
    match terms.secrecy {
        Secrecy::Required if terms.ways.first().is_some_and(KeyWay::is_dtls) => Profile::DtlsSavp,
        Secrecy::Required => Profile::Savp,
        // Those who do not know the attributes pass over them.
        Secrecy::Off | Secrecy::Optional => Profile::Avp,
    }
}

/// What may be, in words.
pub(super) fn profiles(terms: &MediaTerms) -> String {
    let mut all = Vec::new();
    if terms.secrecy != Secrecy::Required {
        all.extend(["RTP/AVP", "RTP/AVPF"]);
    }
    if terms.secrecy != Secrecy::Off {
        for way in terms.ways.iter() {
            all.extend(match way {
                KeyWay::Sdes(_) => ["RTP/SAVP", "RTP/SAVPF"],
                KeyWay::Dtls { .. } => ["UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"],
            });
        }
    }
    match all.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, before)) => format!("{} or {last}", before.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// Why none of these lines can be sealed, where that is the reason that it is refused.
pub(super) fn refusal(terms: &MediaTerms, lines: &[MediaLine]) -> Option<Refusal> {
    let audio = || lines.iter().filter(|line| line.is_usable_audio());
    audio().next()?;
    let has = |dtls: bool| terms.ways.iter().any(|way| way.is_dtls() == dtls);
    if terms.secrecy != Secrecy::Off
        && has(true)
        && let Some(why) = audio().find_map(|line| line.dtls.refused.clone())
    {
        return Some(Refusal::Fingerprint(why));
    }
    let wanted = match (has(false), has(true)) {
        (true, false) => BY_SDES,
        (false, true) => BY_DTLS,
        (true, true) => BY_EITHER,
        (false, false) => BY_NOTHING,
    };
    (terms.secrecy == Secrecy::Required).then_some(Refusal::SealedOnly(wanted))
}
