//! What must never reach a log: call numbers, messages, session descriptions. Their `Debug` shows no content.

use std::fmt;
use std::ops::Deref;

/// A call number: exactly six ASCII digits, which a telephone caller keys in (10.2, 10.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallNumber([u8; CallNumber::DIGITS]);

/// The text is not six ASCII digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a call number is exactly six digits")]
pub struct NotACallNumber;

impl CallNumber {
    /// How many digits a call number has.
    pub const DIGITS: usize = 6;

    /// Reads six ASCII digits.
    ///
    /// # Errors
    /// [`NotACallNumber`] for every other text.
    pub fn parse(text: &str) -> Result<Self, NotACallNumber> {
        let digits: [u8; Self::DIGITS] = text.as_bytes().try_into().map_err(|_| NotACallNumber)?;
        if digits.iter().all(u8::is_ascii_digit) {
            Ok(Self(digits))
        } else {
            Err(NotACallNumber)
        }
    }

    /// The number of a JSON integer: decimal, left-padded with zeros to six (10.3). `None` above 999999.
    #[must_use]
    pub fn from_integer(value: u64) -> Option<Self> {
        Self::parse(&format!("{value:06}")).ok()
    }

    /// The six digits, for the wire. Never for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        // Only ASCII digits can be inside.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for CallNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallNumber(******)")
    }
}

/// A message or a session description: telephone and call numbers, chat and keys may be in it. `Debug` shows its length.
#[derive(Clone, PartialEq, Eq)]
pub struct Unshown(String);

impl Unshown {
    /// The text, for the wire. Never for a log.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

impl From<String> for Unshown {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Deref for Unshown {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Unshown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_call_numbers_nor_messages() {
        let number = CallNumber::parse("993627").unwrap();
        assert_eq!(format!("{number:?}"), "CallNumber(******)");
        assert_eq!(format!("{:?}", Unshown::from("993627".to_owned())), "(6 bytes)");
    }

    #[test]
    fn a_call_number_is_six_ascii_digits() {
        assert_eq!(CallNumber::parse("012345").unwrap().expose(), "012345");
        for text in ["", "12345", "1234567", "12345a", "١٢٣", " 12345"] {
            assert!(CallNumber::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_integer_call_number_gets_its_leading_zeros_back() {
        assert_eq!(CallNumber::from_integer(12_345).unwrap().expose(), "012345");
        assert!(CallNumber::from_integer(1_000_000).is_none());
    }
}
