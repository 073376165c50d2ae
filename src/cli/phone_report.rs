//! What `omnigate phone` tells at the end.

use serde::Serialize;

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
    pub(super) packets_sent: u32,
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
