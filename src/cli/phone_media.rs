//! Audio of the test phone: a 20 ms clock, digits, a file to say, a file to keep.

use super::phone_report::Report;
use crate::media::ntp;
use omnigate_audio::codec::Encoder;
use omnigate_audio::dtmf::Key;
use omnigate_audio::level;
use omnigate_audio::opus::EncoderSettings;
use omnigate_rtp::playout::{PayloadKind, Playout, PlayoutSettings};
use omnigate_rtp::session::RtcpSession;
use omnigate_rtp::telephone_event::{DEFAULT_PRESS, Sender};
use omnigate_rtp::{RtpPacket, RtpSender, is_rtcp, quality};
use omnigate_sip::Agreed;
use std::collections::VecDeque;
use std::io::Write;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

const TICK: Duration = Duration::from_millis(20);
const FRAME: usize = 160;
const RATE_HZ: u32 = 8_000;
/// Ticks between two keys.
const GAP_TICKS: i32 = 5;
/// Ticks of a comma.
const PAUSE_TICKS: i32 = 50;

pub(super) struct PhoneMedia {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    agreed: Agreed,
    encoder: Encoder,
    sender: RtpSender,
    session: RtcpSession,
    playout: Playout,
    keys: Sender,
    digits: VecDeque<Option<Key>>,
    gap: i32,
    say: VecDeque<i16>,
    pub(super) heard: Vec<i16>,
    keep: bool,
    meter: bool,
    ticks: u64,
    digits_sent: usize,
    start_digits: u64,
}

/// What the phone is to do.
pub(super) struct Script {
    /// Keys; `None` waits one second.
    pub(super) digits: Vec<Option<Key>>,
    pub(super) say: Vec<i16>,
    pub(super) keep: bool,
    pub(super) meter: bool,
    /// Wait after the answer before the first key.
    pub(super) digits_after: Duration,
}

impl PhoneMedia {
    pub(super) fn new(
        rtp: UdpSocket,
        rtcp: UdpSocket,
        agreed: Agreed,
        script: Script,
    ) -> Result<PhoneMedia, omnigate_rtp::Error> {
        let ssrc: u32 = rand::random();
        Ok(PhoneMedia {
            rtp,
            rtcp,
            keys: Sender::new(agreed.telephone_event_sent.unwrap_or(101), 8_000),
            encoder: encoder(&agreed)?,
            agreed,
            sender: RtpSender::new(ssrc, rand::random::<u16>() >> 1, rand::random()),
            session: RtcpSession::new(Instant::now(), u64::from(ssrc)),
            playout: Playout::new(PlayoutSettings::default())?,
            digits: script.digits.into(),
            gap: 0,
            say: script.say.into(),
            heard: Vec::new(),
            keep: script.keep,
            meter: script.meter,
            ticks: 0,
            digits_sent: 0,
            start_digits: script.digits_after.as_millis() as u64 / 20,
        })
    }

    pub(super) fn set_agreed(&mut self, agreed: Agreed) {
        if let Ok(encoder) = encoder(&agreed) {
            self.encoder = encoder;
        }
        self.agreed = agreed;
    }

    /// True when everything is keyed and said.
    pub(super) fn is_done(&self) -> bool {
        self.digits.is_empty() && self.say.is_empty() && !self.keys.is_busy()
    }

    /// Runs one step: waits for the clock, meanwhile receives.
    pub(super) async fn step(&mut self, clock: &mut tokio::time::Interval) {
        let mut rtp = [0u8; 2048];
        let mut rtcp = [0u8; 2048];
        loop {
            tokio::select! {
                biased;
                received = self.rtp.recv_from(&mut rtp) => if let Ok((n, _)) = received {
                    let data = rtp.get(..n).unwrap_or_default();
                    if is_rtcp(data) { self.report_in(data) } else { self.packet_in(data) }
                },
                received = self.rtcp.recv_from(&mut rtcp) => if let Ok((n, _)) = received {
                    self.report_in(rtcp.get(..n).unwrap_or_default());
                },
                _ = clock.tick() => break,
            }
        }
        self.tick().await;
    }

