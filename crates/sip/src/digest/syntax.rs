//! Challenges and credentials as raw text (RFC 3261 section 25.1, RFC 7235 section 2.1).
//!
//! `Digest realm="a", nonce="b", Digest realm="c"`: commas separate parameters and also challenges, so a scheme is told from
//! a parameter by what follows its first word.

/// One scheme with its parameters, unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scheme<'a> {
    pub(super) name: &'a str,
    params: Vec<(&'a str, &'a str)>,
}

impl<'a> Scheme<'a> {
    /// The value of a parameter, by its name in any case: what stands between its quotes, escapes and all.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.params.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| *value)
    }

    /// True when a parameter stands there twice: then nobody knows what is meant.
    pub(super) fn is_ambiguous(&self) -> bool {
        let same = |i: usize, name: &str| {
            let mut before = self.params.iter().take(i);
            before.any(|(n, _)| n.eq_ignore_ascii_case(name))
        };
        self.params.iter().enumerate().any(|(i, (name, _))| same(i, name))
    }
}

/// All schemes of a field's value. What cannot be read is left out.
pub(super) fn schemes(text: &str) -> Vec<Scheme<'_>> {
    let mut out: Vec<Scheme<'_>> = Vec::new();
    for element in elements(text) {
        let end = element.find(['=', ' ', '\t']).unwrap_or(element.len());
        let (word, rest) = element.split_at_checked(end).unwrap_or((element, ""));
        let rest = rest.trim_start();
        let param = match rest.strip_prefix('=') {
            Some(value) => Some((word, value)),
            None => {
                out.push(Scheme {
                    name: word,
                    params: Vec::new(),
                });
                rest.split_once('=')
            }
        };
        if let (Some((name, value)), Some(scheme)) = (param, out.last_mut()) {
            scheme.params.push((name.trim(), unquoted(value.trim())));
        }
    }
    out
}

/// The text between quotes, or the token.
fn unquoted(text: &str) -> &str {
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    inner.unwrap_or(text)
}

/// The parts between commas that stand outside of quotes.
fn elements(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(move |c| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' => return !quoted,
            _ => {}
        }
        false
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}
