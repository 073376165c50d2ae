//! Names of gateways and peers, asked of the DNS (RFC 3263): what drives `omnigate_sip::resolve`.

use crate::sync::lock;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use omnigate_sip::message::Transport;
use omnigate_sip::resolve::{
    Candidate, Failure, Families, Found, Lookup, Naptr, Question, Records, ResolveError, Srv, Step, Target,
    Ways,
};
use omnigate_sip::{Listeners, Random};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};
use tracing::warn;

/// Asks name servers; the resolver remembers what they said as long as that is good. Each question for a gateway is answered
/// anew, so that hosts get the share of calls that their weights say (RFC 2782).
#[derive(Debug)]
pub(super) struct Names {
    /// Those to ask; none: the system's.
    servers: Vec<SocketAddr>,
    ways: Ways,
    /// Made when the first name is asked for.
    resolver: OnceLock<Option<TokioResolver>>,
    random: Mutex<Random>,
}

impl Names {
    /// `listeners` say by which transports and address families we can send.
    pub(super) fn new(servers: Vec<SocketAddr>, listeners: &Listeners, seed: u64) -> Names {
        let speaks = |transport| listeners.iter().any(|one| one.transport == transport);
        let any = |wanted: fn(&IpAddr) -> bool| listeners.iter().any(|one| wanted(&one.bound.ip()));
        let families = match (any(IpAddr::is_ipv4), any(IpAddr::is_ipv6)) {
            (false, true) => Families::V6,
            (true, true) => Families::V4First,
            _ => Families::V4,
        };
        let transports = [Transport::Udp, Transport::Tcp, Transport::Tls];
        let transports = transports.into_iter().filter(|one| speaks(*one)).collect();
        Names {
            servers,
            ways: Ways { transports, families },
            resolver: OnceLock::new(),
            random: Mutex::new(Random::new(seed)),
        }
    }

    /// Where these are, best first.
    ///
    /// # Errors
    /// [`ResolveError`]
    pub(super) async fn resolve(&self, targets: &[Target]) -> Result<Vec<Candidate>, ResolveError> {
        let mut lookup = Lookup::new(targets, self.ways.clone(), &mut lock(&self.random));
        let mut asked = FuturesUnordered::new();
        let result = loop {
            match lookup.poll() {
                Step::Ask(question) => asked.push(async {
                    let answer = self.ask(&question).await;
                    (question, answer)
                }),
                Step::Done(result) => break result,
                _ => match asked.next().await {
                    Some((question, answer)) => {
                        lookup.answer(&question, answer, &mut lock(&self.random));
                    }
                    // It waits for nothing: that cannot be, and must not hang a call.
                    None => break Err(ResolveError::Failed),
                },
            }
        };
        result.map(|resolved| resolved.candidates)
    }

    async fn ask(&self, question: &Question) -> Result<Found, Failure> {
        let Some(resolver) = self.resolver.get_or_init(|| resolver(&self.servers)) else {
            return Err(Failure::Failed);
        };
        let (name, kind) = match question {
            Question::Naptr(name) => (name, RecordType::NAPTR),
            Question::Srv(name) => (name, RecordType::SRV),
            Question::A(name) => (name, RecordType::A),
            Question::Aaaa(name) => (name, RecordType::AAAA),
            _ => return Err(Failure::Failed),
        };
        // With a dot at its end it is the whole name: no search list is tried.
        let found = resolver.lookup(format!("{name}."), kind).await;
        let found = found.map_err(|error| {
            if error.is_no_records_found() || error.is_nx_domain() {
                Failure::Nothing
            } else {
                warn!(%error, "a name server gives no answer");
                Failure::Failed
            }
        })?;
        let ttl = found.valid_until().saturating_duration_since(Instant::now());
        let data = || found.answers().iter().map(|record| &record.data);
        let records = match kind {
            RecordType::NAPTR => Records::Naptr(data().filter_map(naptr).collect()),
            RecordType::SRV => Records::Srv(data().filter_map(srv).collect()),
            _ => Records::Addresses(data().filter_map(address).collect()),
        };
        Ok(Found {
            records,
            ttl: ttl.max(Duration::from_secs(1)),
        })
    }
}

fn resolver(servers: &[SocketAddr]) -> Option<TokioResolver> {
    let built = if servers.is_empty() {
        TokioResolver::builder_tokio().and_then(|builder| builder.build())
    } else {
        let server = |at: &SocketAddr| {
            let on_its_port = |mut connection: ConnectionConfig| {
                connection.port = at.port();
                connection
            };
            let both = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
            NameServerConfig::new(at.ip(), true, both.map(on_its_port).to_vec())
        };
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.iter().map(server).collect());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).build()
    };
    built
        .inspect_err(|error| warn!(%error, "no name can be resolved"))
        .ok()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn name(name: &hickory_resolver::proto::rr::Name) -> String {
    let written = name.to_ascii();
    match written.strip_suffix('.') {
        Some("") | None => written,
        Some(name) => name.to_ascii_lowercase(),
    }
}

fn naptr(data: &RData) -> Option<Naptr> {
    let RData::NAPTR(naptr) = data else { return None };
    Some(Naptr {
        order: naptr.order,
        preference: naptr.preference,
        flags: text(&naptr.flags),
        service: text(&naptr.services),
        regexp: text(&naptr.regexp),
        replacement: name(&naptr.replacement),
    })
}

fn srv(data: &RData) -> Option<Srv> {
    let RData::SRV(srv) = data else { return None };
    Some(Srv {
        priority: srv.priority,
        weight: srv.weight,
        port: srv.port,
        target: name(&srv.target),
    })
}

fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(a) => Some(IpAddr::V6(a.0)),
        _ => None,
    }
}
