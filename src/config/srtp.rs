//! `trunk.srtp`, `trunk.srtp_keys`

use super::faults::Faults;
use super::section::{Word, values, word, words};
use omnigate_sip::sdes::Secrecy;
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

/// What is wrong with a list of them.
pub(super) fn check_keys(keys: &[SrtpKeys], path: &str, faults: &mut Faults) {
    if keys.is_empty() {
        faults.add(
            path,
            "is empty: nothing could be sealed; name at least one, as [\"sdes\", \"dtls\"]",
        );
    }
    for (i, key) in keys.iter().enumerate() {
        if keys.iter().take(i).any(|other| other == key) {
            faults.add(path, format!("`{key}` occurs twice"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SrtpKeys;
    use crate::config::{load_text, warnings};

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
}
