//! A browser's side of one WebRTC connection: `str0m` over a UDP socket on a thread of its own.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpPacket;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// What a connection sends and takes, called on its thread.
pub trait Media: Send + 'static {
    /// Time between two packets; `None`: it only listens.
    const PERIOD: Option<Duration>;
    /// It is time for the next packet; the connection is up.
    fn send(&mut self, _rtc: &mut Rtc, _now: Instant) {}
    /// A packet that has come.
    fn receive(&mut self, packet: RtpPacket, now: Instant);
}

/// A connection that is not running yet: describe it by `rtc`, then start it.
pub struct Peer {
    pub rtc: Rtc,
    socket: UdpSocket,
}

/// A running connection; ends on drop.
pub struct Running {
    up: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    pub fn new() -> Peer {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(Arc::new(str0m_aws_lc_rs::default_provider()))
            .set_rtp_mode(true)
            .build(Instant::now());
        rtc.add_local_candidate(Candidate::host(socket.local_addr().unwrap(), "udp").unwrap());
        Peer { rtc, socket }
    }

    pub fn start<M: Media>(self, media: M) -> Running {
        let (up, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let driver = Driver {
            peer: self,
            media,
            up: up.clone(),
        };
        let until = ended.clone();
        let thread = std::thread::spawn(move || driver.run(&until));
        Running {
            up,
            ended,
            thread: Some(thread),
        }
    }
}

impl Running {
    /// ICE and DTLS are up.
    pub fn is_up(&self) -> bool {
        self.up.load(Relaxed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ended.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Driver<M> {
    peer: Peer,
    media: M,
    up: Arc<AtomicBool>,
}

impl<M: Media> Driver<M> {
    fn run(mut self, ended: &AtomicBool) {
        let own = self.peer.socket.local_addr().unwrap();
        let mut next = Instant::now();
        let mut buffer = [0; 2048];
        while !ended.load(Relaxed) {
            let due = self.drain();
            let wake = M::PERIOD.map_or(due, |_| due.min(next));
            let wait = wake.saturating_duration_since(Instant::now());
            // So that the end is seen in time, and zero, which would be for ever, is not asked for.
            let wait = wait.clamp(Duration::from_micros(100), Duration::from_millis(100));
            self.peer.socket.set_read_timeout(Some(wait)).unwrap();
            if let Ok((length, source)) = self.peer.socket.recv_from(&mut buffer)
                && let Ok(receive) = Receive::new(Protocol::Udp, source, own, &buffer[..length])
            {
                let _ = self
                    .peer
                    .rtc
                    .handle_input(Input::Receive(Instant::now(), receive));
            }
            let now = Instant::now();
            if let Some(period) = M::PERIOD.filter(|_| now >= next) {
                next += period;
                if self.up.load(Relaxed) {
                    self.media.send(&mut self.peer.rtc, now);
                }
            }
        }
    }

    /// Takes what the stack puts out; when it wants to be called next.
    fn drain(&mut self) -> Instant {
        let Peer { rtc, socket } = &mut self.peer;
        loop {
            match rtc.poll_output().unwrap() {
                Output::Transmit(t) => drop(socket.send_to(&t.contents, t.destination)),
                Output::Event(Event::Connected) => self.up.store(true, Relaxed),
                Output::Event(Event::RtpPacket(p)) => self.media.receive(p, Instant::now()),
                Output::Event(_) => {}
                Output::Timeout(t) if t <= Instant::now() => {
                    rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
                }
                Output::Timeout(t) => return t,
            }
        }
    }
}
