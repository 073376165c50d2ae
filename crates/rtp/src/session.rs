//! Reception statistics and RTCP of one pair of RTP streams (RFC 3550 section 6 and appendix A).

use std::time::{Duration, Instant};

use rtcp_types::{
    Bye, Compound, Packet, ReceiverReport, ReportBlock, RtcpPacketWriterExt, Sdes, SdesChunk, SdesItem,
    SenderReport,
};

use crate::{Result, RtpSender};

/// Mean time between two reports (RFC 3550 section 6.2).
pub const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// Sequence numbers ahead that are a gap, and behind that are disorder (RFC 3550 A.1).
const MAX_DROPOUT: u16 = 3_000;
const MAX_MISORDER: u16 = 100;
/// Own sender reports that a far end's report may refer to.
const REMEMBERED_REPORTS: usize = 8;
/// Room for a compound report with the longest CNAME.
const MAX_REPORT_BYTES: usize = 512;
/// A CNAME item has one byte of length.
const MAX_CNAME_BYTES: usize = 255;

/// What came in, and what the far end says about what went out.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ReceiverStats {
    /// Packets received, without duplicates.
    pub received: u64,
    /// Packets received more than once.
    pub duplicates: u64,
    /// Packets that never came.
    pub lost: u64,
    /// `lost` as a share of the packets expected, 0.0..=1.0.
    pub loss_fraction: f64,
    /// Interarrival jitter of RFC 3550 A.8, seconds.
    pub jitter_seconds: f64,
    /// Changes of the far end's SSRC.
    pub ssrc_changes: u32,
    /// Round trip time, from the far end's last report.
    pub rtt: Option<Duration>,
    /// Loss that the far end saw between its last two reports, 0.0..=1.0.
    pub remote_loss_fraction: Option<f64>,
    /// Packets that the far end says it has lost in all.
    pub remote_lost: Option<u32>,
    /// Jitter that the far end saw, in units of our stream's clock.
    pub remote_jitter: Option<u32>,
    /// Reports received.
    pub reports: u32,
}

/// What a received RTCP datagram means for the call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RtcpReceived {
    /// The far end has left (BYE).
    pub bye: bool,
    /// There was a block about our stream: the remote figures are new.
    pub about_us: bool,
}

/// RTCP of one stream in and one stream out.
#[derive(Debug)]
pub struct RtcpSession {
    source: Option<Source>,
    totals: Totals,
    remote: Remote,
    /// Own sender reports: the middle of the NTP time and when it was sent.
    sent: [Option<(u32, Instant)>; REMEMBERED_REPORTS],
    next_sent: usize,
    due_at: Instant,
    seed: u64,
    packets_at_last_report: u32,
}

/// The current far-end stream (RFC 3550 A.1).
#[derive(Debug, Clone, Copy)]
struct Source {
    ssrc: u32,
    base: u32,
    cycles: u32,
    highest: u16,
    /// One bit for each of the 128 numbers up to the highest: set = received.
    window: u128,
    probe: Option<u16>,
    received: u64,
    expected_prior: u64,
    received_prior: u64,
    transit: Option<(Instant, u32)>,
    jitter: f64,
    clock_rate: u32,
    /// Middle of the NTP time of the last sender report and its arrival.
    last_report: Option<(u32, Instant)>,
}

/// Figures of sources that are gone.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    received: u64,
    expected: u64,
    duplicates: u64,
    ssrc_changes: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Remote {
    rtt: Option<Duration>,
    loss_fraction: Option<f64>,
    lost: Option<u32>,
    jitter: Option<u32>,
    reports: u32,
}

impl RtcpSession {
    /// A session that starts `now`; `seed` spreads the reports of many sessions over time.
    pub fn new(now: Instant, seed: u64) -> Self {
        let mut session = Self {
            source: None,
            totals: Totals::default(),
            remote: Remote::default(),
            sent: [None; REMEMBERED_REPORTS],
            next_sent: 0,
            due_at: now,
            seed,
            packets_at_last_report: 0,
        };
        // The first report comes after half of the interval (RFC 3550 section 6.2).
        session.due_at = now + session.random_interval() / 2;
        session
    }

