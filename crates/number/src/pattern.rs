//! Which numbers somebody takes: one, or all that begin alike.

use crate::{Country, PhoneNumber, mask};
use std::fmt;

/// A telephone number in any usual notation, or its beginning and a `*`. Shown masked.
#[derive(Clone, PartialEq, Eq)]
pub enum NumberPattern {
    /// This number.
    One(PhoneNumber),
    /// All whose E.164 digits begin so.
    Beginning(String),
}

impl NumberPattern {
    /// Reads `070-1234-5678` or `0701234*`, in a numbering plan. `None` when it is neither.
    pub fn parse(text: &str, country: Country) -> Option<NumberPattern> {
        let number = PhoneNumber::parse(text.trim_end_matches('*'), country)?;
        Some(match text.strip_suffix('*') {
            Some(beginning) => NumberPattern::Beginning(digits_of_beginning(beginning, country)),
            None => NumberPattern::One(number),
        })
    }

    /// Whether `number` is one of them.
    pub fn takes(&self, number: &PhoneNumber) -> bool {
        match self {
            NumberPattern::One(one) => one == number,
            NumberPattern::Beginning(digits) => number.digits().starts_with(digits.as_str()),
        }
    }

    /// How many digits it says: the more, the closer it is.
    pub fn digits(&self) -> usize {
        match self {
            NumberPattern::One(number) => number.digits().len(),
            NumberPattern::Beginning(digits) => digits.len(),
        }
    }

    /// Whether there is a number that both take.
    pub fn overlaps(&self, other: &NumberPattern) -> bool {
        use NumberPattern::{Beginning, One};
        match (self, other) {
            (One(number), _) => other.takes(number),
            (_, One(number)) => self.takes(number),
            (Beginning(a), Beginning(b)) => a.starts_with(b.as_str()) || b.starts_with(a.as_str()),
        }
    }
}

impl fmt::Display for NumberPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NumberPattern::One(number) => write!(f, "{number}"),
            NumberPattern::Beginning(digits) => write!(f, "{}*", mask(digits)),
        }
    }
}

impl fmt::Debug for NumberPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NumberPattern({self})")
    }
}

/// A written beginning in E.164 digits: `070` in Korea is `8270`. Too short to tell what a whole number would.
fn digits_of_beginning(text: &str, country: Country) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if text.trim_start().starts_with('+') {
        return digits;
    }
    match digits.strip_prefix(country.trunk_prefix) {
        Some(rest) if !country.trunk_prefix.is_empty() => format!("{}{rest}", country.calling_code),
        _ => digits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> NumberPattern {
        NumberPattern::parse(text, Country::korea()).unwrap()
    }

    fn takes(text: &str, number: &str) -> bool {
        pattern(text).takes(&PhoneNumber::parse(number, Country::korea()).unwrap())
    }

    #[test]
    fn a_number_and_a_beginning_take_every_spelling() {
        assert!(takes("070-1234-5678", "+82 70 1234 5678"));
        assert!(takes("0701234*", "+82 70 1234 5678"));
        assert!(takes("+8270*", "07012345678"));
        assert!(!takes("0701235*", "07012345678"));
        assert_eq!(NumberPattern::parse("alice", Country::korea()), None);
        assert_eq!(NumberPattern::parse("*", Country::korea()), None);
    }

    #[test]
    fn patterns_overlap_when_one_number_fits_both() {
        let overlap = |a: &str, b: &str| {
            assert_eq!(pattern(a).overlaps(&pattern(b)), pattern(b).overlaps(&pattern(a)));
            pattern(a).overlaps(&pattern(b))
        };
        assert!(overlap("070-1234-5678", "+827012345678"));
        assert!(overlap("0701234*", "07012345678"));
        assert!(overlap("070*", "0701234*"));
        assert!(!overlap("0701234*", "0701235*"));
        assert!(!overlap("07012345678", "07012345679"));
    }

    #[test]
    fn no_digits_are_shown() {
        let shown = format!("{} {:?}", pattern("070-1234-5678"), pattern("07012345*"));
        assert!(!shown.contains("1234"), "{shown}");
    }
}
