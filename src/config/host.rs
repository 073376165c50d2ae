//! Names of hosts (RFC 9110 section 7.2), as an operator allows them.

use std::fmt;
use std::str::FromStr;

/// `rooms.example.com`; `*.` before it stands for one label or more. In lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    /// Begins with a dot when it is the end of a name only.
    name: String,
}

/// Why a text is no [`HostPattern`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no name of a host; write it without scheme and port, as rooms.example.com or *.example.com")]
pub struct HostFault;

impl HostPattern {
    /// Whether a name, in lower case, without port and without a dot at its end, is meant.
    pub fn matches(&self, name: &str) -> bool {
        match self.name.strip_prefix('.') {
            None => name == self.name,
            Some(_) => name.len() > self.name.len() && name.ends_with(&self.name),
        }
    }
}

impl FromStr for HostPattern {
    type Err = HostFault;

    fn from_str(text: &str) -> Result<HostPattern, HostFault> {
        let text = text.to_ascii_lowercase();
        let name = text.strip_prefix('*').unwrap_or(&text);
        let bare = match text.starts_with('*') {
            true => name.strip_prefix('.').ok_or(HostFault)?,
            false => name,
        };
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let label = |label: &str| !label.is_empty() && label.chars().all(letter);
        if !bare.split('.').all(label) {
            return Err(HostFault);
        }
        Ok(HostPattern {
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wild = if self.name.starts_with('.') { "*" } else { "" };
        write!(f, "{wild}{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_itself_and_a_star_is_what_is_below_a_name() {
        let fits = |pattern: &str, name: &str| pattern.parse::<HostPattern>().unwrap().matches(name);
        assert!(fits("Rooms.example.com", "rooms.example.com"));
        assert!(!fits("rooms.example.com", "a.rooms.example.com"));
        assert!(fits("*.example.com", "a.b.example.com"));
        assert!(!fits("*.example.com", "example.com") && !fits("*.example.com", "evilexample.com"));
        for text in [
            "",
            "https://a.com",
            "a.com:80",
            "*",
            "*a.com",
            "a..b",
            "a.*.com",
            "[::1]",
        ] {
            assert_eq!(text.parse::<HostPattern>(), Err(HostFault), "{text}");
        }
    }
}
