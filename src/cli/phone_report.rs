//! What `omnigate phone` tells at the end.

use crate::calls::CallMedia;
use crate::gateway::PhoneOutcome;
use omnigate_rtp::quality;
use omnigate_sip::{CallEnd, Cause};
use serde::Serialize;
use std::time::Duration;

/// Figures of a test call.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// Answered with 200.
    pub(super) answered: bool,
    /// Final SIP status of the INVITE.
    pub(super) status: u16,
    /// INVITE to 200, milliseconds.
    pub(super) answer_ms: Option<f64>,
    /// Digits keyed.
    pub(super) digits_sent: usize,
    /// RTP packets sent.
    pub(super) packets_sent: u64,
    /// RTP packets received.
    pub(super) packets_received: u64,
    /// RTP packets lost on the way to us.
    pub(super) packets_lost: u64,
    /// Share lost, 0 to 1.
    pub(super) loss: f64,
    /// RFC 3550 jitter, milliseconds.
    pub(super) jitter_ms: f64,
    /// Round trip time by RTCP, milliseconds.
    pub(super) rtt_ms: Option<f64>,
    /// Estimated listening quality, 1.0 to 4.5 (ITU-T G.107).
    pub(super) mos: Option<f64>,
    /// `hung_up`, `remote_hung_up`, `refused`, `no_response`.
    pub(super) end: &'static str,
    /// The other side's reason, when its BYE or refusal gave one.
    pub(super) reason: Option<String>,
}

impl Report {
    pub(super) fn new(outcome: PhoneOutcome) -> Report {
        let mut report = Report {
            answered: outcome.answered_after.is_some(),
            answer_ms: outcome.answered_after.map(|after| after.as_secs_f64() * 1000.0),
            digits_sent: outcome.keys,
            ..Report::default()
        };
        report.ended(outcome.end);
        if let Some(media) = outcome.media.filter(|_| report.answered) {
            report.heard(&media);
        }
        report
    }

    fn ended(&mut self, end: Option<CallEnd>) {
        self.status = if self.answered { 200 } else { 0 };
        self.end = if self.answered {
            "remote_hung_up"
        } else {
            "no_response"
        };
        match end {
            Some(CallEnd::LocalHungUp) => self.end = "hung_up",
            Some(CallEnd::RemoteHungUp(causes)) => self.reason = causes.first().map(words),
            Some(CallEnd::Rejected(rejection)) => {
                self.status = rejection.status.code();
                self.end = "refused";
                self.reason = Some(rejection.warning.unwrap_or(rejection.phrase));
            }
            _ => {}
        }
    }

    fn heard(&mut self, media: &CallMedia) {
        self.packets_sent = media.sent;
        self.packets_received = media.received;
        self.packets_lost = media.lost;
        self.loss = media.loss_fraction;
        self.jitter_ms = media.jitter_seconds * 1000.0;
        self.rtt_ms = media.rtt.map(|rtt| rtt.as_secs_f64() * 1000.0);
        let jitter = Duration::from_secs_f64(media.jitter_seconds.max(0.0));
        let heard = media.received > 0;
        self.mos = heard.then(|| quality::mos(media.loss_fraction, jitter, media.rtt, quality::Codec::G711));
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let show = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.1}"));
        format!(
            "status {}  answered after {} ms  end {}{}\nsent {} packets, {} digits  received {} packets, lost {} ({:.1} %)\njitter {:.1} ms  round trip {} ms  MOS {}",
            self.status,
            show(self.answer_ms),
            self.end,
            self.reason
                .as_ref()
                .map(|r| format!(" ({r})"))
                .unwrap_or_default(),
            self.packets_sent,
            self.digits_sent,
            self.packets_received,
            self.packets_lost,
            self.loss * 100.0,
            self.jitter_ms,
            show(self.rtt_ms),
            show(self.mos),
        )
    }
}

fn words(cause: &Cause) -> String {
    let text = cause.text.as_deref().unwrap_or_default();
    format!(
        "{};cause={};text=\"{text}\"",
        cause.protocol,
        cause.cause.unwrap_or_default()
    )
}
