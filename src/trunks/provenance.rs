//! What is said of a caller's number, beside the number: whether the network has verified it, and whether it is from abroad.

use super::Trunk;
use super::identity::Caller;
use crate::calls::Provenance;
use omnigate_number::PhoneNumber;
use omnigate_sip::message::{Headers, NameAddr, Params, UriParts};

/// Longest word of a network that is kept, characters.
const WORD: usize = 64;

impl Trunk {
    /// What an INVITE with these header fields, of this caller, says of its number.
    pub fn provenance(&self, headers: &Headers, caller: &Caller) -> Provenance {
        Provenance {
            verstat: self.caller_address(headers).and_then(verstat),
            foreign: match caller {
                Caller::Known(number) => self.is_foreign(number),
                Caller::Anonymous => None,
            },
        }
    }

    /// None: it is no number.
    fn is_foreign(&self, number: &str) -> Option<bool> {
        let prefixes = self.foreign_prefixes.iter();
        // The longest one that fits: 00700 before 00.
        let rest = prefixes.filter_map(|prefix| number.strip_prefix(prefix.as_str()));
        let global = rest.min_by_key(|rest| rest.len()).map(|rest| format!("+{rest}"));
        let number = PhoneNumber::parse(global.as_deref().unwrap_or(number), self.country)?;
        Some(!self.country.has(&number))
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
    use omnigate_sip::message::Name;

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
        // It is said of the number that is taken for the caller's, and of no other.
        let both = [
            (Name::From, "<sip:1@c;verstat=No-TN-Validation>"),
            (Name::PAssertedIdentity, "<sip:2@c;verstat=TN-Validation-Failed>"),
        ];
        let of = |settings: &str| provenance(settings, &both).verstat;
        assert_eq!(of("").as_deref(), Some("TN-Validation-Failed"));
        assert_eq!(of("caller_from = \"from\"").as_deref(), Some("No-TN-Validation"));
        let silent = [both[0], (Name::PAssertedIdentity, "<sip:2@c>")];
        assert_eq!(provenance("", &silent).verstat, None);
        for none in ["<sip:1@c>", "<sip:1@c;verstat>", "<sip:1@c;verstat=%0d%0a>"] {
            assert_eq!(provenance("", &[(Name::From, none)]).verstat, None, "{none}");
        }
    }

    #[test]
    fn a_number_from_abroad_is_told_by_its_prefix_or_its_country_code() {
        let foreign = |settings: &str, number: &str| {
            let from = format!("<sip:{number}@c>");
            provenance(settings, &[(Name::From, &from)]).foreign
        };
        for number in ["+12125550100", "00112125550100", "0070012125550100"] {
            assert_eq!(foreign("", number), Some(true), "{number}");
        }
        for number in ["01011112222", "+821011112222", "001821011112222", "1588"] {
            assert_eq!(foreign("", number), Some(false), "{number}");
        }
        for none in ["anonymous", "alice"] {
            assert_eq!(foreign("", none), None, "{none}");
        }
        // What the trunk says stands before what is dialled, the longest first.
        let prefixes = "foreign_prefixes = [\"09\", \"09900\"]";
        assert_eq!(foreign(prefixes, "0912125550100"), Some(true));
        assert_eq!(foreign(prefixes, "09900821011112222"), Some(false));
        assert_eq!(foreign("", "09912125550100"), Some(false));
    }
}
