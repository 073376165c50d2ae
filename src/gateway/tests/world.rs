//! The gateway, what is around it, and a telephone that calls.

use super::air::Air;
use super::phone::Phone;
use super::rooms::Desk;
use crate::calls::CallRegistry;
use crate::config::load_text;
use crate::directory::{GuessLimits, Guesses};
use crate::gateway::{Gateway, GatewayParts, Prompts};
use crate::media::{MadeShards, MediaPlane, MediaSettings, Net};
use crate::observe::{Health, Metrics};
use crate::rooms::DialOrder;
use crate::sip::{OwnSide, Sip, SipParts, SourceFilter};
use crate::supervise::Supervisor;
use crate::trunks::{CurrentTrunks, Trunks};
use bytes::Bytes;
use omnigate_omnitalk::Dialling;
use omnigate_room::CallId;
use omnigate_rtc::VideoCodec;
use omnigate_sip::message::Transport;
use omnigate_sip::{Hop, Listener, ListenerId, Listeners, Peer, Proof};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub(super) const GATEWAY: SocketAddr = SocketAddr::new(SERVER, 5060);
const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
pub(super) const CARRIER: SocketAddr = SocketAddr::new(OUTSIDE, 5060);
/// The made clock's step.
const STEP: Duration = Duration::from_millis(10);
/// Turns that the tasks get at each step: more than the longest way from one to the next.
const TURNS: usize = 30;

pub(super) struct World {
    pub(super) phone: Phone,
    pub(super) desk: Desk,
    pub(super) air: Air,
    pub(super) gateway: Arc<Gateway>,
    orders: mpsc::UnboundedSender<DialOrder>,
    pub(super) calls: Arc<CallRegistry>,
    pub(super) health: Arc<Health>,
    shards: MadeShards,
    _media: Arc<MediaPlane>,
}

/// With these lines for the trunk and the service.
fn settings(trunk: &str, service: &str) -> crate::config::Settings {
    let toml = format!(
        r#"
        [[trunk]]
        name = "carrier"
        allow = ["198.51.100.0/24"]
        gateways = ["sip:198.51.100.1"]
        destinations = ["*"]
        callers = [{{ number = "070-1234-5678", proof = "contract" }}]
        {trunk}
        [[service]]
        id = "demo"
        key = "demo"
        caller = "070-1234-5678"
        {service}
    "#
    );
    load_text(&toml, []).unwrap()
}

fn media_settings() -> MediaSettings {
    MediaSettings {
        bind: SERVER,
        advertise: vec![SERVER],
        rtp_ports: 20_000..=20_999,
        webrtc_port: 10_000,
        webrtc_tcp: false,
        shards: 1,
        silence_timeout: Duration::from_secs(30),
        video_codecs: vec![VideoCodec::Vp8],
    }
}

impl World {
    /// Call it within a runtime whose clock is stopped.
    pub(super) fn new() -> World {
        World::with("longest_minutes = 1", "")
    }

    /// The same with these lines for the trunk and the service.
    pub(super) fn with(trunk: &str, service: &str) -> World {
        let (now, net) = (now(), Net::default());
        let (sender, _) = mpsc::unbounded_channel();
        let (media, shards) = MediaPlane::made(media_settings(), &sender, &net, now).unwrap();
        let settings = settings(trunk, service);
        let (metrics, health) = (Arc::new(Metrics::new()), Arc::new(Health::default()));
        let supervisor = Supervisor::new().0;
        let air = Air::default();
        let listeners = Listeners::new(vec![Listener {
            transport: Transport::Udp,
            bound: GATEWAY,
            advertised: None,
        }]);
        let parts = SipParts {
            filter: Arc::new(SourceFilter::new(
                Trunks::new(&settings).networks(),
                1000,
                Instant::now(),
            )),
            metrics: metrics.clone(),
            health: health.clone(),
            doorkeeper: None,
        };
        let own = OwnSide {
            addresses: vec![(Transport::Udp, GATEWAY)],
            listeners,
            ..OwnSide::default()
        };
        let (sip, incoming) = Sip::run(air.clone(), own, Vec::new(), 5, parts, &supervisor);
        let (desk, calls) = (Desk::default(), Arc::new(CallRegistry::default()));
        let guesses = Guesses::new(GuessLimits {
            per_caller: settings.ivr.wrong_per_caller,
            per_client: 20,
            per_number: settings.ivr.wrong_per_number,
        });
        let parts = GatewayParts {
            guesses: Arc::new(guesses),
            media: media.clone(),
            directory: Arc::new(desk.clone()),
            rooms: Arc::new(desk.clone()),
            prompts: Prompts::load(None).unwrap(),
            calls: calls.clone(),
            metrics,
            health: health.clone(),
            sip,
            trunks: CurrentTrunks::new(Trunks::new(&settings)),
        };
        let gateway = Gateway::new(&settings, parts);
        supervisor.task("gateway", gateway.clone().run(incoming));
        let (orders, to_dial) = mpsc::unbounded_channel();
        supervisor.task("dialler", gateway.clone().dial(to_dial));
        let rtp = net.bind(SocketAddr::new(OUTSIDE, 40_000)).unwrap();
        World {
            phone: Phone::new(rtp, now),
            desk,
            air,
            gateway,
            orders,
            calls,
            health,
            shards,
            _media: media,
        }
    }

