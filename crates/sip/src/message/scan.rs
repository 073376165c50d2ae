//! What the grammar of RFC 3261 section 25 is made of: lists, parameters, quoted strings, tokens.

/// A control character that may not stand in a header field.
pub(crate) fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

/// `token` of the grammar.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// Where `wanted` first stands outside quoted strings and angle brackets.
pub(crate) fn find(text: &str, wanted: u8) -> Option<usize> {
    let mut state = Outside::default();
    text.bytes().position(|b| state.take(b) && b == wanted)
}

/// True when all quoted strings and angle brackets of `text` are closed.
pub(crate) fn is_balanced(text: &str) -> bool {
    let mut state = Outside::default();
    text.bytes().for_each(|b| {
        state.take(b);
    });
    !state.quoted && !state.bracketed
}

/// Whether a byte stands outside quotes and brackets.
#[derive(Default)]
struct Outside {
    quoted: bool,
    escaped: bool,
    bracketed: bool,
}

impl Outside {
    fn take(&mut self, byte: u8) -> bool {
        if self.quoted {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.quoted = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'>' => self.bracketed = false,
            _ if self.bracketed => return false,
            b'"' => self.quoted = true,
            b'<' => {
                self.bracketed = true;
                // The bracket itself is outside, so that it can be found.
                return true;
            }
            _ => return true,
        }
        false
    }
}

/// The parts of `text` between commas, trimmed; empty parts are left out.
pub fn list(text: &str) -> impl Iterator<Item = &str> {
    split(text, b',').filter(|part| !part.is_empty())
}

/// The parts of `text` between `separator`s outside quotes and brackets, trimmed.
pub(crate) fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let all = rest?;
        let part = match find(all, separator) {
            Some(at) => {
                rest = all.get(at + 1..);
                all.get(..at)?
            }
            None => {
                rest = None;
                all
            }
        };
        Some(part.trim())
    })
}

/// Parameters as they follow an address or value: `;name=value;flag`. The view reads; it checks nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Params<'a> {
    text: &'a str,
}

impl<'a> Params<'a> {
    /// Parameters behind semicolons; a leading one may stand or not.
    pub fn new(text: &'a str) -> Params<'a> {
        Params { text }
    }

    /// Names and values as they stand; a quoted value keeps its quotes.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        split(self.text, b';')
            .filter(|p| !p.is_empty())
            .map(|p| match find(p, b'=') {
                Some(at) => (
                    p.get(..at).unwrap_or_default().trim_end(),
                    p.get(at + 1..).map(str::trim_start),
                ),
                None => (p, None),
            })
    }

    /// Value of a parameter, by its name in any case: `Some("")` for a flag. Quotes are taken off; what is escaped within
    /// them stays so (see [`unquote`]).
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        let value = value.unwrap_or_default();
        Some(
            value
                .strip_prefix('"')
                .and_then(|v| v.strip_suffix('"'))
                .unwrap_or(value),
        )
    }

    /// True when the parameter is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// Resolves the escapes within a quoted string (RFC 3261 section 25.1 `quoted-pair`).
pub fn unquote(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out.into()
}

/// `text` as a quoted string.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(if c.is_ascii_control() { ' ' } else { c });
    }
    out.push('"');
    out
}

/// A decimal number as the grammar has it: digits alone.
pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let text = text.trim();
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_and_brackets_do_not_separate() {
        let value = r#""Bell, \"A\", Co" <sip:a@b?x=1,2>;x=1 ,, <sip:c>, sip:d"#;
        assert_eq!(
            list(value).collect::<Vec<_>>(),
            [r#""Bell, \"A\", Co" <sip:a@b?x=1,2>;x=1"#, "<sip:c>", "sip:d"]
        );
    }

    #[test]
    fn parameters_are_found_in_any_case_with_white_space_and_quotes() {
        let params = Params::new(r#"; Tag = 98asjd8 ;lr;text="a;b\"c=";q=0.33"#);
        assert_eq!(params.get("tag"), Some("98asjd8"));
        assert_eq!(params.get("LR"), Some(""));
        assert_eq!(params.get("text"), Some(r#"a;b\"c="#));
        assert_eq!(unquote(params.get("text").unwrap()), r#"a;b"c="#);
        assert_eq!(params.get("none"), None);
        assert_eq!(params.iter().count(), 4);
    }

    #[test]
    fn a_quoted_string_reads_as_what_was_quoted() {
        let text = r#"say "hi" \ all"#;
        let quoted = quote(text);
        assert_eq!(unquote(quoted.trim_matches('"')), text);
        assert!(is_balanced(&quoted));
    }

    #[test]
    fn what_is_left_open_is_not_balanced() {
        assert!(!is_balanced(r#""Mr. J. User <sip:j.user@example.com>"#));
        assert!(!is_balanced("<sip:a@b"));
        assert!(is_balanced(r#""a\"" <sip:a@b>;x="y""#));
    }

    #[test]
    fn numbers_are_digits_alone() {
        assert_eq!(number::<u32>(" 0068 "), Some(68));
        assert_eq!(number::<u32>("+1"), None);
        assert_eq!(number::<u32>(""), None);
        assert_eq!(number::<u32>("4294967296"), None);
    }
}
