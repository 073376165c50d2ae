//! Keys by a DTLS handshake in the media's own path: what a description says of it (RFC 5763, RFC 8122, RFC 4145).

use omnigate_srtp::{Fingerprint, FingerprintError, Role};
use sdp_types::Attribute;
use std::sync::Arc;

/// Attributes that speak of it.
const FINGERPRINT: &str = "fingerprint";
const SETUP: &str = "setup";
/// RTP and RTCP on one port (RFC 5761 section 5.1.1): one handshake for both.
const MUX: &str = "rtcp-mux";
/// Fingerprints that are read of a line, or of the session for it: there is one of each certificate and hash function.
const MOST: usize = 8;

/// Who may begin the handshake, from the side that wrote it (RFC 4145 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// The writer.
    Active,
    /// The other side.
    Passive,
    /// Either; the answer says which.
    ActPass,
    /// Nobody for now.
    HoldConn,
}

impl Setup {
    /// The value of the attribute.
    pub const fn name(self) -> &'static str {
        match self {
            Setup::Active => "active",
            Setup::Passive => "passive",
            Setup::ActPass => "actpass",
            Setup::HoldConn => "holdconn",
        }
    }

    /// What an answer of ours says.
    pub(crate) fn of(role: Role) -> Setup {
        match role {
            Role::Active => Setup::Active,
            Role::Passive => Setup::Passive,
        }
    }

    fn parse(value: &str) -> Option<Setup> {
        [Setup::Active, Setup::Passive, Setup::ActPass, Setup::HoldConn]
            .into_iter()
            .find(|setup| setup.name().eq_ignore_ascii_case(value.trim()))
    }
}

/// What both sides agreed on: who begins, and who the other side is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Association {
    /// Whether we begin.
    pub role: Role,
    /// The other side's certificate has one of these.
    pub fingerprints: Arc<[Fingerprint]>,
    /// The other side has proved to be there: we may begin, and the time for the handshake runs.
    pub due: bool,
}

/// What a line says of a handshake; what it does not say, the session says for it (RFC 8122 section 5, RFC 4145 section 4).
#[derive(Debug, Clone, Default)]
pub struct Handshaking {
    /// Those that are taken.
    pub fingerprints: Vec<Fingerprint>,
    /// Why one is not taken.
    pub refused: Option<FingerprintError>,
    /// Who begins.
    pub setup: Option<Setup>,
    /// RTCP may share the port of RTP.
    pub mux: bool,
}

impl Handshaking {
    pub(crate) fn read(line: &[Attribute], session: &[Attribute]) -> Handshaking {
        let mut read = Handshaking::default();
        let of_line = values(line, FINGERPRINT).next().is_some();
        let its = if of_line { line } else { session };
        for value in values(its, FINGERPRINT).take(MOST) {
            match Fingerprint::parse(value) {
                Ok(fingerprint) => read.fingerprints.push(fingerprint),
                Err(why) => read.refused = Some(why),
            }
        }
        let setup = values(line, SETUP).chain(values(session, SETUP)).next();
        read.setup = setup.and_then(Setup::parse);
        read.mux = line.iter().any(|one| one.attribute.eq_ignore_ascii_case(MUX));
        read
    }
}

fn values<'a>(attributes: &'a [Attribute], name: &str) -> impl Iterator<Item = &'a str> {
    attributes
        .iter()
        .filter(move |one| one.attribute.eq_ignore_ascii_case(name))
        .filter_map(|one| one.value.as_deref())
}

/// What our own line says of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Of our certificate.
    pub fingerprint: Fingerprint,
    /// Who begins.
    pub setup: Setup,
    /// RTCP shares the port of RTP.
    pub mux: bool,
}

impl Written {
    pub(crate) fn write(&self, line: &mut sdp_types::Media) {
        line.add_attribute_with_value(FINGERPRINT, self.fingerprint);
        line.add_attribute_with_value(SETUP, self.setup.name());
        if self.mux {
            line.add_attribute_from_str(MUX);
        }
    }
}