    pub(super) async fn step(&mut self) {
        tokio::time::advance(STEP).await;
        let now = now();
        if self.phone.endpoint.deadline().is_some_and(|at| at <= now) {
            self.phone.endpoint.timeout(now);
        }
        self.phone.step(now);
        self.carry().await;
        for shard in 0..self.shards.count() {
            self.shards.turn(shard, now);
        }
        self.carry().await;
    }

    /// Lets all that has something to say say it.
    async fn carry(&mut self) {
        for _ in 0..TURNS {
            let way = |from, to| Hop::datagram(ListenerId(0), from, to);
            for bytes in self.phone.carry() {
                let mut hop = way(GATEWAY, CARRIER);
                hop.peer = Some(Peer::new("carrier", Proof::Address));
                self.air.blow(hop, bytes);
            }
            while let Some(bytes) = self.air.catch() {
                self.phone.hear(&bytes, now());
            }
            tokio::task::yield_now().await;
        }
    }

    pub(super) async fn run(&mut self, time: Duration) {
        for _ in 0..time.as_millis() / STEP.as_millis() {
            self.step().await;
        }
    }

    /// Lets time pass until it is so, at most two minutes of it.
    pub(super) async fn until(&mut self, what: &str, so: impl Fn(&World) -> bool) {
        for _ in 0..12_000 {
            if so(self) {
                return;
            }
            self.step().await;
        }
        panic!("it did not come to pass: {what}");
    }

    /// A raw message of the carrier's.
    pub(super) fn raw(&self, message: String) {
        let mut hop = Hop::datagram(ListenerId(0), GATEWAY, CARRIER);
        hop.peer = Some(Peer::new("carrier", Proof::Address));
        self.air.blow(hop, Bytes::from(message));
    }

    /// An app wants to call this number.
    pub(super) fn dial(&self, number: &str) {
        let dialling = Dialling {
            service_id: "demo".to_owned(),
            number: number.to_owned().into(),
            user_id: "alice".to_owned().into(),
        };
        let call = CallId::new(1_700_000_000_000, 7);
        self.orders.send(DialOrder { call, dialling }).unwrap();
    }

    /// The state of the only call.
    pub(super) fn state(&self) -> Option<&'static str> {
        self.calls.all().first().map(|call| call.state)
    }

    /// A call that is up, whose menu speaks.
    pub(super) async fn up(&mut self) {
        self.phone.dial("07012345678", now());
        self.until("the menu is heard", |w| w.phone.heard > 5).await;
    }

    /// How the only call has ended.
    pub(super) fn reason(&self) -> Option<&'static str> {
        self.calls.all().iter().find_map(|c| c.reason)
    }

    /// Nothing is left of anything.
    pub(super) async fn nothing_left(&mut self) {
        self.run(Duration::from_secs(70)).await;
        assert!(self.shards.are_empty(), "a leg is left");
        assert_eq!(self.calls.live(), 0, "a call is left");
        assert_eq!(self.phone.endpoint.transactions(), (0, 0));
    }
}

pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
