//! A warning: keys of sealed media that stand in SIP which everybody can read.

use super::faults::Faults;
use super::sip::{SipListen, SipTransport};
use super::srtp::SrtpKeys;
use super::trunk::Trunk;
use omnigate_sip::sdes::Secrecy;

/// Keys stand in the signalling: whoever reads that can open the media.
pub(super) fn warn(trunks: &[Trunk], listen: &[SipListen], warnings: &mut Faults) {
    let listens = listen.iter().any(|one| one.transport == SipTransport::Tls);
    let says_keys = |trunk: &Trunk| trunk.srtp.0 != Secrecy::Off && trunk.srtp_keys.contains(&SrtpKeys::Sdes);
    for (i, trunk) in trunks.iter().enumerate().filter(|(_, trunk)| says_keys(trunk)) {
        let is_plain = |uri: &&String| {
            let uri = uri.to_ascii_lowercase();
            !uri.starts_with("sips:") && !uri.contains("transport=tls")
        };
        let plain = trunk
            .gateways
            .iter()
            .find(is_plain)
            .map(|gateway| format!("calls out to {gateway}"));
        let plain = plain.or_else(|| (!listens).then(|| "calls in".to_owned()));
        if let Some(plain) = plain {
            warnings.add(
                &format!("trunk[{i}].srtp"),
                format!("the keys of {plain} stand in SIP that is not encrypted: whoever reads it can hear the calls; use TLS"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{load_text, warnings};

    fn told(trunk: &str) -> Vec<String> {
        let settings = load_text(&format!("[[trunk]]\n{trunk}"), []).unwrap();
        let all = warnings(&settings).into_iter();
        all.filter(|one| one.key == "trunk[0].srtp")
            .map(|one| one.message)
            .collect()
    }

    #[test]
    fn keys_in_plain_signalling_are_warned_of_and_a_wrong_word_names_the_right_ones() {
        assert!(told("").is_empty() && told("srtp = \"off\"").is_empty());
        assert!(told("srtp = \"required\"\nsrtp_keys = [\"dtls\"]").is_empty());
        for word in ["optional", "required"] {
            let all = told(&format!("srtp = \"{word}\""));
            assert!(all[0].contains("keys of calls in stand in SIP"), "{all:?}");
        }
        for gateway in [
            "sip:gw.example;transport=tls",
            "sips:gw.example",
            "SIPS:gw.example",
        ] {
            let all = told(&format!("srtp = \"required\"\ngateways = [\"{gateway}\"]"));
            assert!(all[0].contains("keys of calls in"), "{gateway}: {all:?}");
        }
        let all = told("srtp = \"required\"\ngateways = [\"sip:gw.example\"]");
        assert!(all[0].contains("keys of calls out to sip:gw.example"), "{all:?}");
        let faults = load_text("[[trunk]]\nsrtp = \"yes\"", []).unwrap_err();
        let fault = faults.0[0].to_string();
        assert!(
            fault.contains("trunk[0].srtp") && fault.contains("is not off, optional or required"),
            "{fault}"
        );
    }
}
