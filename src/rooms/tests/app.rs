//! An app: its socket, and the peer connections of its browser.

use super::browser::Browser;
use crate::rooms::{OutboxReader, ToSocket};
use omnigate_omnitalk::SocketId;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Time of a packet of its microphone, and units of its clock.
const PACKET: Duration = Duration::from_millis(20);
const UNITS: u32 = 960;

pub(super) struct App {
    pub(super) socket: SocketId,
    outbox: OutboxReader,
    /// Empty before there is one.
    pub(super) session: String,
    /// The socket is over, by whichever side.
    pub(super) closed: bool,
    /// What it was sent and has not looked at.
    pub(super) inbox: Vec<Value>,
    pub(super) microphone: Option<Browser>,
    pub(super) camera: Option<Browser>,
    pub(super) screen: Option<Browser>,
    /// What it says, packet for packet; nothing: it is silent.
    pub(super) says: Vec<Vec<u8>>,
    /// Its browser does nothing for a while.
    pub(super) sleeps: bool,
    due: Instant,
    said: usize,
}

impl App {
    pub(super) fn new(socket: SocketId, outbox: OutboxReader, now: Instant) -> App {
        App {
            socket,
            outbox,
            session: String::new(),
            closed: false,
            inbox: Vec::new(),
            microphone: None,
            camera: None,
            screen: None,
            says: Vec::new(),
            sleeps: false,
            due: now,
            said: 0,
        }
    }

    pub(super) fn step(&mut self, now: Instant) {
        if self.sleeps {
            return;
        }
        let all = [&mut self.microphone, &mut self.camera, &mut self.screen];
        for browser in all.into_iter().flatten() {
            browser.step(now);
        }
        if now < self.due {
            return;
        }
        self.due = now + PACKET;
        if let (Some(microphone), false) = (&mut self.microphone, self.says.is_empty()) {
            self.said += 1;
            microphone.send(UNITS, &self.says[self.said % self.says.len()], now);
        }
        if let Some(camera) = &mut self.camera {
            // A frame of VP8 in one packet, each a key frame.
            camera.send(3000, &[0x10, 0, 1, 2], now);
        }
    }

    /// True when the rooms have closed the socket.
    pub(super) fn read(&mut self) -> bool {
        let mut over = false;
        while let Some(frame) = self.outbox.try_recv() {
            match frame {
                ToSocket::Text(text) => self.inbox.push(serde_json::from_str(&text).unwrap()),
                ToSocket::Close(..) => over = true,
            }
        }
        over
    }

    /// The response to a request of this kind, if it has come.
    pub(super) fn response(&mut self, cmd: &str) -> Option<Value> {
        let cmd = cmd.replace("_REQ", "_RSP");
        let at = self.inbox.iter().position(|message| message["cmd"] == cmd)?;
        Some(self.inbox.remove(at))
    }

    /// All is connected that it has.
    pub(super) fn is_up(&self) -> bool {
        let all = [&self.microphone, &self.camera, &self.screen];
        all.into_iter().flatten().all(|browser| browser.connected)
    }
}
