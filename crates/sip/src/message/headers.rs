//! The header fields of a message: one text and an index into it, read or built.

use super::name::Name;
use super::scan;
use std::fmt::{self, Write};
use std::ops::Range;

/// Header fields in their order. Values are kept as they came, unfolded; typed views read them where they are needed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// Names and values one after the other.
    text: String,
    fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    known: Option<Name>,
    /// The name as written.
    name: Range<usize>,
    value: Range<usize>,
}

impl Headers {
    /// No fields; room for `text` bytes in `fields` fields.
    pub fn with_capacity(fields: usize, text: usize) -> Headers {
        Headers {
            text: String::with_capacity(text),
            fields: Vec::with_capacity(fields),
        }
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// True without any field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Value of the first field called `name`.
    pub fn get(&self, name: Name) -> Option<&str> {
        self.all(name).next()
    }

    /// Values of all fields called `name`, a line each.
    pub fn all(&self, name: Name) -> impl DoubleEndedIterator<Item = &str> {
        let fields = self.fields.iter().filter(move |f| f.known == Some(name));
        fields.map(|f| self.slice(&f.value))
    }

    /// Elements of all fields called `name`: lines and the parts between their commas (RFC 3261 section 7.3.1).
    pub fn list(&self, name: Name) -> impl Iterator<Item = &str> {
        self.all(name).flat_map(scan::list)
    }

    /// Value of the first field with a name that is not in [`Name`], in any case.
    pub fn get_other<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let mut fields = self.fields.iter().filter(|f| f.known.is_none());
        let field = fields.find(|f| self.slice(&f.name).eq_ignore_ascii_case(name))?;
        Some(self.slice(&field.value))
    }

    /// Names as written and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|f| (self.slice(&f.name), self.slice(&f.value)))
    }

    /// Appends a field. What would end a line or a message is written as a space: no value can make a second field.
    pub fn push(&mut self, name: Name, value: impl fmt::Display) {
        self.append(Some(name), name.as_str(), value);
    }

    /// Appends a field with a name that need not be in [`Name`]; what no name may have is left out of it.
    pub fn push_other(&mut self, name: &str, value: impl fmt::Display) {
        self.append(Name::from_text(name), name, value);
    }

    /// Appends all fields of `more`.
    pub fn extend(&mut self, more: &Headers) {
        for f in &more.fields {
            self.append(f.known, more.slice(&f.name), more.slice(&f.value));
        }
    }

    /// Appends the fields of `from` called `name`, as they are.
    pub fn copy(&mut self, from: &Headers, name: Name) {
        for value in from.all(name) {
            self.push(name, value);
        }
    }

    /// Takes all fields called `name` out.
    pub fn remove(&mut self, name: Name) {
        self.fields.retain(|f| f.known != Some(name));
    }

    /// One field called `name` in the place of the first, without any other of that name.
    pub fn set(&mut self, name: Name, value: impl fmt::Display) {
        let at = self.fields.iter().position(|f| f.known == Some(name));
        self.remove(name);
        self.push(name, value);
        if let Some(at) = at
            && let Some(field) = self.fields.pop()
        {
            self.fields.insert(at, field);
        }
    }

    /// Puts a field before all others: Via of the element that sends.
    pub fn push_front(&mut self, name: Name, value: impl fmt::Display) {
        self.push(name, value);
        self.fields.rotate_right(1);
    }

    /// Replaces the value of the first field called `name`.
    pub(crate) fn replace_first(&mut self, name: Name, value: impl fmt::Display) {
        if let Some(at) = self.fields.iter().position(|f| f.known == Some(name)) {
            self.push(name, value);
            self.fields.swap_remove(at);
        }
    }

    /// Takes a field as the parser found it: `value` may be continued.
    pub(crate) fn begin(&mut self, name: &str, value: &str) {
        let start = self.text.len();
        self.text.push_str(name);
        let middle = self.text.len();
        self.text.push_str(value);
        self.fields.push(Field {
            known: Name::from_text(name),
            name: start..middle,
            value: middle..self.text.len(),
        });
    }

    /// Continues the last field by a folded line; its length in bytes as one line, `None` when there is no field yet.
    pub(crate) fn fold(&mut self, more: &str) -> Option<usize> {
        let field = self.fields.last_mut()?;
        if !field.value.is_empty() && !more.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(more);
        field.value.end = self.text.len();
        Some(field.value.end - field.name.start + ": ".len())
    }

    /// Length of all names and values, bytes.
    pub(crate) fn text_length(&self) -> usize {
        self.text.len() + 4 * self.fields.len()
    }

    /// Known names, names as written, and values, in order.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (Option<Name>, &str, &str)> {
        let line = |f: &Field| (f.known, f.name.clone(), f.value.clone());
        self.fields
            .iter()
            .map(line)
            .map(|(known, name, value)| (known, self.slice(&name), self.slice(&value)))
    }

    fn append(&mut self, known: Option<Name>, name: &str, value: impl fmt::Display) {
        let start = self.text.len();
        if known.is_some() {
            self.text.push_str(name);
        } else {
            let is_token = |c: &char| scan::is_token(c.encode_utf8(&mut [0; 4]));
            self.text.extend(name.chars().filter(is_token));
        }
        let middle = self.text.len();
        // Writing into a String does not fail.
        let _ = write!(Clean(&mut self.text), "{value}");
        self.fields.push(Field {
            known,
            name: start..middle,
            value: middle..self.text.len(),
        });
    }

    fn slice(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }
}

