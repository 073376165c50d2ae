//! A message into bytes.

use super::headers::Headers;
use super::name::Name;
use super::request::{Message, Request, Response};
use super::text;
use std::io::Write;

impl Request {
    /// The bytes, with a true Content-Length.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.headers.text_length() + self.body.len() + 128);
        text::encode(self.method.as_str(), &mut out);
        out.push(b' ');
        text::encode(self.uri.as_str(), &mut out);
        out.extend_from_slice(b" SIP/2.0\r\n");
        finish(&mut out, &self.headers, &self.body);
        out
    }
}

impl Response {
    /// The bytes, with a true Content-Length.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.headers.text_length() + self.body.len() + 128);
        // Writing into a Vec does not fail.
        let _ = write!(out, "SIP/2.0 {} ", self.status.code());
        for (n, line) in self.phrase.split(['\r', '\n']).enumerate() {
            if n > 0 {
                out.push(b' ');
            }
            text::encode(line, &mut out);
        }
        out.extend_from_slice(b"\r\n");
        finish(&mut out, &self.headers, &self.body);
        out
    }
}

impl Message {
    /// The bytes, with a true Content-Length.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Message::Request(request) => request.to_bytes(),
            Message::Response(response) => response.to_bytes(),
        }
    }
}

fn finish(out: &mut Vec<u8>, headers: &Headers, body: &[u8]) {
    for (known, name, value) in headers.lines() {
        if known == Some(Name::ContentLength) {
            continue;
        }
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        text::encode(value, out);
        out.extend_from_slice(b"\r\n");
    }
    let _ = write!(out, "Content-Length: {}\r\n\r\n", body.len());
    out.extend_from_slice(body);
}
