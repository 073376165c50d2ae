//! Keeps what trunks have registered, so that calls come in by there, and takes it away when the service stops.

use super::follow;
use super::line::{now, sleep_until};
use super::shared::Gateway;
use crate::sip::Sip;
use crate::supervise::test_point;
use crate::trunks::{Registrar, RegistrationState, Trunks};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, OptionFuture};
use omnigate_sip::message::{Request, Response};
use omnigate_sip::registration::{Event, Output, Registration, Settings};
use omnigate_sip::resolve::Candidate;
use omnigate_sip::{Hop, Random};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

/// Until a registrar that was not found is looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Until a registrar that has refused for good is asked again: whoever runs it may have mended that.
const ASK_AGAIN: Duration = Duration::from_secs(1800);
/// For the registrar to hear that we leave; one that has gone itself must not keep the service from stopping.
const GOODBYE: Duration = Duration::from_secs(2);

impl Gateway {
    /// Registers what trunks say until the service stops; then nothing is registered any more.
    pub async fn register(self: Arc<Self>) {
        // The end of the service waits for it.
        let _busy = self.tasks.token();
        let registered = |trunks: &Trunks| {
            let all = trunks.registrars();
            all.map(|one| (one.trunk.clone(), one.clone())).collect()
        };
        follow::each(&self.trunks, &self.leaving, registered, |registrar, end| {
            let span = info_span!("registration", trunk = registrar.trunk);
            let gateway = self.clone();
            let keep = async move {
                Keeper::new(&gateway, &registrar).run(&end).await;
                let trunks = gateway.trunks.get();
                if !trunks.registrars().any(|one| one.trunk == registrar.trunk) {
                    gateway.metrics.registers_no_more(&registrar.trunk);
                }
            };
            keep.instrument(span)
        })
        .await;
    }
}

/// A connection that ends sooner is not made anew before this time is over: some registrars close every one.
const STEADY: Duration = Duration::from_secs(30);

/// Keeps the binding of one trunk.
struct Keeper<'a> {
    gateway: &'a Gateway,
    registrar: &'a Registrar,
    random: Random,
    /// How many hosts of the registrars have not answered: the next one is asked.
    silent: usize,
    /// How many there are.
    hosts: usize,
    /// What was asked last.
    request: Option<Request>,
    /// Which way the last request went.
    asked: Option<Hop>,
    /// It has been told that it is bound.
    bound: bool,
}

/// The connection that calls come in by.
struct Flow {
    /// Ends when it has.
    gone: OptionFuture<BoxFuture<'static, ()>>,
    watched: bool,
    /// A keep-alive, and whether it was answered.
    asked: OptionFuture<BoxFuture<'static, bool>>,
    /// The registrar has said that it answers those.
    answers: bool,
    /// When it was made.
    since: Instant,
    /// It is gone: when the binding is to be made anew.
    anew: Option<Instant>,
}

impl Flow {
    fn new() -> Flow {
        Flow {
            gone: None.into(),
            watched: false,
            asked: None.into(),
            answers: false,
            since: now(),
            anew: None,
        }
    }
}

/// The answer to a request, by its CSeq.
type Asked = BoxFuture<'static, (u32, Option<Box<Response>>)>;