    /// Takes the header of each packet that arrives, telephone events' repeats included.
    pub fn on_rtp(&mut self, ssrc: u32, sequence: u16, timestamp: u32, arrival: Instant, clock_rate: u32) {
        let same_source = self.source.as_ref().is_some_and(|source| source.ssrc == ssrc);
        if !same_source {
            self.retire();
        }
        let source = self
            .source
            .get_or_insert_with(|| Source::new(ssrc, sequence, clock_rate));
        if source.clock_rate != clock_rate {
            source.clock_rate = clock_rate;
            source.transit = None;
        }
        match source.sequence(sequence) {
            Sequence::New => source.jitter(timestamp, arrival),
            Sequence::Duplicate => self.totals.duplicates += 1,
            Sequence::Stray => {}
            Sequence::Restart => {
                self.retire();
                let mut source = Source::new(ssrc, sequence, clock_rate);
                source.sequence(sequence);
                source.jitter(timestamp, arrival);
                self.source = Some(source);
                self.totals.ssrc_changes = self.totals.ssrc_changes.saturating_sub(1);
            }
        }
    }

    fn retire(&mut self) {
        if let Some(source) = self.source.take() {
            self.totals.received += source.received;
            self.totals.expected += source.expected().max(source.received);
            self.totals.ssrc_changes += 1;
        }
    }

    /// Takes a datagram for which [`is_rtcp`](crate::is_rtcp) holds. `our_ssrc` is that of the stream we send.
    pub fn on_rtcp(&mut self, data: &[u8], our_ssrc: u32, now: Instant) -> Result<RtcpReceived> {
        let mut outcome = RtcpReceived::default();
        for packet in Compound::parse(data)? {
            match packet? {
                Packet::Sr(report) => {
                    if let Some(source) = self.source.as_mut().filter(|source| source.ssrc == report.ssrc()) {
                        source.last_report = Some(((report.ntp_timestamp() >> 16) as u32, now));
                    }
                    self.remote.reports = self.remote.reports.saturating_add(1);
                    for block in report.report_blocks() {
                        outcome.about_us |= self.on_block(&block, our_ssrc, now);
                    }
                }
                Packet::Rr(report) => {
                    self.remote.reports = self.remote.reports.saturating_add(1);
                    for block in report.report_blocks() {
                        outcome.about_us |= self.on_block(&block, our_ssrc, now);
                    }
                }
                Packet::Bye(_) => outcome.bye = true,
                _ => {}
            }
        }
        Ok(outcome)
    }

    fn on_block(&mut self, block: &ReportBlock<'_>, our_ssrc: u32, now: Instant) -> bool {
        if block.ssrc() != our_ssrc {
            return false;
        }
        self.remote.loss_fraction = Some(f64::from(block.fraction_lost()) / 256.0);
        // The count is signed: duplicates can make it negative (RFC 3550 section 6.4.1).
        let lost = block.cumulative_lost();
        self.remote.lost = Some(if lost >= 0x80_0000 { 0 } else { lost });
        self.remote.jitter = Some(block.interarrival_jitter());
        let referred = block.last_sender_report_timestamp();
        let sent = self
            .sent
            .iter()
            .flatten()
            .find(|(middle, _)| *middle == referred && referred != 0);
        if let Some((_, at)) = sent {
            let held = from_ntp_short(block.delay_since_last_sender_report_timestamp());
            self.remote.rtt = Some(now.saturating_duration_since(*at).saturating_sub(held));
        }
        true
    }

    /// Whether it is time for [`write_report`](Self::write_report).
    pub fn due(&self, now: Instant) -> bool {
        now >= self.due_at
    }

    /// When the next report is due.
    pub fn due_at(&self) -> Instant {
        self.due_at
    }