    fn packet_in(&mut self, data: &[u8]) {
        let Ok(packet) = RtpPacket::parse(data) else {
            return;
        };
        let now = Instant::now();
        self.session
            .on_rtp(packet.ssrc, packet.sequence, packet.timestamp, now, 8_000);
        if self.agreed.telephone_events.contains(&packet.payload_type) {
            self.playout.skip(packet.sequence);
        } else if let Some((_, codec)) = self
            .agreed
            .receive
            .iter()
            .find(|(pt, _)| *pt == packet.payload_type)
        {
            self.playout.push(now, &packet, PayloadKind::Speech(*codec));
        }
    }

    fn report_in(&mut self, data: &[u8]) {
        let _ = self.session.on_rtcp(data, self.sender.ssrc(), Instant::now());
    }

    async fn tick(&mut self) {
        self.ticks += 1;
        let now = Instant::now();
        let mut frame = [0i16; FRAME];
        self.playout.pull(now, &mut frame);
        if self.keep {
            self.heard.extend_from_slice(&frame);
        }
        let mut packet = Vec::with_capacity(200);
        if !self.key(&mut packet) {
            let mut pcm = [0i16; FRAME];
            if self.digits.is_empty() {
                for s in &mut pcm {
                    *s = self.say.pop_front().unwrap_or(0);
                }
            }
            let mut codes = [0u8; FRAME];
            let length = self.encoder.encode(&pcm, &mut codes).unwrap_or(0);
            let codes = codes.get(..length).unwrap_or_default();
            self.sender
                .write(self.agreed.payload_type, self.ticks == 1, codes, &mut packet);
            self.sender.advance(FRAME as u32);
        }
        if self.agreed.direction.sends() {
            let _ = self.rtp.send_to(&packet, self.agreed.remote_rtp).await;
        }
        if self.session.due(now)
            && let Some(to) = self.agreed.remote_rtcp
        {
            self.session
                .write_report(now, ntp::now(), &self.sender, "omnigate-phone", &mut packet);
            let _ = self.rtcp.send_to(&packet, to).await;
        }
        if self.meter && self.ticks.is_multiple_of(10) {
            meter(&frame);
        }
    }

    /// A key's packet in place of audio, when one is being pressed.
    fn key(&mut self, packet: &mut Vec<u8>) -> bool {
        if self.agreed.telephone_event_sent.is_none() {
            self.digits.clear();
            return false;
        }
        if !self.keys.is_busy() {
            self.gap += 1;
            if self.ticks > self.start_digits && self.gap > 0 {
                match self.digits.pop_front() {
                    Some(Some(key)) if self.keys.press(key, DEFAULT_PRESS) => {
                        self.digits_sent += 1;
                        self.gap = -GAP_TICKS;
                    }
                    Some(None) => self.gap = -PAUSE_TICKS,
                    _ => {}
                }
            }
        }
        self.keys.tick(&mut self.sender, packet)
    }

    pub(super) fn fill(&self, report: &mut Report) {
        let s = self.session.stats();
        report.digits_sent = self.digits_sent;
        report.packets_sent = self.sender.packets();
        report.packets_received = s.received;
        report.packets_lost = s.lost;
        report.loss = s.loss_fraction;
        report.jitter_ms = s.jitter_seconds * 1000.0;
        report.rtt_ms = s.rtt.map(|r| r.as_secs_f64() * 1000.0);
        let jitter = Duration::from_secs_f64(s.jitter_seconds.max(0.0));
        report.mos =
            (s.received > 0).then(|| quality::mos(s.loss_fraction, jitter, s.rtt, quality::Codec::G711));
    }
}

/// Of the codec that is agreed on: G.711, for the phone offers nothing else.
fn encoder(agreed: &Agreed) -> Result<Encoder, omnigate_audio::Error> {
    agreed.codec.encoder(RATE_HZ, EncoderSettings::default())
}

pub(super) fn clock() -> tokio::time::Interval {
    let mut clock = tokio::time::interval(TICK);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    clock
}

/// A bar from -60 to 0 dBov on the terminal.
fn meter(frame: &[i16]) {
    let db = level::dbov(frame).clamp(-60.0, 0.0);
    let bars = ((db + 60.0) / 2.0) as usize;
    let mut err = std::io::stderr();
    let _ = write!(err, "\r{:5.0} dBov |{:<30}|", db, "#".repeat(bars));
    let _ = err.flush();
}
