//! Prometheus figures. Labels are bounded: never a number, never a call id.

use crate::media::MediaFigures;
use omnigate_omnitalk::Figures as HubFigures;
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram};
use prometheus_client::registry::{Registry, Unit};
use std::fmt::Write;
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
    http_refused: Family<Label, Counter>,
    loss: Histogram,
    jitter: Histogram,
    guess_alarm: Counter,
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

impl Metrics {
    /// All at zero.
    pub fn new() -> Metrics {
        let mut registry = Registry::with_prefix("omnigate");
        let set_up = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
        let m = Metrics {
            calls_active: Family::default(),
            calls_ended: Family::default(),
            call_seconds: Histogram::new([1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0]),
            answer_seconds: Histogram::new(set_up),
            bridge_seconds: Histogram::new(set_up),
            invites: Counter::default(),
            digits: Family::default(),
            lookups: Family::default(),
            sip_dropped: Family::default(),
            http_refused: Family::default(),
            loss: Histogram::new([0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3]),
            jitter: Histogram::new([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2]),
            guess_alarm: Counter::default(),
            registry: Registry::default(),
        };
        let build = prometheus_client::metrics::info::Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Version", build);
        registry.register("calls_active", "Phone calls by state", m.calls_active.clone());
        registry.register(
            "calls_ended",
            "Phone calls by trunk, class and reason of their end",
            m.calls_ended.clone(),
        );
        registry.register_with_unit(
            "call_duration",
            "Answer to end",
            Unit::Seconds,
            m.call_seconds.clone(),
        );
        registry.register_with_unit(
            "call_answer",
            "INVITE to 200",
            Unit::Seconds,
            m.answer_seconds.clone(),
        );
        registry.register_with_unit(
            "call_bridge",
            "Last digit to bridged audio",
            Unit::Seconds,
            m.bridge_seconds.clone(),
        );
        registry.register("invites", "Initial INVITEs received", m.invites.clone());
        registry.register("digits", "Key presses by source", m.digits.clone());
        registry.register("lookups", "Call number look-ups by result", m.lookups.clone());
        registry.register(
            "sip_dropped",
            "SIP messages not handed on, by reason",
            m.sip_dropped.clone(),
        );
        registry.register(
            "http_refused",
            "Connections and WebSockets not served, by reason",
            m.http_refused.clone(),
        );
        registry.register("rtp_loss_ratio", "Share of RTP lost, a call", m.loss.clone());
        registry.register_with_unit(
            "rtp_jitter",
            "RFC 3550 jitter, a call",
            Unit::Seconds,
            m.jitter.clone(),
        );
        registry.register(
            "guess_alarms",
            "Called numbers that passed the limit of wrong entries",
            m.guess_alarm.clone(),
        );
        Metrics { registry, ..m }
    }

    /// A call entered a state.
    pub fn call_enters(&self, state: &str) {
        self.calls_active.get_or_create(&label(state)).inc();
    }

    /// A call left a state.
    pub fn call_leaves(&self, state: &str) {
        self.calls_active.get_or_create(&label(state)).dec();
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

    /// The page in Prometheus text format.
    pub fn render(&self, media: &MediaFigures, hub: &HubFigures) -> String {
        let mut out = String::new();
        let _ = encode(&mut out, &self.registry);
        let tail = out.strip_suffix("# EOF\n").map(str::len);
        out.truncate(tail.unwrap_or(out.len()));
        let gauges: [(&str, u64, &str); 18] = [
            ("media_legs", media.legs, "Phone legs"),
            ("media_peers", media.peers, "WebRTC peers"),
            (
                "webrtc_tcp_connections",
                media.tcp_connections,
                "TCP connections on WebRTC ports",
            ),
            ("media_streams", media.streams, "Published videos"),
            ("media_viewers", media.viewers, "Viewers of videos"),
            ("media_rooms", media.rooms, "Mixers, callers in the IVR included"),
            (
                "media_command_queue",
                media.queue,
                "Orders waiting in the media threads' queues",
            ),
            ("media_ports_used", media.ports_used, "RTP port pairs in use"),
            ("signaling_sockets", hub.sockets as u64, "WebSockets"),
            ("signaling_sessions", hub.sessions as u64, "Sessions"),
            ("signaling_rooms", hub.rooms as u64, "Rooms"),
            (
                "signaling_participants",
                hub.participants as u64,
                "Participants, telephones included",
            ),
            (
                "signaling_telephones",
                hub.telephones as u64,
                "Telephone participants",
            ),
            (
                "signaling_ringing_calls",
                hub.ringing_calls as u64,
                "Calls that ring",
            ),
            ("recordings_active", hub.recordings as u64, "Recordings that run"),
            ("signaling_numbers", hub.numbers as u64, "Call numbers in use"),
            (
                "media_events_lost",
                media.events_lost,
                "Media events that found a full queue",
            ),
            (
                "media_failures",
                media.failures,
                "Members removed after a fault in the media plane",
            ),
        ];
        for (name, value, help) in gauges {
            family(&mut out, name, "gauge", "", value, help);
        }
        let counters: [(&str, u64, &str); 10] = [
            (
                "rtp_received_packets",
                media.rtp_received,
                "RTP packets from phones",
            ),
            ("rtp_sent_packets", media.rtp_sent, "RTP packets to phones"),
            (
                "rtp_rejected_packets",
                media.rtp_rejected,
                "RTP packets from sources that are not the caller's",
            ),
            (
                "rtp_lost_packets",
                media.rtp_lost,
                "RTP packets lost, ended calls",
            ),
            (
                "webrtc_received_packets",
                media.webrtc_received,
                "Datagrams received on WebRTC ports",
            ),
            (
                "webrtc_sent_packets",
                media.webrtc_sent,
                "Datagrams sent from WebRTC ports",
            ),
            (
                "recording_missing_packets",
                media.capture_missing,
                "Packets of recorded members that found the queue full",
            ),
            (
                "video_received_packets",
                media.video_received,
                "Video packets from publishers",
            ),
            (
                "video_forwarded_packets",
                media.video_forwarded,
                "Video packets to viewers, one each",
            ),
            (
                "video_key_frame_requests",
                media.key_frames_requested,
                "Key frames asked of publishers",
            ),
        ];
        for (name, value, help) in counters {
            family(&mut out, name, "counter", "_total", value, help);
        }
        let name = "omnigate_media_tick_lateness_seconds";
        let _ = write!(
            out,
            "# HELP {name} How late the 20 ms ticks run.\n# TYPE {name} histogram\n"
        );
        for (bound, count) in crate::media::LATENESS_BOUNDS_MS.iter().zip(media.lateness) {
            let _ = writeln!(out, "{name}_bucket{{le=\"{}\"}} {count}", *bound as f64 / 1000.0);
        }
        let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {}", media.ticks);
        let _ = writeln!(
            out,
            "{name}_sum {}\n{name}_count {}\n# EOF",
            media.lateness_seconds, media.ticks
        );
        out
    }
}

/// One family with a single sample.
pub(super) fn family(out: &mut String, name: &str, kind: &str, suffix: &str, value: u64, help: &str) {
    let _ = write!(
        out,
        "# HELP omnigate_{name} {help}.\n# TYPE omnigate_{name} {kind}\nomnigate_{name}{suffix} {value}\n"
    );
}