    /// Replaces `out` by a compound report: SR when we have sent since the last one, else RR, then SDES with `cname`
    /// (cut at 255 bytes). `ntp` is the wall clock now, in the 32.32 format of RFC 3550 section 4.
    pub fn write_report(
        &mut self,
        now: Instant,
        ntp: u64,
        sender: &RtpSender,
        cname: &str,
        out: &mut Vec<u8>,
    ) {
        out.clear();
        let active = sender.packets() != self.packets_at_last_report;
        self.packets_at_last_report = sender.packets();
        let block = self.source.as_mut().map(|source| source.report_block(now));
        if active {
            let mut report = SenderReport::builder(sender.ssrc())
                .ntp_timestamp(ntp)
                .rtp_timestamp(sender.timestamp())
                .packet_count(sender.packets())
                .octet_count(sender.octets());
            if let Some(block) = block {
                report = report.add_report_block(block);
            }
            append(&report, out);
            self.sent[self.next_sent] = Some(((ntp >> 16) as u32, now));
            self.next_sent = (self.next_sent + 1) % REMEMBERED_REPORTS;
        } else {
            let mut report = ReceiverReport::builder(sender.ssrc());
            if let Some(block) = block {
                report = report.add_report_block(block);
            }
            append(&report, out);
        }
        append_cname(sender.ssrc(), cname, out);
        self.due_at = now + self.random_interval();
    }

    /// Replaces `out` by the farewell: an empty RR, SDES and BYE (RFC 3550 section 6.6).
    pub fn write_bye(&mut self, sender: &RtpSender, cname: &str, out: &mut Vec<u8>) {
        out.clear();
        append(&ReceiverReport::builder(sender.ssrc()), out);
        append_cname(sender.ssrc(), cname, out);
        append(&Bye::builder().add_source(sender.ssrc()), out);
    }

    /// The figures so far.
    pub fn stats(&self) -> ReceiverStats {
        let (received, expected, jitter) = match &self.source {
            Some(source) => (
                source.received,
                source.expected(),
                source.jitter / f64::from(source.clock_rate.max(1)),
            ),
            None => (0, 0, 0.0),
        };
        let received = self.totals.received + received;
        let expected = self.totals.expected + expected;
        let lost = expected.saturating_sub(received);
        ReceiverStats {
            received,
            duplicates: self.totals.duplicates,
            lost,
            loss_fraction: if expected == 0 {
                0.0
            } else {
                lost as f64 / expected as f64
            },
            jitter_seconds: jitter,
            ssrc_changes: self.totals.ssrc_changes,
            rtt: self.remote.rtt,
            remote_loss_fraction: self.remote.loss_fraction,
            remote_lost: self.remote.lost,
            remote_jitter: self.remote.jitter,
            reports: self.remote.reports,
        }
    }

    /// 0.5..1.5 of the interval (RFC 3550 section 6.3.1), by xorshift.
    fn random_interval(&mut self) -> Duration {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let share = (self.seed >> 40) as f64 / (1u64 << 24) as f64;
        REPORT_INTERVAL.mul_f64(0.5 + share)
    }
}

enum Sequence {
    New,
    Duplicate,
    /// Far from all others: believed only when its successor follows.
    Stray,
    Restart,
}

impl Source {
    fn new(ssrc: u32, sequence: u16, clock_rate: u32) -> Self {
        Self {
            ssrc,
            base: u32::from(sequence),
            cycles: 0,
            highest: sequence,
            window: 0,
            probe: None,
            received: 0,
            expected_prior: 0,
            received_prior: 0,
            transit: None,
            jitter: 0.0,
            clock_rate,
            last_report: None,
        }
    }

