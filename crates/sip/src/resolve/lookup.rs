//! Which question follows from which answer.
//!
//! ```text
//!   name alone ──▶ NAPTR ──▶ its SRVs in order        ┌──▶ A, AAAA ──▶ candidates
//!                    │ none                           │
//!                    ▼                                │
//!   transport ───▶ SRV of each transport ── found ────┤
//!                    │ none                           │
//!                    ▼                                │
//!   port ────────▶ the name itself, UDP or TLS ───────┘
//!   address ─────────────────────────────────────────────▶ candidate
//! ```
//!
//! The lookup is a list of leads in the order of preference; an answer turns a lead into others at its place. All that is
//! not yet known is asked at once. Every step goes down (NAPTR, SRV, address), so no records make it run in a circle.

use super::candidate::Candidate;
use super::lead::{Group, Lead, Way, normal, srv_name};
use super::order::{naptr, service, srv};
use super::outcome::{MAX_CANDIDATES, MAX_QUESTIONS, MAX_TARGETS, MAX_TTL, ResolveError, Resolved, Step};
use super::question::{Failure, Found, Question, Records};
use super::target::{Place, Target, Ways};
use crate::message::Transport;
use crate::random::Random;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

/// One lookup. Poll it until it says [`Step::Wait`], answer, poll again.
#[derive(Debug)]
pub struct Lookup {
    ways: Ways,
    leads: Vec<Lead>,
    groups: Vec<Group>,
    answers: HashMap<Question, Result<Found, Failure>>,
    /// Questions that [`Lookup::poll`] has not given out.
    unasked: VecDeque<Question>,
    asked: Vec<Question>,
    ttl: Duration,
    error: Option<ResolveError>,
}

impl Lookup {
    /// Looks for `targets`, the first first.
    pub fn new(targets: &[Target], ways: Ways, random: &mut Random) -> Lookup {
        let mut lookup = Lookup {
            ways,
            leads: Vec::new(),
            groups: Vec::new(),
            answers: HashMap::new(),
            unasked: VecDeque::new(),
            asked: Vec::new(),
            ttl: MAX_TTL,
            error: None,
        };
        for target in targets.iter().take(MAX_TARGETS) {
            let leads = lookup.begin(target);
            lookup.leads.extend(leads);
        }
        lookup.advance(random);
        lookup
    }

    /// The next step. [`Step::Done`] comes again at every later call.
    pub fn poll(&mut self) -> Step {
        if let Some(question) = self.unasked.pop_front() {
            return Step::Ask(question);
        }
        if self.leads.iter().any(|lead| !matches!(lead, Lead::Known(_))) {
            return Step::Wait;
        }
        Step::Done(self.result())
    }

    /// Takes the answer to a question; what was not asked, or was answered before, changes nothing.
    pub fn answer(&mut self, question: &Question, answer: Result<Found, Failure>, random: &mut Random) {
        if !self.asked.contains(question) || self.answers.contains_key(question) {
            return;
        }
        if let Ok(found) = &answer {
            self.ttl = self.ttl.min(found.ttl);
        }
        self.unasked.retain(|q| q != question);
        self.answers.insert(question.clone(), answer);
        self.advance(random);
    }

    fn result(&self) -> Result<Resolved, ResolveError> {
        let mut candidates: Vec<Candidate> = Vec::new();
        for lead in &self.leads {
            let Lead::Known(candidate) = lead else { continue };
            let same = |c: &Candidate| c.transport == candidate.transport && c.address == candidate.address;
            if candidates.len() < MAX_CANDIDATES && !candidates.iter().any(same) {
                candidates.push(candidate.clone());
            }
        }
        if candidates.is_empty() {
            return Err(self.error.unwrap_or(ResolveError::NotFound));
        }
        Ok(Resolved {
            candidates,
            ttl: self.ttl,
        })
    }

    /// The leads that a target begins with (RFC 3263 sections 4.1 and 4.2).
    fn begin(&mut self, target: &Target) -> Vec<Lead> {
        let Ok(decided) = target.decided() else {
            self.error = self.error.or(Some(ResolveError::Transport));
            return Vec::new();
        };
        if decided.is_some_and(|t| !self.ways.transports.contains(&t)) {
            self.error = self.error.or(Some(ResolveError::Transport));
            return Vec::new();
        }
        match (&target.place, decided) {
            (Place::Address(address), Some(transport)) if self.ways.families.allows(*address) => {
                let port = target.port.unwrap_or(transport.default_port());
                vec![Lead::Known(Candidate {
                    transport,
                    address: SocketAddr::new(*address, port),
                    server_name: address.to_string(),
                })]
            }
            (Place::Address(_), _) => Vec::new(),
            (Place::Name(name), None) => vec![Lead::Naptr {
                domain: name.clone(),
                secure: target.secure,
            }],
            (Place::Name(name), Some(transport)) => {
                let way = Way {
                    transport,
                    server_name: name.clone(),
                };
                match (target.port, srv_name(transport, name)) {
                    (None, Some(srv)) => self.group(vec![(way.clone(), srv)], Some((way, name.clone()))),
                    (port, _) => vec![Lead::Host {
                        way,
                        name: name.clone(),
                        port: port.unwrap_or(transport.default_port()),
                    }],
                }
            }
        }
    }

    fn group(&mut self, services: Vec<(Way, String)>, instead: Option<(Way, String)>) -> Vec<Lead> {
        let group = self.groups.len();
        self.groups.push(Group {
            open: services.len(),
            found: false,
            instead,
        });
        let lead = |(way, name)| Lead::Srv { way, name, group };
        services.into_iter().map(lead).collect()
    }

