//! Telephone numbers in E.164 form.
//!
//! Carriers write one number in many ways (`070-1234-5678`, `+82-70-1234-5678`, `tel:+827012345678`,
//! `00827012345678`). Both sides of every comparison are brought to E.164 digits first.

mod pattern;

pub use pattern::NumberPattern;

use std::fmt;

/// Longest number accepted, digits (E.164 allows 15; short codes and extensions are shorter).
pub const MAX_DIGITS: usize = 20;

/// A national numbering plan, as far as normalisation needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country {
    /// ISO 3166 code, upper case.
    pub code: &'static str,
    /// Country calling code, digits.
    pub calling_code: &'static str,
    /// National (trunk) prefix, digits; empty when the plan has none.
    pub trunk_prefix: &'static str,
    /// International access prefixes, longest first.
    pub international: &'static [&'static str],
    /// Numbers of police, ambulance, fire brigade, coast guard and other lines for emergencies.
    pub emergency: &'static [&'static str],
}

/// The plans that a trunk's `country` may name.
pub const COUNTRIES: &[Country] = &[
    Country {
        code: "KR",
        calling_code: "82",
        trunk_prefix: "0",
        international: &["00700", "00755", "001", "002", "005", "006", "008", "00"],
        emergency: &["110", "111", "112", "113", "117", "118", "119", "122", "125"],
    },
    Country {
        code: "US",
        calling_code: "1",
        trunk_prefix: "1",
        international: &["011"],
        emergency: &["911", "933", "988"],
    },
    Country {
        code: "JP",
        calling_code: "81",
        trunk_prefix: "0",
        international: &["010"],
        emergency: &["110", "118", "119"],
    },
    Country {
        code: "GB",
        calling_code: "44",
        trunk_prefix: "0",
        international: &["00"],
        emergency: &["112", "999"],
    },
    Country {
        code: "DE",
        calling_code: "49",
        trunk_prefix: "0",
        international: &["00"],
        emergency: &["110", "112"],
    },
    Country {
        code: "FR",
        calling_code: "33",
        trunk_prefix: "0",
        international: &["00"],
        emergency: &["15", "17", "18", "112", "114"],
    },
];

impl Country {
    /// The plan with ISO code `code`, in any case.
    pub fn find(code: &str) -> Option<Country> {
        COUNTRIES
            .iter()
            .copied()
            .find(|c| c.code.eq_ignore_ascii_case(code))
    }

    /// Whether a number calls for help: an emergency number, also behind an area code.
    pub fn is_emergency(&self, number: &PhoneNumber) -> bool {
        let digits = number.digits();
        let behind_area = |emergency: &&&str| {
            let area = digits.strip_suffix(**emergency).unwrap_or_default();
            !self.trunk_prefix.is_empty() && area.starts_with(self.trunk_prefix) && area.len() <= 3
        };
        self.emergency.contains(&digits)
            || (self.code == "KR" && self.emergency.iter().any(|one| behind_area(&one)))
    }

    /// Whether a number is one of this country, or a short one that is dialled within it.
    pub fn has(&self, number: &PhoneNumber) -> bool {
        let digits = number.digits();
        digits.len() <= 8 || digits.starts_with(self.calling_code)
    }

    /// South Korea, the default of a trunk.
    pub const fn korea() -> Country {
        COUNTRIES[0]
    }
}

/// A telephone number as E.164 digits without `+` where the plan allows it, else the digits as dialled
/// (short codes, extensions). `Debug` and `Display` are masked; [`PhoneNumber::digits`] is not.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Normalises what a SIP user part or a configuration holds. `None` when it is not a number
    /// (letters, empty, longer than [`MAX_DIGITS`]).
    pub fn parse(text: &str, country: Country) -> Option<PhoneNumber> {
        let text = text.trim();
        let text = strip_scheme(text);
        // RFC 3966 and RFC 3261 section 19.1.1: parameters of the user part follow a semicolon.
        let text = text.split(';').next().unwrap_or("");
        let (plus, text) = match text.strip_prefix('+').or_else(|| text.strip_prefix("%2B")) {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut digits = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '0'..='9' => digits.push(c),
                '-' | '.' | ' ' | '(' | ')' | '/' => {}
                _ => return None,
            }
        }
        if digits.is_empty() || digits.len() > MAX_DIGITS {
            return None;
        }
        Some(PhoneNumber(normalise(plus, digits, country)))
    }

    /// The digits, unmasked: for comparison and for the wire, never for logs.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// The number as subscribers of `country` write it: national prefix and rest, or `+` and all digits.
    pub fn national(&self, country: Country) -> String {
        match self.0.strip_prefix(country.calling_code) {
            Some(rest) if self.0.len() > 8 => format!("{}{rest}", country.trunk_prefix),
            _ if self.0.len() > 8 => format!("+{}", self.0),
            _ => self.0.clone(),
        }
    }
}

