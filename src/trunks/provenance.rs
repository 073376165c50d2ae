//! What is said of a caller's number, beside the number: whether the network has verified it, and whether it is from abroad.

use super::Trunk;
use super::identity::Caller;
use crate::calls::Provenance;
use omnigate_number::PhoneNumber;
use omnigate_sip::message::{Headers, Name, NameAddr, Params, UriParts};

/// Longest word of a network that is kept, characters.
const WORD: usize = 64;

impl Trunk {
    /// What an INVITE with these header fields, of this caller, says of its number.
    pub fn provenance(&self, headers: &Headers, caller: &Caller) -> Provenance {
        let all = headers.list(Name::PAssertedIdentity).filter_map(NameAddr::parse);
        let mut all = all.chain(headers.address(Name::From));
        Provenance {
            verstat: all.find_map(verstat),
            foreign: Some(matches!(caller, Caller::Known(number) if self.is_foreign(number))),
        }
    }

    fn is_foreign(&self, number: &str) -> bool {
        let mut prefixes = self.foreign_prefixes.iter();
        let global = prefixes.find_map(|prefix| number.strip_prefix(prefix.as_str()));
        let global = global.map(|rest| format!("+{rest}"));
        let number = PhoneNumber::parse(global.as_deref().unwrap_or(number), self.country);
        number.is_some_and(|number| !self.country.has(&number))
    }
}

/// It stands behind the number, or behind the address.
fn verstat(address: NameAddr<'_>) -> Option<String> {
    let of = |params: Params<'_>| params.get("verstat").map(str::to_owned);
    let found = match address.parts() {
        UriParts::Sip(uri) => {
            let behind = uri.user.and_then(|user| user.split_once(';'));
            behind
                .and_then(|(_, params)| of(Params::new(params)))
                .or_else(|| of(uri.params))
        }
        UriParts::Tel { params, .. } => of(params),
        _ => None,
    };
    let is_word = |word: &String| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=WORD).contains(&word.len()) && word.bytes().all(letter)
    };
    found.or_else(|| of(address.params)).filter(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;
    use crate::trunks::Trunks;

    fn provenance(settings: &str, fields: &[(Name, &str)]) -> Provenance {
        let toml = format!("[[trunk]]\nname = \"t\"\n{settings}\n");
        let trunks = Trunks::new(&load_text(&toml, []).unwrap());
        let mut headers = Headers::default();
        for (name, value) in fields {
            headers.push(*name, value);
        }
        let trunk = &trunks.all[0];
        trunk.provenance(&headers, &trunk.caller(&headers))
    }

    #[test]
    fn the_networks_word_on_a_number_is_read_wherever_it_stands() {
        for address in [
            "<sip:+821011112222;verstat=TN-Validation-Passed@c>",
            "<tel:+821011112222;verstat=TN-Validation-Passed>",
            "<sip:+821011112222@c;verstat=TN-Validation-Passed>",
            "<sip:+821011112222@c>;verstat=TN-Validation-Passed",
        ] {
            for name in [Name::PAssertedIdentity, Name::From] {
                let said = provenance("", &[(name, address)]).verstat;
                assert_eq!(said.as_deref(), Some("TN-Validation-Passed"), "{address}");
            }
        }
        let asserted = "<sip:1@c;verstat=TN-Validation-Failed>";
        let both = [
            (Name::From, "<sip:1@c;verstat=No-TN-Validation>"),
            (Name::PAssertedIdentity, asserted),
        ];
        assert_eq!(
            provenance("", &both).verstat.as_deref(),
            Some("TN-Validation-Failed")
        );
        for none in ["<sip:1@c>", "<sip:1@c;verstat>", "<sip:1@c;verstat=%0d%0a>"] {
            assert_eq!(provenance("", &[(Name::From, none)]).verstat, None, "{none}");
        }
    }

    #[test]
    fn a_number_from_abroad_is_told_by_its_prefix_or_its_country_code() {
        let foreign = |settings: &str, number: &str| {
            let from = format!("<sip:{number}@c>");
            provenance(settings, &[(Name::From, &from)]).foreign == Some(true)
        };
        for number in ["+12125550100", "00112125550100", "0070012125550100"] {
            assert!(foreign("", number), "{number}");
        }
        for number in [
            "01011112222",
            "+821011112222",
            "001821011112222",
            "1588",
            "anonymous",
        ] {
            assert!(!foreign("", number), "{number}");
        }
        // What the trunk says stands before what is dialled.
        let prefix = "foreign_prefixes = [\"099\"]";
        assert!(foreign(prefix, "09912125550100"));
        assert!(!foreign(prefix, "099821011112222"));
        assert!(!foreign("", "09912125550100"));
    }
}
