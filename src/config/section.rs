//! What a section is: fields with their types, defaults and ranges, told once, beside their documentation.
//!
//! [`section!`] makes of it the struct, its `Default`, and its [`Setting`]: reading field by field, so that every fault is
//! found, and the keys, so that no other list of them is needed.

use super::faults::Faults;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::{Debug, Display};
use std::ops::RangeInclusive;

/// Something that stands at a key.
pub(super) trait Setting {
    /// Takes what is `written` at `path`. What cannot be used is a fault, and leaves what was there.
    fn read(&mut self, written: Value, path: &str, faults: &mut Faults);

    /// Calls `visit` with every key at and below `path` that has a value, and this value.
    fn keys(&self, path: &str, visit: &mut dyn FnMut(&str, &dyn Debug));
}

/// What the single fields of a section do not tell.
pub(super) trait Check {
    /// Adds faults; `path` is that of the section.
    fn check(&self, _path: &str, _faults: &mut Faults) {}
}

/// ```text
/// section! {
///     /// Documentation.
///     pub struct Name {
///         /// Documentation, with the unit.
///         field: Type = default, within 1..=10;
///     }
/// }
/// ```
macro_rules! section {
    (
        $(#[$about:meta])*
        pub struct $name:ident {
            $( $(#[$doc:meta])* $field:ident: $kind:ty = $default:expr $(, within $range:expr)?; )*
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[$doc])* pub $field: $kind, )*
        }

        impl Default for $name {
            fn default() -> $name {
                $name { $( $field: $default, )* }
            }
        }

        impl $crate::config::section::Setting for $name {
            fn read(
                &mut self,
                written: serde_json::Value,
                path: &str,
                faults: &mut $crate::config::faults::Faults,
            ) {
                use $crate::config::section;
                let Some(mut written) = section::table(written, path, faults) else {
                    return;
                };
                $(
                    if let Some(value) = written.remove(stringify!($field)) {
                        let path = section::join(path, stringify!($field));
                        section::Setting::read(&mut self.$field, value, &path, faults);
                        $( section::within(self.$field, $range, &path, faults); )?
                    }
                )*
                for (name, value) in written {
                    faults.unknown(&section::join(path, &name), &value);
                }
                section::Check::check(self, path, faults);
            }

            fn keys(&self, path: &str, visit: &mut dyn FnMut(&str, &dyn std::fmt::Debug)) {
                use $crate::config::section;
                $( section::Setting::keys(&self.$field, &section::join(path, stringify!($field)), visit); )*
            }
        }
    };
}
pub(super) use section;

/// Sections of which there may be several, `[[name]]`. Those that are written replace the built-in ones.
macro_rules! sections {
    ($name:ty) => {
        impl $crate::config::section::Setting for Vec<$name> {
            fn read(
                &mut self,
                written: serde_json::Value,
                path: &str,
                faults: &mut $crate::config::faults::Faults,
            ) {
                let serde_json::Value::Array(written) = written else {
                    faults.add(path, format!("is not a list of tables; write [[{path}]]"));
                    return;
                };
                let one = |(i, written)| {
                    let mut one = <$name>::default();
                    $crate::config::section::Setting::read(
                        &mut one,
                        written,
                        &format!("{path}[{i}]"),
                        faults,
                    );
                    one
                };
                *self = written.into_iter().enumerate().map(one).collect();
            }

            fn keys(&self, path: &str, visit: &mut dyn FnMut(&str, &dyn std::fmt::Debug)) {
                let path = format!("{path}[]");
                match self.first() {
                    Some(one) => $crate::config::section::Setting::keys(one, &path, visit),
                    None => $crate::config::section::Setting::keys(&<$name>::default(), &path, visit),
                }
            }
        }
    };
}
pub(super) use sections;

/// Single values, each read by a function of this module or of its own.
macro_rules! values {
    ($read:expr; $($kind:ty),+ $(,)?) => {
        $(
            impl $crate::config::section::Setting for $kind {
                fn read(
                    &mut self,
                    written: serde_json::Value,
                    path: &str,
                    faults: &mut $crate::config::faults::Faults,
                ) {
                    match $read(written) {
                        Ok(value) => *self = value,
                        Err(message) => faults.add(path, message),
                    }
                }

                fn keys(&self, path: &str, visit: &mut dyn FnMut(&str, &dyn std::fmt::Debug)) {
                    visit(path, self);
                }
            }
        )+
    };
}
pub(super) use values;

values! { shown; bool, u16, u32, u64, usize, String, std::path::PathBuf, std::net::SocketAddr }
values! { shown; Option<String>, Option<std::path::PathBuf>, Option<std::net::IpAddr> }
values! { words; Vec<String>, Vec<std::net::IpAddr>, Vec<std::net::SocketAddr>, Vec<ipnet::IpNet> }

/// A value; a fault shows what is written.
pub(super) fn shown<T: DeserializeOwned>(written: Value) -> Result<T, String> {
    let shown = match &written {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => format!("value {written}: "),
        _ => String::new(),
    };
    serde_json::from_value(written).map_err(|error| format!("{shown}{error}"))
}

/// A value that no fault shows.
pub(super) fn hidden<T: DeserializeOwned>(written: Value) -> Result<T, String> {
    serde_json::from_value(written).map_err(|error| error.to_string())
}

/// Something that is written as one text.
pub(super) trait Word: Sized {
    /// Reads it; the message tells what is expected.
    fn parse(text: &str) -> Result<Self, String>;
}

/// Words by their `FromStr`.
macro_rules! parsed {
    ($($kind:ty),+ $(,)?) => {
        $(
            impl $crate::config::section::Word for $kind {
                fn parse(text: &str) -> Result<$kind, String> {
                    text.parse().map_err(|error| format!("`{text}`: {error}"))
                }
            }
        )+
    };
}
pub(super) use parsed;

parsed! { String, std::net::IpAddr, std::net::SocketAddr, ipnet::IpNet }

/// One word.
pub(super) fn word<T: Word>(written: Value) -> Result<T, String> {
    match written {
        Value::String(text) => T::parse(&text),
        _ => Err("is not text".to_owned()),
    }
}

/// A number that stands where a word may, as most write it: without quotes.
pub(super) fn number_as_word(written: Value) -> Value {
    match written {
        Value::Number(number) => number.to_string().into(),
        other => other,
    }
}

/// A list of words, or one text in which commas separate them.
pub(super) fn words<T: Word>(written: Value) -> Result<Vec<T>, String> {
    let all: Vec<String> = match written {
        Value::String(text) => {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            words.map(str::to_owned).collect()
        }
        Value::Array(_) => serde_json::from_value(written).map_err(|_| "an entry of the list is not text")?,
        _ => return Err("is neither text nor a list of texts".to_owned()),
    };
    all.iter().map(|word| T::parse(word)).collect()
}

/// The fields of a section; one that is null is not written at all.
pub(super) fn table(
    written: Value,
    path: &str,
    faults: &mut Faults,
) -> Option<serde_json::Map<String, Value>> {
    match written {
        Value::Object(fields) => Some(fields.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        _ => {
            faults.add(
                path,
                format!("is not a table; write [{path}] and its keys below it"),
            );
            None
        }
    }
}

/// A number that must be in a range.
pub(super) fn within<T: PartialOrd + Display>(
    value: T,
    range: RangeInclusive<T>,
    path: &str,
    faults: &mut Faults,
) {
    if !range.contains(&value) {
        let (low, high) = range.into_inner();
        faults.add(path, format!("{value} is not within {low} to {high}"));
    }
}

/// The key of a field.
pub(super) fn join(path: &str, field: &str) -> String {
    match path {
        "" => field.to_owned(),
        _ => format!("{path}.{field}"),
    }
}

/// Adds a fault when an address of the web is none.
pub(super) fn web_address(url: Option<&String>, path: &str, faults: &mut Faults) {
    if let Some(url) = url
        && !(url.starts_with("http://") || url.starts_with("https://"))
    {
        faults.add(path, format!("`{url}` does not start with http:// or https://"));
    }
}