fn strip_scheme(text: &str) -> &str {
    for scheme in ["tel:", "sip:", "sips:"] {
        if let Some(head) = text.get(..scheme.len())
            && head.eq_ignore_ascii_case(scheme)
        {
            let rest = &text[scheme.len()..];
            return rest.split('@').next().unwrap_or(rest);
        }
    }
    text
}

fn normalise(plus: bool, digits: String, country: Country) -> String {
    let without_trunk_zero = |rest: &str| -> String {
        // "+82 (0)70 ..." keeps the national prefix by mistake: drop it.
        match rest.strip_prefix(country.trunk_prefix) {
            Some(r) if !country.trunk_prefix.is_empty() && country.trunk_prefix == "0" => r.to_owned(),
            _ => rest.to_owned(),
        }
    };
    let international = |all: &str| -> String {
        match all.strip_prefix(country.calling_code) {
            Some(rest) => format!("{}{}", country.calling_code, without_trunk_zero(rest)),
            None => all.to_owned(),
        }
    };
    if plus {
        return international(&digits);
    }
    // A reading that leads home is the right one: 0082… is 00 + 82, not the carrier code 008 + 2….
    let after = |access: &&&str| digits.strip_prefix(**access).filter(|rest| rest.len() >= 8);
    let home = country
        .international
        .iter()
        .filter_map(|a| after(&a))
        .find(|rest| rest.starts_with(country.calling_code));
    if let Some(rest) = home.or_else(|| country.international.iter().find_map(|a| after(&a))) {
        return international(rest);
    }
    if !country.trunk_prefix.is_empty()
        && let Some(rest) = digits.strip_prefix(country.trunk_prefix)
        && rest.len() >= 7
    {
        return format!("{}{rest}", country.calling_code);
    }
    if digits.starts_with(country.calling_code) && digits.len() >= country.calling_code.len() + 8 {
        return international(&digits);
    }
    digits
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask(&self.0))
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", mask(&self.0))
    }
}

/// Masks all but the first four and the last two characters; short texts wholly.
pub fn mask(text: &str) -> String {
    let n = text.chars().count();
    if n <= 7 {
        return "*".repeat(n);
    }
    text.chars()
        .enumerate()
        .map(|(i, c)| if i < 4 || i + 2 >= n { c } else { '*' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kr(text: &str) -> String {
        PhoneNumber::parse(text, Country::korea()).unwrap().0
    }

    #[test]
    fn every_spelling_of_a_070_number_is_the_same_number() {
        for text in [
            "07012345678",
            "070-1234-5678",
            "+82-70-1234-5678",
            "+827012345678",
            "827012345678",
            "+82(0)7012345678",
            "tel:+82-70-1234-5678",
            "sip:07012345678@carrier.example;user=phone",
            "00827012345678",
            "001827012345678",
            "%2B827012345678",
            "07012345678;phone-context=+82",
        ] {
            assert_eq!(kr(text), "827012345678", "{text}");
        }
    }

    #[test]
    fn short_codes_and_extensions_stay_as_they_are() {
        assert_eq!(kr("1000"), "1000");
        assert_eq!(kr("114"), "114");
        assert_eq!(kr("15881234"), "15881234");
    }

    #[test]
    fn foreign_numbers_keep_their_country() {
        assert_eq!(kr("+1 212 555 0100"), "12125550100");
        assert_eq!(
            PhoneNumber::parse("2125550100", Country::find("us").unwrap())
                .unwrap()
                .0,
            "2125550100"
        );
    }

    #[test]
    fn emergency_numbers_are_known_behind_an_area_code_too() {
        let is =
            |text: &str| Country::korea().is_emergency(&PhoneNumber::parse(text, Country::korea()).unwrap());
        assert!(is("112") && is("119") && is("122") && is("02119") && is("031-112"));
        assert!(!is("1588-0119") && !is("02-123-0119") && !is("114"));
    }

    #[test]
    fn a_number_belongs_to_its_country() {
        let has = |text: &str| Country::korea().has(&PhoneNumber::parse(text, Country::korea()).unwrap());
        assert!(has("02-123-4567") && has("1588-1234") && has("+82 10 1234 5678"));
        assert!(!has("+1 212 555 0100") && !has("001 81 3 1234 5678"));
    }

    #[test]
    fn names_are_not_numbers() {
        assert!(PhoneNumber::parse("alice", Country::korea()).is_none());
        assert!(PhoneNumber::parse("", Country::korea()).is_none());
        assert!(PhoneNumber::parse(&"1".repeat(21), Country::korea()).is_none());
    }

    #[test]
    fn a_number_never_shows_itself() {
        let n = PhoneNumber::parse("07012345678", Country::korea()).unwrap();
        assert_eq!(format!("{n}"), "8270******78");
        assert!(!format!("{n:?}").contains("827012345678"));
        assert_eq!(mask("993627"), "******");
    }
}
