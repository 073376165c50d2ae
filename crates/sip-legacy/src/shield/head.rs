//! A forgiving reading of a message's head, and its careful rewriting.

use super::limits::{MAX_HEADERS, MAX_LINE};

/// One header field after unfolding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Lower-case long name.
    pub name: String,
    /// Value without outer white space; folded lines are joined by one space.
    pub value: String,
}

/// Start line and header fields of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The start line as received.
    pub start: String,
    /// Header fields in order.
    pub fields: Vec<Field>,
    /// Bytes of the head with its empty line.
    pub length: usize,
}

impl Head {
    /// Reads up to the empty line. Lines may end in CRLF or LF; bytes that are not UTF-8 are replaced.
    pub fn parse(message: &[u8]) -> Result<Head, &'static str> {
        let length = head_length(message).ok_or("no empty line after the headers")?;
        let head = message.get(..length).unwrap_or_default();
        let text = String::from_utf8_lossy(head);
        let mut lines = text.split('\n').map(|l| l.strip_suffix('\r').unwrap_or(l));
        let start = lines.next().unwrap_or("").to_owned();
        let mut fields: Vec<Field> = Vec::new();
        for line in lines {
            if line.is_empty() {
                continue;
            }
            if line.starts_with([' ', '\t']) {
                let last = fields.last_mut().ok_or("folded line before any header")?;
                if last.value.len() + line.len() > MAX_LINE {
                    return Err("header line is too long");
                }
                if !last.value.is_empty() {
                    last.value.push(' ');
                }
                last.value.push_str(line.trim());
                continue;
            }
            if fields.len() >= MAX_HEADERS {
                return Err("too many headers");
            }
            if line.len() > MAX_LINE {
                return Err("header line is too long");
            }
            let (name, value) = line.split_once(':').ok_or("header line without a colon")?;
            fields.push(Field {
                name: long_name(name.trim()),
                value: value.trim().replace('\0', " "),
            });
        }
        for f in &mut fields {
            tidy(f);
        }
        Ok(Head {
            start: start.replace('\0', "%00"),
            fields,
            length,
        })
    }

    /// True when the start line is a status line.
    pub fn is_response(&self) -> bool {
        self.start
            .get(..4)
            .is_some_and(|s| s.eq_ignore_ascii_case("SIP/"))
    }

    /// Method of a request.
    pub fn method(&self) -> &str {
        self.start.split([' ', '\t']).next().unwrap_or("")
    }

    /// Values of the fields called `name` (lower-case long form).
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |f| f.name == name)
            .map(|f| f.value.as_str())
    }

    /// Content-Length: absent, a number, or malformed.
    pub fn content_length(&self) -> Option<Result<usize, ()>> {
        self.all("content-length").next().map(|v| {
            if v.is_empty() || v.len() > 9 || !v.bytes().all(|b| b.is_ascii_digit()) {
                return Err(());
            }
            v.parse().map_err(|_| ())
        })
    }

    /// Writes the message again with one clean line a field and a true Content-Length.
    pub fn write(&self, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.length + body.len() + 32);
        out.extend_from_slice(start_line(&self.start).as_bytes());
        out.extend_from_slice(b"\r\n");
        for f in self.fields.iter().filter(|f| f.name != "content-length") {
            out.extend_from_slice(format!("{}: {}\r\n", canonical(&f.name), f.value).as_bytes());
        }
        out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        out.extend_from_slice(body);
        out
    }
}

/// Bytes up to and with the first empty line.
pub(crate) fn head_length(message: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    for (i, b) in message.iter().enumerate() {
        if *b != b'\n' {
            continue;
        }
        let line = message.get(line_start..i)?;
        if line_start > 0 && matches!(line, b"" | b"\r") {
            return Some(i + 1);
        }
        line_start = i + 1;
    }
    None
}

fn start_line(start: &str) -> String {
    let trimmed = start.trim_end();
    match trimmed.rsplit_once(' ') {
        Some((rest, version)) if version.eq_ignore_ascii_case("SIP/2.0") => format!("{rest} SIP/2.0"),
        _ => trimmed.to_owned(),
    }
}

/// RFC 3261 section 7.3.3 and the registry of compact forms.
fn long_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let long = match lower.as_str() {
        "v" => "via",
        "f" => "from",
        "t" => "to",
        "i" => "call-id",
        "m" => "contact",
        "l" => "content-length",
        "c" => "content-type",
        "e" => "content-encoding",
        "s" => "subject",
        "k" => "supported",
        "o" => "event",
        "r" => "refer-to",
        "b" => "referred-by",
        "u" => "allow-events",
        "x" => "session-expires",
        _ => return lower,
    };
    long.to_owned()
}

/// The usual spelling of a lower-case name.
pub(crate) fn canonical(name: &str) -> String {
    match name {
        "call-id" => return "Call-ID".into(),
        "cseq" => return "CSeq".into(),
        "rseq" => return "RSeq".into(),
        "rack" => return "RAck".into(),
        "www-authenticate" => return "WWW-Authenticate".into(),
        "mime-version" => return "MIME-Version".into(),
        "min-se" => return "Min-SE".into(),
        "remote-party-id" => return "Remote-Party-ID".into(),
        _ => {}
    }
    name.split('-')
        .map(|part| {
            let mut chars = part.chars();
            chars
                .next()
                .map(|c| c.to_ascii_uppercase().to_string() + chars.as_str())
                .unwrap_or_default()
        })
        .collect::<Vec<_>>()
        .join("-")
}

/// White space that the grammar allows around separators, taken out where the parser stumbles over it.
fn tidy(f: &mut Field) {
    match f.name.as_str() {
        "via" => f.value = squeeze(&f.value, &[';', '=', '/', ',']),
        "from" | "to" | "contact" | "route" | "record-route" | "p-asserted-identity" | "remote-party-id" => {
            f.value = squeeze(&f.value, &[';', '=']);
        }
        "cseq" | "content-type" => f.value = squeeze(&f.value, &[';', '=', '/']),
        _ => {}
    }
}

/// Collapses white space outside quotes and angle brackets to one space, and to none beside `separators`.
fn squeeze(value: &str, separators: &[char]) -> String {
    let mut out = String::with_capacity(value.len());
    let (mut quoted, mut escaped, mut depth, mut gap) = (false, false, 0u32, false);
    for c in value.chars() {
        if quoted || depth > 0 {
            out.push(c);
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                '>' if !quoted => depth = depth.saturating_sub(1),
                _ => {}
            }
            continue;
        }
        if c == ' ' || c == '\t' {
            gap = true;
            continue;
        }
        let beside = separators.contains(&c) || out.chars().last().is_none_or(|l| separators.contains(&l));
        if gap && !beside {
            out.push(' ');
        }
        gap = false;
        match c {
            '"' => quoted = true,
            '<' => depth += 1,
            _ => {}
        }
        out.push(c);
    }
    out
}
