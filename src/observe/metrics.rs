//! Prometheus figures. Labels are bounded: never a number, never a call id.

use super::page::Page;
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::info::Info;
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram};
use prometheus_client::registry::{Metric, Registry, Unit};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    trunk: String,
    class: &'static str,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TrunkLabel {
    trunk: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RegistrationLabels {
    trunk: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandshakeLabels {
    side: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GatewayLabels {
    trunk: String,
    gateway: String,
}

/// All counters of the control plane; the media plane's are read when asked.
pub struct Metrics {
    registry: Registry,
    calls_active: Family<Label, Gauge>,
    calls_ended: Family<CallLabels, Counter>,
    call_seconds: Histogram,
    answer_seconds: Histogram,
    bridge_seconds: Histogram,
    invites: Counter,
    digits: Family<Label, Counter>,
    lookups: Family<Label, Counter>,
    sip_dropped: Family<Label, Counter>,
    tls_handshakes: Family<HandshakeLabels, Counter>,
    sip_digest: Family<Label, Counter>,
    http_refused: Family<Label, Counter>,
    loss: Histogram,
    jitter: Histogram,
    guess_alarm: Counter,
    dialogs: Gauge,
    dials: Family<Label, Counter>,
    dials_refused: Family<Label, Counter>,
    registered: Family<TrunkLabel, Gauge>,
    registrations: Family<RegistrationLabels, Counter>,
    gateways_up: Family<GatewayLabels, Gauge>,
    transfers: Family<Label, Counter>,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

fn label(kind: &str) -> Label {
    Label {
        kind: kind.to_owned(),
    }
}

/// A counter or gauge, or a family of them, in the registry under this name.
fn counted<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

/// The same of seconds, sorted by these upper bounds.
fn timed<const N: usize>(registry: &mut Registry, name: &str, help: &str, bounds: [f64; N]) -> Histogram {
    let metric = Histogram::new(bounds);
    registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
    metric
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Metrics {
        const SET_UP: [f64; 12] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
        let mut all = Registry::with_prefix("omnigate");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        all.register("build", "Version", build);
        let loss = Histogram::new([0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3]);
        all.register("rtp_loss_ratio", "Share of RTP lost, a call", loss.clone());
        Metrics {
            calls_active: counted(&mut all, "calls_active", "Phone calls by state"),
            calls_ended: counted(
                &mut all,
                "calls_ended",
                "Phone calls by trunk, class and reason of their end",
            ),
            call_seconds: timed(
                &mut all,
                "call_duration",
                "Answer to end",
                [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0],
            ),
            answer_seconds: timed(&mut all, "call_answer", "INVITE to 200", SET_UP),
            bridge_seconds: timed(&mut all, "call_bridge", "Last digit to bridged audio", SET_UP),
            invites: counted(&mut all, "invites", "Initial INVITEs received"),
            digits: counted(&mut all, "digits", "Key presses by source"),
            lookups: counted(&mut all, "lookups", "Call number look-ups by result"),
            sip_dropped: counted(&mut all, "sip_dropped", "SIP messages not handed on, by reason"),
            sip_digest: counted(
                &mut all,
                "sip_digest",
                "INVITEs of callers that are asked for a password, by outcome",
            ),
            tls_handshakes: counted(
                &mut all,
                "sip_tls_handshakes",
                "TLS handshakes of SIP: accepted and dialled, by outcome",
            ),
            http_refused: counted(
                &mut all,
                "http_refused",
                "Connections and WebSockets not served, by reason",
            ),
            loss,
            jitter: timed(
                &mut all,
                "rtp_jitter",
                "RFC 3550 jitter, a call",
                [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2],
            ),
            guess_alarm: counted(
                &mut all,
                "guess_alarms",
                "Called numbers that passed the limit of wrong entries",
            ),
            dialogs: counted(&mut all, "sip_dialogs", "SIP dialogs"),
            dials: counted(&mut all, "dials", "INVITEs sent to gateways, by trunk"),
            registered: counted(
                &mut all,
                "trunk_registered",
                "Whether a trunk is registered at its registrar",
            ),
            transfers: counted(
                &mut all,
                "transfers",
                "Transfers of telephone calls: transferred, or why not",
            ),
            gateways_up: counted(
                &mut all,
                "trunk_gateway_up",
                "Whether a gateway takes calls, as its answers to OPTIONS and calls say",
            ),
            registrations: counted(
                &mut all,
                "trunk_registrations",
                "What came of registering: registered, retrying, lost, failed",
            ),
            dials_refused: counted(
                &mut all,
                "dials_refused",
                "Calls to telephones that were not made, by rule",
            ),
            registry: all,
        }
    }

    /// A call entered a state.
    pub fn call_enters(&self, state: &str) {
        self.calls_active.get_or_create(&label(state)).inc();
    }

    /// A call left a state.
    pub fn call_leaves(&self, state: &str) {
        self.calls_active.get_or_create(&label(state)).dec();
    }

    /// So many calls have a dialog.
    pub fn dialogs(&self, calls: usize) {
        self.dialogs.set(i64::try_from(calls).unwrap_or(i64::MAX));
    }

    /// A call ended: its trunk's name, the class of its end (`normal`, `refused`, `failed`) and the reason within
    /// the class.
    pub fn call_ended(
        &self,
        trunk: &str,
        class: &'static str,
        reason: &'static str,
        answered_for: Option<Duration>,
    ) {
        let labels = CallLabels {
            trunk: trunk.to_owned(),
            class,
            reason,
        };
        self.calls_ended.get_or_create(&labels).inc();
        if let Some(d) = answered_for {
            self.call_seconds.observe(d.as_secs_f64());
        }
    }

    /// INVITE to 200.
    pub fn answered(&self, after: Duration) {
        self.answer_seconds.observe(after.as_secs_f64());
    }

    /// Last digit to bridged audio.
    pub fn bridged(&self, after: Duration) {
        self.bridge_seconds.observe(after.as_secs_f64());
    }

    /// An initial INVITE.
    pub fn invite(&self) {
        self.invites.inc();
    }

    /// An INVITE to a gateway of this trunk.
    pub fn dial(&self, trunk: &str) {
        self.dials.get_or_create(&label(trunk)).inc();
    }

    /// A call to a telephone that was not made, because of this rule.
    pub fn dial_refused(&self, rule: &str) {
        self.dials_refused.get_or_create(&label(rule)).inc();
    }

    /// Whether a trunk is registered.
    pub fn registered(&self, trunk: &str, now: bool) {
        let trunk = trunk.to_owned();
        self.registered
            .get_or_create(&TrunkLabel { trunk })
            .set(now.into());
    }

    /// The trunk does not register any more.
    pub fn registers_no_more(&self, trunk: &str) {
        let trunk = trunk.to_owned();
        self.registered.remove(&TrunkLabel { trunk });
    }

    /// A transfer has come about, or not: why.
    pub fn transfer(&self, outcome: &str) {
        self.transfers.get_or_create(&label(outcome)).inc();
    }

    /// Whether a gateway of a trunk takes calls.
    pub fn gateway_up(&self, trunk: &str, gateway: &str, now: bool) {
        let labels = GatewayLabels {
            trunk: trunk.to_owned(),
            gateway: gateway.to_owned(),
        };
        self.gateways_up.get_or_create(&labels).set(now.into());
    }

    /// What came of registering a trunk.
    pub fn registration(&self, trunk: &str, outcome: &'static str) {
        let trunk = trunk.to_owned();
        self.registrations
            .get_or_create(&RegistrationLabels { trunk, outcome })
            .inc();
    }

    /// A key press.
    pub fn digit(&self, source: &str) {
        self.digits.get_or_create(&label(source)).inc();
    }

    /// A look-up.
    pub fn lookup(&self, result: &str) {
        self.lookups.get_or_create(&label(result)).inc();
    }

    /// A SIP message not handed on.
    pub fn sip_dropped(&self, reason: &str) {
        self.sip_dropped.get_or_create(&label(reason)).inc();
    }

    /// What came of asking a caller for a password.
    pub fn sip_digest(&self, outcome: &str) {
        self.sip_digest.get_or_create(&label(outcome)).inc();
    }

    /// A TLS handshake of SIP: with who calls us (`accept`), or whom we call (`dial`).
    pub fn tls_handshake(&self, side: &'static str, outcome: &'static str) {
        self.tls_handshakes
            .get_or_create(&HandshakeLabels { side, outcome })
            .inc();
    }

    /// A connection or WebSocket not served.
    pub fn http_refused(&self, reason: &str) {
        self.http_refused.get_or_create(&label(reason)).inc();
    }

    /// Quality of an ended leg.
    pub fn quality(&self, loss: f64, jitter_seconds: f64) {
        self.loss.observe(loss);
        self.jitter.observe(jitter_seconds);
    }

    /// A called number passed the limit of wrong entries.
    pub fn guess_alarm(&self) {
        self.guess_alarm.inc();
    }

    /// What it has counted, as the beginning of a page.
    pub fn page(&self) -> Page {
        let mut text = String::new();
        let _ = encode(&mut text, &self.registry);
        Page::new(text)
    }
}
