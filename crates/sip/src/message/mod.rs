//! Messages: read, checked, written (RFC 3261 section 7).
//!
//! | module | what it knows |
//! | --- | --- |
//! | `parse` | bytes into a message: start line, fields, body; [`Unreadable`] when there is none |
//! | `check` | what must be true of a request or response before anything acts on it |
//! | `write` | a message into bytes |
//! | `headers`, `name` | the fields: one text with an index, looked up by name |
//! | `via`, `address`, `fields`, `uri` | typed views of values, read where they are needed |
//! | `body` | multipart bodies (RFC 5621) |
//! | `text` | bytes that are no UTF-8, carried through |
//! | `scan` | lists, parameters, quoted strings |
//! | `limits`, `fault`, `status`, `method` | limits with names, what is wrong, codes, methods |

mod address;
mod body;
mod check;
mod fault;
mod fields;
mod headers;
pub mod limits;
mod method;
mod name;
mod parse;
mod request;
mod scan;
mod status;
mod text;
mod uri;
mod via;
mod write;

pub use address::NameAddr;
pub use body::{Part, parts};
pub use fault::Fault;
pub use fields::{CSeq, RAck, Reason, Refresher, Replaces, SessionExpires, seconds};
pub use headers::Headers;
pub use method::Method;
pub use name::Name;
pub use parse::{Unreadable, head_length, parse};
pub use request::{Message, Request, Response};
pub use scan::{Params, list, quote, unquote};
pub use status::Status;
pub use text::readable;
pub(crate) use uri::parse as uri_parts;
pub use uri::{Host, SipUri, Uri, UriError, UriParts, escape, unescape};
pub use via::{Transport, Via};

pub(crate) use fields::value_and_params;
pub(crate) use scan::number;
