//! Messages out of a byte stream (RFC 3261 section 18.3), with the keep-alives between them (RFC 5626 section 3.5.1).
//!
//! ```text
//!            CRLFs, pings, pongs
//!              ┌────────┐
//!              ▼        │      empty line      Content-Length known
//!   feed ──▶ between ───┴──▶ head ───────────▶ body ──▶ Frame::Message ──▶ between
//!                             │                 │
//!                             └──── no length ──┴──▶ dead: nothing is read any more
//! ```
//!
//! A datagram that is unclear harms itself alone; in a stream the next message begins where this one is thought to end,
//! and whoever puts a message into a body must not make it one. So a stream is read more strictly than a datagram: lines end
//! with CRLF, Content-Length is there, once, and a number. Compact names, folding and space before the colon are read as
//! [`message::parse`](crate::message::parse) reads them.
//!
//! ```
//! use omnigate_sip::framing::{Frame, Framer};
//!
//! let mut framer = Framer::default();
//! let mut frames = Vec::new();
//! framer.feed(b"\r\n\r\nOPTIONS sip:a@b SIP/2.0\r\nl: ", &mut frames)?;
//! framer.feed(b"2\r\n\r\nhi", &mut frames)?;
//! assert!(matches!(frames.as_slice(), [Frame::Ping, Frame::Message(_)]));
//! # Ok::<(), omnigate_sip::message::Unreadable>(())
//! ```

use crate::message::limits::{MAX_HEAD, MAX_MESSAGE};
use crate::message::{Fault, Message, Method, Request, Unreadable, parse};
use bytes::{Buf, Bytes, BytesMut};
use std::fmt;

/// One thing read from a stream.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// A whole message, for [`message::parse`](crate::message::parse). It may still have a fault; the stream goes on then.
    Message(Bytes),
    /// A double CRLF: one CRLF ([`PONG`]) is to be sent back.
    Ping,
    /// The CRLF that answers our ping.
    Pong,
}

/// What a client sends to keep its flow alive.
pub const PING: &[u8] = b"\r\n\r\n";
/// What the other side answers.
pub const PONG: &[u8] = b"\r\n";

/// Collects bytes and gives whole messages. It keeps less than one message: at most [`MAX_MESSAGE`] bytes.
#[derive(Default)]
pub struct Framer {
    buffer: BytesMut,
    /// Bytes that were searched for the end of the head: where its last, open line begins.
    searched: usize,
    /// Length of the message whose head has come.
    length: Option<usize>,
    /// Our pings that were not answered yet.
    pings: u32,
    /// Why nothing is read any more.
    dead: Option<Fault>,
}

impl Framer {
    /// Notes that a [`PING`] was sent: the next CRLF between messages is its answer.
    pub fn ping_sent(&mut self) {
        self.pings = self.pings.saturating_add(1);
    }

    /// True while the answer to a ping is missing.
    pub fn awaits_pong(&self) -> bool {
        self.pings > 0
    }

