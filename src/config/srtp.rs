//! `trunk.srtp`, `trunk.srtp_keys`, `trunk.srtp_suites`

use super::faults::Faults;
use super::section::{Word, join, values, word, words};
use omnigate_sip::sdes::Secrecy;
use omnigate_srtp::Suite;
use std::fmt;
use std::str::FromStr;

/// Whether the media of a trunk are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Srtp(pub Secrecy);

values! { word; Srtp }

impl Word for Srtp {
    fn parse(text: &str) -> Result<Srtp, String> {
        Ok(Srtp(match text {
            "off" => Secrecy::Off,
            "optional" => Secrecy::Optional,
            "required" => Secrecy::Required,
            _ => return Err(format!("`{text}` is not off, optional or required")),
        }))
    }
}

impl FromStr for Srtp {
    type Err = String;

    fn from_str(text: &str) -> Result<Srtp, String> {
        Word::parse(text)
    }
}

/// How the keys of sealed media come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SrtpKeys {
    /// Said in SDP.
    Sdes,
    /// By a DTLS handshake in the media's path.
    Dtls,
}

values! { words; Vec<SrtpKeys> }

impl fmt::Display for SrtpKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SrtpKeys::Sdes => "sdes",
            SrtpKeys::Dtls => "dtls",
        })
    }
}

impl Word for SrtpKeys {
    fn parse(text: &str) -> Result<SrtpKeys, String> {
        match text {
            "sdes" => Ok(SrtpKeys::Sdes),
            "dtls" => Ok(SrtpKeys::Dtls),
            _ => Err(format!("`{text}` is neither sdes nor dtls")),
        }
    }
}

impl FromStr for SrtpKeys {
    type Err = String;

    fn from_str(text: &str) -> Result<SrtpKeys, String> {
        Word::parse(text)
    }
}

/// A suite whose keys are said in SDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SrtpSuite(pub Suite);

values! { words; Vec<SrtpSuite> }

impl fmt::Display for SrtpSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl Word for SrtpSuite {
    fn parse(text: &str) -> Result<SrtpSuite, String> {
        Suite::named(text).map(SrtpSuite).ok_or_else(|| {
            let all = Suite::IN_SDP.map(Suite::name).join(", ");
            format!("`{text}` is none of {all}")
        })
    }
}

/// What is wrong with a list of ways or suites.
pub(super) fn check_list<T: PartialEq + fmt::Display>(key: &str, all: &[T], path: &str, faults: &mut Faults) {
    let key = &join(path, key);
    if all.is_empty() {
        faults.add(
            key,
            "is empty: nothing could be sealed; name at least one, or leave the line out",
        );
    }
    for (i, one) in all.iter().enumerate() {
        if all.iter().take(i).any(|other| other == one) {
            faults.add(key, format!("`{one}` occurs twice"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SrtpKeys, SrtpSuite};
    use crate::config::{load_text, warnings};
    use omnigate_srtp::Suite;

    #[test]
    fn keys_come_in_an_order_and_a_list_of_no_use_names_the_fix() {
        let keys = |line: &str| {
            load_text(&format!("[[trunk]]\n{line}"), []).map(|all| all.trunk[0].srtp_keys.clone())
        };
        assert_eq!(keys("").unwrap(), [SrtpKeys::Sdes]);
        assert_eq!(keys("srtp_keys = \"dtls\"").unwrap(), [SrtpKeys::Dtls]);
        let both = keys("srtp_keys = [\"dtls\", \"sdes\"]").unwrap();
        assert_eq!(both, [SrtpKeys::Dtls, SrtpKeys::Sdes]);
        for (srtp, told) in [("off", true), ("optional", false)] {
            let line = format!("[[trunk]]\nsrtp = \"{srtp}\"\nsrtp_keys = [\"dtls\"]");
            let all = warnings(&load_text(&line, []).unwrap());
            let of_keys = all.iter().find(|one| one.key == "trunk[0].srtp_keys");
            assert_eq!(of_keys.is_some(), told, "{srtp}");
        }
        for (line, fault) in [
            (
                "srtp_keys = []",
                "is empty: nothing could be sealed; name at least one",
            ),
            ("srtp_keys = [\"sdes\", \"sdes\"]", "`sdes` occurs twice"),
            ("srtp_keys = [\"zrtp\"]", "`zrtp` is neither sdes nor dtls"),
        ] {
            let faults = keys(line).unwrap_err();
            let told = faults.0[0].to_string();
            assert!(
                told.contains("trunk[0].srtp_keys") && told.contains(fault),
                "{told}"
            );
        }
    }

    #[test]
    fn suites_are_those_of_sdp_by_their_names_there() {
        let suites = |line: &str| {
            load_text(&format!("[[trunk]]\nsrtp_suites = {line}"), [])
                .map(|all| all.trunk[0].srtp_suites.clone())
        };
        let one = suites("\"aes_cm_128_hmac_sha1_80\"").unwrap();
        assert_eq!(one, [SrtpSuite(Suite::AesCm128HmacSha1_80)]);
        for (line, fault) in [
            (
                "[\"AES_CM_128_HMAC_SHA1_32\"]",
                "is none of AEAD_AES_128_GCM, AES_CM_128_HMAC_SHA1_80",
            ),
            ("[]", "is empty"),
        ] {
            let told = suites(line).unwrap_err().0[0].to_string();
            assert!(
                told.contains("trunk[0].srtp_suites") && told.contains(fault),
                "{told}"
            );
        }
    }
}
