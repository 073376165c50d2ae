//! A key of the telephone, which never shows itself in a log.

/// One of the sixteen keys. `Debug` and `Display` are masked: digits may be a PIN or a card number. Use
/// [`Key::char`] where the value is really needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Key {
    Zero,
    One,
    Two,
    Three,
    Four,
    Five,
    Six,
    Seven,
    Eight,
    Nine,
    Star,
    Pound,
    A,
    B,
    C,
    D,
}

impl Key {
    /// All keys in the order of their event codes.
    pub const ALL: [Key; 16] = [
        Key::Zero,
        Key::One,
        Key::Two,
        Key::Three,
        Key::Four,
        Key::Five,
        Key::Six,
        Key::Seven,
        Key::Eight,
        Key::Nine,
        Key::Star,
        Key::Pound,
        Key::A,
        Key::B,
        Key::C,
        Key::D,
    ];

    /// The key of an event code 0..=15 (RFC 4733 section 3.2).
    pub fn from_event(event: u8) -> Option<Self> {
        Self::ALL.get(usize::from(event)).copied()
    }

    /// The event code, 0..=15.
    pub const fn event(self) -> u8 {
        self as u8
    }

    /// The key of `0`..`9`, `*`, `#`, `A`..`D` or `a`..`d`.
    pub fn from_char(c: char) -> Option<Self> {
        match c {
            '0'..='9' => Self::from_event(c as u8 - b'0'),
            '*' => Some(Key::Star),
            '#' => Some(Key::Pound),
            'A'..='D' => Self::from_event(c as u8 - b'A' + 12),
            'a'..='d' => Self::from_event(c as u8 - b'a' + 12),
            _ => None,
        }
    }

    /// The character on the key, in clear: not for logs.
    pub const fn char(self) -> char {
        match self {
            Key::Star => '*',
            Key::Pound => '#',
            Key::A => 'A',
            Key::B => 'B',
            Key::C => 'C',
            Key::D => 'D',
            digit => (b'0' + digit as u8) as char,
        }
    }

    /// The digit's value, 0..=9, when it is a digit.
    pub const fn digit(self) -> Option<u8> {
        if (self as u8) < 10 { Some(self as u8) } else { None }
    }

    /// Row and column on a keypad of four by four.
    pub(super) const fn position(self) -> (usize, usize) {
        match self {
            Key::One => (0, 0),
            Key::Two => (0, 1),
            Key::Three => (0, 2),
            Key::A => (0, 3),
            Key::Four => (1, 0),
            Key::Five => (1, 1),
            Key::Six => (1, 2),
            Key::B => (1, 3),
            Key::Seven => (2, 0),
            Key::Eight => (2, 1),
            Key::Nine => (2, 2),
            Key::C => (2, 3),
            Key::Star => (3, 0),
            Key::Zero => (3, 1),
            Key::Pound => (3, 2),
            Key::D => (3, 3),
        }
    }

    pub(super) fn at(row: usize, column: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.position() == (row, column))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("*")
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("*")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_survives_its_event_code_its_character_and_its_place() {
        for (code, key) in Key::ALL.into_iter().enumerate() {
            assert!(key.event() == code as u8);
            assert!(Key::from_event(key.event()) == Some(key));
            assert!(Key::from_char(key.char()) == Some(key));
            let (row, column) = key.position();
            assert!(Key::at(row, column) == Some(key));
        }
        assert!(Key::from_event(16).is_none());
        assert!(Key::from_char('E').is_none());
        assert!(Key::from_char('c') == Some(Key::C));
    }

    #[test]
    fn no_way_of_formatting_shows_the_key() {
        for key in Key::ALL {
            assert_eq!(format!("{key} {key:?} {key:#?} {:?}", Some(key)), "* * * Some(*)");
        }
    }
}