    /// Follows all leads as far as answers are there.
    fn advance(&mut self, random: &mut Random) {
        let mut at = 0;
        while at < self.leads.len() {
            match self.follow(at, random) {
                Some(next) => drop(self.leads.splice(at..=at, next)),
                None => at += 1,
            }
        }
    }

    /// What takes the place of a lead; `None` when it is known or waits.
    fn follow(&mut self, at: usize, random: &mut Random) -> Option<Vec<Lead>> {
        match self.leads.get(at)? {
            Lead::Known(_) => None,
            Lead::Naptr { domain, secure } => {
                let (domain, secure) = (domain.clone(), *secure);
                let answer = self.known(&Question::Naptr(domain.clone()))?;
                Some(self.after_naptr(&domain, secure, answer))
            }
            Lead::Srv { way, name, group } => {
                let (way, name, group) = (way.clone(), name.clone(), *group);
                let answer = self.known(&Question::Srv(name))?;
                Some(self.after_srv(way, group, answer, random))
            }
            Lead::Host { way, name, port } => {
                let (way, name, port) = (way.clone(), name.clone(), *port);
                self.after_addresses(way, &name, port)
            }
        }
    }

    fn after_naptr(&mut self, domain: &str, secure: bool, answer: Option<Records>) -> Vec<Lead> {
        let usable = |ways: &Ways, t: Transport| ways.transports.contains(&t) && (!secure || t.is_secure());
        let way = |transport| Way {
            transport,
            server_name: domain.to_owned(),
        };
        let records = match answer {
            Some(Records::Naptr(records)) => records,
            _ => Vec::new(),
        };
        let mut out = Vec::new();
        for record in naptr(&records) {
            let Some(transport) = service(record).filter(|t| usable(&self.ways, *t)) else {
                continue;
            };
            let name = normal(&record.replacement);
            if record.flags.eq_ignore_ascii_case("s") {
                out.extend(self.group(vec![(way(transport), name)], None));
            } else if record.flags.eq_ignore_ascii_case("a") {
                out.push(Lead::Host {
                    way: way(transport),
                    name,
                    port: transport.default_port(),
                });
            }
        }
        if !out.is_empty() {
            return out;
        }
        // No hint: each of our transports by our preference, then the name itself (RFC 3263 section 4.1, last paragraphs).
        let transports = self.ways.transports.clone().into_iter();
        let ours: Vec<Transport> = transports.filter(|t| usable(&self.ways, *t)).collect();
        let guesses = ours.iter().filter_map(|t| Some((way(*t), srv_name(*t, domain)?)));
        let last = if secure { Transport::Tls } else { Transport::Udp };
        let instead = ours
            .iter()
            .find(|t| **t == last)
            .or_else(|| ours.iter().find(|t| srv_name(**t, domain).is_some()))
            .map(|t| (way(*t), domain.to_owned()));
        let guesses: Vec<(Way, String)> = guesses.collect();
        if guesses.is_empty() {
            self.error = self.error.or(Some(ResolveError::Transport));
        }
        self.group(guesses, instead)
    }

    fn after_srv(
        &mut self,
        way: Way,
        group: usize,
        answer: Option<Records>,
        random: &mut Random,
    ) -> Vec<Lead> {
        let records = match answer {
            Some(Records::Srv(records)) => records,
            _ => Vec::new(),
        };
        let mut out = Vec::new();
        for record in srv(&records, random) {
            let name = normal(&record.target);
            // A dot: the service is decidedly not there (RFC 2782), which is an answer, too.
            if !name.is_empty() && record.port != 0 {
                out.push(Lead::Host {
                    way: way.clone(),
                    name,
                    port: record.port,
                });
            }
        }
        if let Some(group) = self.groups.get_mut(group) {
            group.open = group.open.saturating_sub(1);
            group.found |= !records.is_empty();
            if group.open == 0
                && !group.found
                && let Some((way, name)) = group.instead.take()
            {
                let port = way.transport.default_port();
                out.push(Lead::Host { way, name, port });
            }
        }
        out
    }

    fn after_addresses(&mut self, way: Way, name: &str, port: u16) -> Option<Vec<Lead>> {
        // Both are asked before either is waited for.
        let families = self.ways.families;
        let v4 = families.v4().then(|| self.known(&Question::A(name.to_owned())));
        let v6 = families
            .v6()
            .then(|| self.known(&Question::Aaaa(name.to_owned())));
        let list = |answer: Option<Option<Records>>| match answer {
            Some(Some(Records::Addresses(list))) => list,
            _ => Vec::new(),
        };
        if matches!(v4, Some(None)) || matches!(v6, Some(None)) {
            return None;
        }
        let (v4, v6) = (list(v4.flatten()), list(v6.flatten()));
        let known = |address| {
            Lead::Known(Candidate {
                transport: way.transport,
                address: SocketAddr::new(address, port),
                server_name: way.server_name.clone(),
            })
        };
        Some(families.sorted(&v4, &v6).into_iter().map(known).collect())
    }

    /// The answer to a question: `None` while it has not come, `Some(None)` when it is negative. Asks when that was not done.
    fn known(&mut self, question: &Question) -> Option<Option<Records>> {
        match self.answers.get(question) {
            Some(Ok(found)) => return Some(Some(found.records.clone())),
            Some(Err(Failure::Failed)) => {
                self.error = self.error.or(Some(ResolveError::Failed));
                return Some(None);
            }
            Some(Err(_)) => return Some(None),
            None => {}
        }
        if !self.asked.contains(question) {
            if self.asked.len() >= MAX_QUESTIONS {
                self.error = self.error.or(Some(ResolveError::TooMany));
                return Some(None);
            }
            self.asked.push(question.clone());
            self.unasked.push_back(question.clone());
        }
        None
    }
}
