//! Messages out of a byte stream (RFC 3261 section 18.3), strictly: what is framed here is what is parsed.

use crate::shield::{Head, MAX_MESSAGE};

/// Largest message in a stream, bytes.
pub const MAX_STREAM_MESSAGE: usize = 64 * 1024;

/// Why a stream cannot be read on; the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// No empty line within the limit.
    #[error("no end of headers within {MAX_MESSAGE} bytes")]
    NoHead,
    /// The head cannot be read.
    #[error("malformed head: {0}")]
    Malformed(&'static str),
    /// Content-Length is missing, malformed or contradictory: the stream's boundaries are lost.
    #[error("Content-Length is missing, malformed or contradictory")]
    Length,
    /// A message larger than [`MAX_STREAM_MESSAGE`].
    #[error("message of {0} bytes is too large")]
    TooLarge(usize),
}

/// Collects bytes and gives whole messages.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
}

/// One thing read from the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A whole message.
    Message(Vec<u8>),
    /// A double CRLF between messages, to be answered by one CRLF (RFC 5626 section 3.5.1).
    Ping,
}

impl Framer {
    /// Appends received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, `None` until enough bytes are there.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.buffer.starts_with(b"\r\n\r\n") {
            self.buffer.drain(..4);
            return Ok(Some(Frame::Ping));
        }
        while self.buffer.first().is_some_and(|b| matches!(b, b'\r' | b'\n')) {
            if self.buffer.len() < 4 && b"\r\n\r\n".starts_with(&self.buffer) {
                return Ok(None);
            }
            self.buffer.remove(0);
        }
        if crate::shield::head_end(&self.buffer).is_none() {
            return if self.buffer.len() > MAX_MESSAGE {
                Err(FrameError::NoHead)
            } else {
                Ok(None)
            };
        }
        let head = Head::parse(&self.buffer).map_err(FrameError::Malformed)?;
        let mut lengths = head.all("content-length");
        let first = lengths.next();
        if lengths.any(|other| Some(other) != first) {
            return Err(FrameError::Length);
        }
        let Some(Ok(body)) = head.content_length() else {
            return Err(FrameError::Length);
        };
        let total = head.length + body;
        if total > MAX_STREAM_MESSAGE {
            return Err(FrameError::TooLarge(total));
        }
        if self.buffer.len() < total {
            return Ok(None);
        }
        Ok(Some(Frame::Message(self.buffer.drain(..total).collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: &str, body: &str) -> String {
        format!("OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n{length}\r\n\r\n{body}")
    }

    #[test]
    fn messages_are_found_however_the_bytes_arrive() {
        let text = format!(
            "\r\n{}{}",
            message("Content-Length : 5", "hello"),
            message("l: 0", "")
        );
        for step in [1, 3, 7, 1000] {
            let mut framer = Framer::default();
            let mut found = Vec::new();
            for chunk in text.as_bytes().chunks(step) {
                framer.push(chunk);
                while let Some(Frame::Message(m)) = framer.next_frame().unwrap() {
                    found.push(m);
                }
            }
            assert_eq!(found.len(), 2, "step {step}");
            assert!(found[0].ends_with(b"hello"));
        }
    }

    #[test]
    fn a_body_never_becomes_the_next_message() {
        let mut framer = Framer::default();
        framer.push(message("Content-Length: 5\r\nContent-Length: 0", "hello").as_bytes());
        assert_eq!(framer.next_frame(), Err(FrameError::Length));
        let mut framer = Framer::default();
        framer.push(message("X: 1", "").as_bytes());
        assert_eq!(framer.next_frame(), Err(FrameError::Length));
    }

    #[test]
    fn a_peer_that_never_ends_its_head_is_cut_off() {
        let mut framer = Framer::default();
        framer.push(&vec![b'a'; MAX_MESSAGE + 1]);
        assert_eq!(framer.next_frame(), Err(FrameError::NoHead));
    }

    #[test]
    fn a_keep_alive_is_a_ping() {
        let mut framer = Framer::default();
        framer.push(b"\r\n\r\n");
        assert_eq!(framer.next_frame(), Ok(Some(Frame::Ping)));
        assert_eq!(framer.next_frame(), Ok(None));
    }
}