/// Writes text without control characters but the tabulator.
struct Clean<'a>(&'a mut String);

impl Write for Clean<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().any(scan::is_control) {
            let clean = |c: char| if c.is_ascii_control() && c != '\t' { ' ' } else { c };
            self.0.extend(text.chars().map(clean));
        } else {
            self.0.push_str(text);
        }
        Ok(())
    }
}

impl fmt::Debug for Headers {
    /// Names only: values hold numbers and secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_set_whether_it_was_there_or_not() {
        let mut headers = Headers::default();
        headers.set(Name::Subject, "x");
        headers.push(Name::To, "b");
        headers.set(Name::Subject, "y");
        assert_eq!((headers.get(Name::Subject), headers.len()), (Some("y"), 2));
    }

    #[test]
    fn it_is_empty_until_a_field_is_there() {
        let mut headers = Headers::default();
        assert!(headers.is_empty());
        headers.push(Name::Subject, "x");
        assert!(!headers.is_empty());
    }

    #[test]
    fn no_value_makes_a_second_field() {
        let mut headers = Headers::default();
        headers.push(Name::Subject, "a\r\nVia: b\0c\td");
        assert_eq!(headers.len(), 1);
        assert_eq!(headers.get(Name::Subject), Some("a  Via: b c\td"));
    }

    #[test]
    fn fields_are_found_set_and_moved() {
        let mut headers = Headers::default();
        headers.push(Name::Via, "1");
        headers.push_other("v", "2, 3");
        headers.push_other("X-Trunk", "a");
        headers.push_front(Name::Via, "0");
        assert_eq!(headers.list(Name::Via).collect::<Vec<_>>(), ["0", "1", "2", "3"]);
        headers.replace_first(Name::Via, "first");
        assert_eq!(
            headers.list(Name::Via).collect::<Vec<_>>(),
            ["first", "1", "2", "3"]
        );
        assert_eq!(headers.get_other("x-trunk"), Some("a"));
        headers.push(Name::To, "b");
        headers.set(Name::Via, "only");
        assert_eq!(
            headers.iter().collect::<Vec<_>>(),
            [("Via", "only"), ("X-Trunk", "a"), ("To", "b")]
        );
    }

    #[test]
    fn debug_shows_no_value() {
        let mut headers = Headers::default();
        headers.push(Name::From, "<sip:01012345678@a>");
        assert_eq!(format!("{headers:?}"), "[\"From\"]");
    }
}