    /// Takes received bytes and appends to `out` what is whole.
    ///
    /// # Errors
    /// The boundaries are lost: what was read before stands in `out`, the request in the error can be answered (400 or 513),
    /// and then the connection is to be closed. Later bytes give the same fault without a request.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<Frame>) -> Result<(), Unreadable> {
        if let Some(fault) = self.dead {
            return Err(fault.into());
        }
        // A chunk of any size is taken in pieces, so that the buffer stays below one message.
        while !bytes.is_empty() {
            let room = MAX_MESSAGE.saturating_sub(self.buffer.len()).max(1);
            let (piece, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.buffer.extend_from_slice(piece);
            bytes = rest;
            loop {
                match self.next() {
                    Ok(Some(frame)) => out.push(frame),
                    Ok(None) => break,
                    Err(lost) => {
                        self.dead = Some(lost.fault);
                        self.buffer = BytesMut::new();
                        return Err(lost);
                    }
                }
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Frame>, Unreadable> {
        if self.searched == 0 && self.length.is_none() {
            match self.between() {
                Between::Frame(frame) => return Ok(Some(frame)),
                Between::Wait => return Ok(None),
                Between::Head => {}
            }
        }
        let length = match self.length {
            Some(length) => length,
            None => match self.head()? {
                Some(length) => *self.length.insert(length),
                None => return Ok(None),
            },
        };
        if self.buffer.len() < length {
            return Ok(None);
        }
        self.length = None;
        self.searched = 0;
        Ok(Some(Frame::Message(self.buffer.split_to(length).freeze())))
    }

    /// What stands before a message: pings, pongs, and line ends that are skipped (RFC 3261 section 7.5).
    fn between(&mut self) -> Between {
        loop {
            if self.pings > 0 && self.buffer.starts_with(PONG) {
                self.buffer.advance(PONG.len());
                self.pings -= 1;
                return Between::Frame(Frame::Pong);
            }
            if self.buffer.starts_with(PING) {
                self.buffer.advance(PING.len());
                return Between::Frame(Frame::Ping);
            }
            if PING.starts_with(&self.buffer) {
                return Between::Wait;
            }
            match self.buffer.first() {
                Some(b'\r' | b'\n') => self.buffer.advance(1),
                _ => return Between::Head,
            }
        }
    }

    /// Length of the whole message, once its head has come.
    fn head(&mut self) -> Result<Option<usize>, Unreadable> {
        let end = self.head_end();
        let head = end.unwrap_or(self.buffer.len());
        if head > MAX_HEAD {
            return Err(self.lost(Fault::Head, head.min(MAX_HEAD)));
        }
        if end.is_none() {
            return Ok(None);
        }
        let bytes = self.buffer.get(..head).unwrap_or_default();
        let body = content_length(bytes).map_err(|fault| self.lost(fault, head))?;
        match head.checked_add(body).filter(|length| *length <= MAX_MESSAGE) {
            Some(length) => Ok(Some(length)),
            None => Err(self.lost(Fault::Message, head)),
        }
    }

    /// Finds the empty line; goes on where it stopped, so that a head in small pieces is searched once.
    fn head_end(&mut self) -> Option<usize> {
        while let Some(length) = memchr::memchr(b'\n', self.buffer.get(self.searched..)?) {
            let line = self.buffer.get(self.searched..self.searched + length)?;
            let is_empty = matches!(line, b"" | b"\r");
            self.searched += length + 1;
            if is_empty {
                return Some(self.searched);
            }
        }
        None
    }

    /// The fault, with the request as far as it can be read from the first `head` bytes.
    fn lost(&self, fault: Fault, head: usize) -> Unreadable {
        let head = self.buffer.get(..head).unwrap_or_default();
        // A head that was cut off has an end put behind its last whole line.
        let lines = memchr::memrchr(b'\n', head).map_or(0, |at| at + 1);
        let whole = [head.get(..lines).unwrap_or_default(), b"\r\n"].concat();
        let request = match parse(&whole) {
            Ok(Message::Request(request)) => answerable(request),
            Ok(Message::Response(_)) => None,
            Err(unreadable) => unreadable.request,
        };
        Unreadable { fault, request }
    }
}

enum Between {
    Frame(Frame),
    /// It may become a ping.
    Wait,
    /// A message begins.
    Head,
}

fn answerable(request: Request) -> Option<Box<Request>> {
    (request.method != Method::Ack).then(|| Box::new(request))
}

/// Content-Length of a head, by the rules of the parser: names in any case, long or compact, folded values as one line.
fn content_length(head: &[u8]) -> Result<usize, Fault> {
    let mut found: Option<usize> = None;
    let mut lines = Lines(head).peekable();
    while let Some(line) = lines.next() {
        let line = line?;
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let (name, value) = line.split_at_checked(colon).unwrap_or((line, &[]));
        let name = name.trim_ascii_end();
        if !(name.eq_ignore_ascii_case(b"Content-Length") || name.eq_ignore_ascii_case(b"l")) {
            continue;
        }
        let mut digits = value.get(1..).unwrap_or_default().trim_ascii().to_vec();
        while let Some(Ok(more)) = lines.next_if(|l| matches!(l, Ok([b' ' | b'\t', ..]))) {
            let more = more.trim_ascii();
            if !digits.is_empty() && !more.is_empty() {
                digits.push(b' ');
            }
            digits.extend_from_slice(more);
        }
        if found.is_some() {
            // Even the same number twice: who put the second one there wanted somebody to be misled.
            return Err(Fault::Twice("Content-Length"));
        }
        let number = std::str::from_utf8(&digits).ok().filter(|d| is_number(d));
        // What no machine can hold is no length of a message; it is over the limit.
        found = Some(
            number
                .map(|d| d.parse().unwrap_or(usize::MAX))
                .ok_or(Fault::Malformed("Content-Length"))?,
        );
    }
    found.ok_or(Fault::Length)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The lines of a head, which end with CRLF: two readers could differ about any other end.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = Result<&'a [u8], Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = memchr::memchr(b'\n', self.0)?;
        let line = self.0.get(..end)?;
        self.0 = self.0.get(end + 1..)?;
        Some(line.strip_suffix(b"\r").ok_or(Fault::Control))
    }
}

impl fmt::Debug for Frame {
    /// Not what is in it: bodies hold keys, fields hold numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frame::Message(bytes) => write!(f, "Message({} bytes)", bytes.len()),
            Frame::Ping => f.write_str("Ping"),
            Frame::Pong => f.write_str("Pong"),
        }
    }
}

impl fmt::Debug for Framer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framer")
            .field("buffered", &self.buffer.len())
            .field("length", &self.length)
            .field("pings", &self.pings)
            .field("dead", &self.dead)
            .finish_non_exhaustive()
    }
}