impl<'a> Keeper<'a> {
    fn new(gateway: &'a Gateway, registrar: &'a Registrar) -> Keeper<'a> {
        gateway.metrics.registered(&registrar.trunk, false);
        Keeper {
            gateway,
            registrar,
            random: Random::new(rand::random()),
            silent: 0,
            hosts: 0,
            request: None,
            asked: None,
            bound: false,
        }
    }

    async fn run(mut self, leaving: &CancellationToken) {
        let first = async {
            loop {
                if let Some(hop) = self.way().await {
                    return hop;
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let Some(hop) = leaving.run_until_cancelled(first).await else {
            return;
        };
        let own = self.gateway.sip.listeners().own(&hop);
        match self.registrar.settings(&own, hop.transport) {
            Ok(settings) => self.keep(settings, leaving).await,
            Err(error) => error!(%error, "what is to be registered is no SIP address"),
        }
    }

    async fn keep(&mut self, settings: Settings, leaving: &CancellationToken) {
        let mut machine = Registration::new(settings, &mut self.random);
        let mut asked: OptionFuture<Asked> = None.into();
        let mut again: Option<Instant> = None;
        let mut goodbye: Option<Instant> = None;
        let mut flow = Flow::new();
        machine.start(now());
        loop {
            while let Some(output) = machine.poll() {
                match output {
                    Output::Send(request) => asked = Some(self.ask(*request).await).into(),
                    Output::Event(Event::Unregistered { confirmed }) => return self.left(confirmed),
                    Output::Event(event) => {
                        again = matches!(event, Event::Failed(_)).then(|| now() + ASK_AGAIN);
                        self.tell(&event);
                        if let Event::Registered(granted) = event {
                            flow.answers = granted.outbound || granted.flow_timer.is_some();
                            self.watch(&mut flow);
                        }
                    }
                    Output::KeepAlive => {
                        let hop = self.asked.clone();
                        let sip = self.gateway.sip.clone();
                        flow.asked = hop
                            .map(|hop| async move { sip.keep_alive(hop).await }.boxed())
                            .into();
                    }
                    _ => {}
                }
            }
            let due = machine
                .deadline()
                .into_iter()
                .chain(again)
                .chain(goodbye)
                .chain(flow.anew)
                .min();
            tokio::select! {
                Some((cseq, answer)) = &mut asked => {
                    asked = None.into();
                    match answer {
                        Some(response) => machine.response(&response, now(), &mut self.random),
                        None => match self.elsewhere() {
                            Some(request) => asked = Some(self.ask(request).await).into(),
                            None => machine.failed(cseq, now(), &mut self.random),
                        },
                    }
                }
                Some(()) = &mut flow.gone => {
                    (flow.gone, flow.watched) = (None.into(), false);
                    info!("the connection to the registrar has ended; it is made anew");
                    flow.anew = Some(now().max(flow.since + STEADY));
                }
                Some(answered) = &mut flow.asked => {
                    flow.asked = None.into();
                    // RFC 5626 section 4.4.1: its end is told by `gone`.
                    if let Some(hop) = self.asked.clone().filter(|_| !answered && flow.answers) {
                        self.gateway.sip.cut(hop);
                    }
                }
                () = sleep_until(due) => {
                    if goodbye.is_some_and(|at| at <= now()) {
                        return self.left(false);
                    }
                    machine.timeout(now(), &mut self.random);
                    if flow.anew.is_some_and(|at| at <= now()) {
                        flow.anew = None;
                        machine.flow_lost(now());
                    }
                    if again.is_some_and(|at| at <= now()) {
                        again = None;
                        machine.start(now());
                    }
                }
                () = leaving.cancelled(), if goodbye.is_none() => {
                    goodbye = Some(now() + GOODBYE);
                    machine.stop(now());
                }
            }
            test_point("registrars");
        }
    }

    /// Calls come in by the connection that was registered by: it is kept, and its end is noticed.
    fn watch(&self, flow: &mut Flow) {
        let hop = self.asked.clone().filter(|hop| hop.transport.is_reliable());
        if hop.is_none() || flow.watched {
            return;
        }
        (flow.since, flow.anew, flow.watched) = (now(), None, true);
        flow.gone = hop.map(|hop| self.gateway.sip.watch(hop).boxed()).into();
    }

    /// Sends a request to the host whose turn it is.
    async fn ask(&mut self, request: Request) -> Asked {
        let cseq = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let hop = self.way().await;
        self.asked.clone_from(&hop);
        self.request = Some(request.clone());
        let sip: Sip = self.gateway.sip.clone();
        Box::pin(async move {
            match hop {
                Some(hop) => (cseq, sip.ask(request, hop).await),
                None => (cseq, None),
            }
        })
    }

    /// Nobody has answered: the request for the next host (RFC 3263 section 4.3), unless all have had their turn.
    fn elsewhere(&mut self) -> Option<Request> {
        self.silent += 1;
        let all = self.silent.is_multiple_of(self.hosts.max(1));
        self.request.clone().filter(|_| !all)
    }

    /// The way to the host whose turn it is.
    async fn way(&mut self) -> Option<Hop> {
        let sip = &self.gateway.sip;
        let found = match sip.resolve(self.registrar.targets()).await {
            Ok(found) => found,
            Err(error) => {
                warn!(%error, "the registrar is not found");
                if !self.bound {
                    let why = format!("the registrar is not found: {error}");
                    self.registrar
                        .set_state(RegistrationState::now("retrying", Some(why)));
                }
                return None;
            }
        };
        let reached = |to: &Candidate| sip.listeners().first_route(to.transport, to.address).is_some();
        let reached: Vec<Candidate> = found.into_iter().filter(reached).collect();
        self.hosts = reached.len();
        let Some(to) = reached.get(self.silent.checked_rem(reached.len()).unwrap_or(0)) else {
            warn!("no listener of ours reaches the registrar");
            return None;
        };
        self.registrar.found_at(to.address.ip());
        sip.way(to, &self.registrar.trunk)
    }

    fn tell(&mut self, event: &Event) {
        let metrics = &self.gateway.metrics;
        let trunk = &self.registrar.trunk;
        match event {
            Event::Registered(granted) => {
                if !std::mem::replace(&mut self.bound, true) {
                    info!(seconds = granted.expires.as_secs(), "registered");
                }
                metrics.registration(trunk, "registered");
                self.registrar.set_granted(granted);
                let transport = self.asked.as_ref().map(|hop| hop.transport.param());
                self.registrar
                    .set_state(RegistrationState::registered(transport, granted.expires));
            }
            Event::Retrying { at, why } => {
                let seconds = at.saturating_duration_since(now()).as_secs();
                let trouble = self.asked.as_ref();
                let trouble = trouble.and_then(|hop| self.gateway.sip.trouble(hop.remote));
                let why = match trouble {
                    Some(trouble) => format!("{why}: {trouble}"),
                    None => why.to_string(),
                };
                warn!(why, seconds, "not registered now; it is tried again");
                metrics.registration(trunk, "retrying");
                if !self.bound {
                    let state = RegistrationState::now("retrying", Some(why));
                    self.registrar.set_state(state);
                }
            }
            Event::Lost => {
                self.bound = false;
                self.registrar.forget_granted();
                warn!("no longer registered: calls do not come in by the registrar");
                metrics.registration(trunk, "lost");
                let why = "the time granted is over".to_owned();
                self.registrar
                    .set_state(RegistrationState::now("retrying", Some(why)));
            }
            Event::Failed(why) => {
                self.bound = false;
                self.registrar.forget_granted();
                error!(%why, "not registered: calls do not come in by the registrar; see trunk.register");
                metrics.registration(trunk, "failed");
                self.registrar
                    .set_state(RegistrationState::now("failed", Some(why.to_string())));
            }
            _ => {}
        }
        metrics.registered(trunk, self.bound);
    }

    fn left(&self, confirmed: bool) {
        self.registrar.forget_granted();
        self.gateway.metrics.registered(&self.registrar.trunk, false);
        self.registrar
            .set_state(RegistrationState::now("unregistered", None));
        info!(confirmed, "not registered any more");
    }
}
