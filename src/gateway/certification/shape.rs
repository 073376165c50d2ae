//! How a number is written on the wire.

use omnigate_number::Country;
use std::fmt;

/// Longest number without an area: emergency, representative and short numbers.
const SHORT: usize = 8;

/// The shape of a number, without the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `+8221234567`.
    Plus,
    /// `8221234567`.
    E164,
    /// `82021234567`: country code, and the national prefix after it.
    Prefixed,
    /// `021234567`.
    National,
    /// `21234567`: neither country code nor prefix.
    Bare,
    /// `00700…`: a prefix that says that it is from abroad.
    Foreign,
    /// No more digits than a short number has.
    Short,
    /// The caller's number is withheld.
    Anonymous,
    /// No number at all: the name of an account.
    Name,
}

impl Shape {
    /// The shape of what stands in the user part of an address.
    pub(super) fn of(user: &str, country: Country) -> Shape {
        let user = user.split(';').next().unwrap_or_default();
        let digits: String = user
            .chars()
            .filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' '))
            .collect();
        if ["anonymous", "unavailable", "restricted"]
            .iter()
            .any(|one| digits.eq_ignore_ascii_case(one))
        {
            return Shape::Anonymous;
        }
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if let Some(rest) = digits.strip_prefix('+') {
            return if is_number(rest) { Shape::Plus } else { Shape::Name };
        }
        if !is_number(&digits) {
            return Shape::Name;
        }
        if country
            .international
            .iter()
            .any(|prefix| digits.starts_with(prefix))
            && digits.len() > SHORT
        {
            return Shape::Foreign;
        }
        let prefix = country.trunk_prefix;
        let behind = digits.strip_prefix(country.calling_code);
        match behind {
            Some(rest)
                if digits.len() > SHORT
                    && !prefix.is_empty()
                    && prefix != country.calling_code
                    && rest.starts_with(prefix) =>
            {
                Shape::Prefixed
            }
            _ if !prefix.is_empty() && prefix != country.calling_code && digits.starts_with(prefix) => {
                Shape::National
            }
            _ if digits.len() <= SHORT => Shape::Short,
            Some(_) => Shape::E164,
            None => Shape::Bare,
        }
    }

    /// The value of `trunk.number_format` that writes numbers so, if there is one.
    pub(super) fn format(self) -> Option<&'static str> {
        match self {
            Shape::Plus => Some("plus"),
            Shape::E164 => Some("e164"),
            Shape::Prefixed => Some("prefixed"),
            Shape::National => Some("national"),
            _ => None,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shape::Plus => "E.164 with a plus",
            Shape::E164 => "E.164 without a plus",
            Shape::Prefixed => "country code and national prefix, as 820…",
            Shape::National => "national",
            Shape::Bare => "without country code and prefix",
            Shape::Foreign => "with an international prefix, as 00X…",
            Shape::Short => "a short number",
            Shape::Anonymous => "withheld",
            Shape::Name => "no number",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_every_usual_notation_has_its_shape() {
        for (text, shape) in [
            ("+8224807140", Shape::Plus),
            ("8224807140", Shape::E164),
            ("82024807140", Shape::Prefixed),
            ("024807140", Shape::National),
            ("070-1234-5678", Shape::National),
            ("1012345678", Shape::Bare),
            ("0070012125550100", Shape::Foreign),
            ("15881234", Shape::Short),
            ("119", Shape::Short),
            ("anonymous", Shape::Anonymous),
            ("account99", Shape::Name),
            ("", Shape::Name),
        ] {
            assert_eq!(Shape::of(text, Country::korea()), shape, "{text}");
        }
        let american = Country::find("US").unwrap();
        assert_eq!(Shape::of("12125550100", american), Shape::E164);
    }
}