    fn sequence(&mut self, sequence: u16) -> Sequence {
        let ahead = sequence.wrapping_sub(self.highest);
        if self.window == 0 || (ahead > 0 && ahead < MAX_DROPOUT) {
            if sequence < self.highest {
                self.cycles += 1 << 16;
            }
            self.highest = sequence;
            self.window = self.window.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
        } else if ahead == 0 || ahead > u16::MAX - MAX_MISORDER {
            let bit = 1u128 << sequence_distance(self.highest, sequence);
            if self.window & bit != 0 {
                return Sequence::Duplicate;
            }
            self.window |= bit;
        } else if self.probe == Some(sequence) {
            return Sequence::Restart;
        } else {
            self.probe = Some(sequence.wrapping_add(1));
            return Sequence::Stray;
        }
        self.probe = None;
        self.received += 1;
        Sequence::New
    }

    fn extended_highest(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.highest))
    }

    fn expected(&self) -> u64 {
        if self.received == 0 {
            0
        } else {
            u64::from(self.extended_highest().wrapping_sub(self.base)) + 1
        }
    }

    /// RFC 3550 A.8, in units of the clock. Packets of one timestamp (telephone events) do not count.
    fn jitter(&mut self, timestamp: u32, arrival: Instant) {
        if let Some((last_arrival, last_timestamp)) = self.transit {
            if timestamp == last_timestamp {
                return;
            }
            let elapsed = if arrival >= last_arrival {
                (arrival - last_arrival).as_secs_f64()
            } else {
                -(last_arrival - arrival).as_secs_f64()
            };
            let sent = f64::from(timestamp.wrapping_sub(last_timestamp) as i32);
            let difference = (elapsed * f64::from(self.clock_rate) - sent).abs();
            // A jump of the timestamp or a pause is not jitter.
            if difference < f64::from(self.clock_rate) * 2.0 {
                self.jitter += (difference - self.jitter) / 16.0;
            }
        }
        self.transit = Some((arrival, timestamp));
    }

    fn report_block(&mut self, now: Instant) -> rtcp_types::ReportBlockBuilder {
        let expected = self.expected();
        let lost = expected.saturating_sub(self.received);
        let expected_interval = expected.saturating_sub(self.expected_prior);
        let received_interval = self.received - self.received_prior;
        let lost_interval = expected_interval.saturating_sub(received_interval);
        (self.expected_prior, self.received_prior) = (expected, self.received);
        let fraction = (lost_interval * 256)
            .checked_div(expected_interval)
            .unwrap_or(0)
            .min(255);
        let (last, delay) = match self.last_report {
            Some((middle, at)) => (middle, to_ntp_short(now.saturating_duration_since(at))),
            None => (0, 0),
        };
        ReportBlock::builder(self.ssrc)
            .fraction_lost(fraction as u8)
            .cumulative_lost(lost.min(0x7f_ffff) as u32)
            .extended_sequence_number(self.extended_highest())
            .interarrival_jitter(self.jitter as u32)
            .last_sender_report_timestamp(last)
            .delay_since_last_sender_report_timestamp(delay)
    }
}

fn sequence_distance(newer: u16, older: u16) -> u32 {
    u32::from(newer.wrapping_sub(older)).min(127)
}

/// Seconds in 16.16 format.
fn to_ntp_short(duration: Duration) -> u32 {
    (duration.as_secs_f64() * 65_536.0) as u32
}

fn from_ntp_short(value: u32) -> Duration {
    Duration::from_secs_f64(f64::from(value) / 65_536.0)
}

fn append_cname(ssrc: u32, cname: &str, out: &mut Vec<u8>) {
    let mut end = cname.len().min(MAX_CNAME_BYTES);
    while !cname.is_char_boundary(end) {
        end -= 1;
    }
    let item = SdesItem::builder(SdesItem::CNAME, &cname[..end]);
    append(
        &Sdes::builder().add_chunk(SdesChunk::builder(ssrc).add_item(item)),
        out,
    );
}

fn append(packet: &impl RtcpPacketWriterExt, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + MAX_REPORT_BYTES, 0);
    // Every value is within the limits that the writer checks, so nothing is refused.
    let written = packet.write_into(&mut out[start..]).unwrap_or(0);
    out.truncate(start + written);
}
