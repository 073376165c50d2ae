//! A DNS that is a table.

use omnigate_sip::Random;
use omnigate_sip::message::{Transport, Uri};
use omnigate_sip::resolve::*;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

pub(crate) const TTL: Duration = Duration::from_secs(60);

/// What the DNS knows, and what it was asked.
#[derive(Default)]
pub(crate) struct Dns {
    pub(crate) zone: HashMap<Question, Result<Found, Failure>>,
    pub(crate) asked: Vec<Question>,
}

impl Dns {
    pub(crate) fn with(mut self, question: Question, records: Records) -> Dns {
        self.zone.insert(question, Ok(Found { records, ttl: TTL }));
        self
    }

    pub(crate) fn naptr(self, name: &str, records: &[(u16, u16, &str, &str)]) -> Dns {
        let record = |(order, preference, service, replacement): &(u16, u16, &str, &str)| Naptr {
            order: *order,
            preference: *preference,
            flags: "S".into(),
            service: (*service).into(),
            regexp: String::new(),
            replacement: (*replacement).into(),
        };
        let records = records.iter().map(record).collect();
        self.with(Question::Naptr(name.into()), Records::Naptr(records))
    }

    pub(crate) fn srv(self, name: &str, records: &[(u16, u16, u16, &str)]) -> Dns {
        let record = |(priority, weight, port, target): &(u16, u16, u16, &str)| Srv {
            priority: *priority,
            weight: *weight,
            port: *port,
            target: (*target).into(),
        };
        let records = records.iter().map(record).collect();
        self.with(Question::Srv(name.into()), Records::Srv(records))
    }

    pub(crate) fn host(self, name: &str, addresses: &[&str]) -> Dns {
        let all: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
        let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = all.into_iter().partition(IpAddr::is_ipv4);
        self.with(Question::A(name.into()), Records::Addresses(v4))
            .with(Question::Aaaa(name.into()), Records::Addresses(v6))
    }

    pub(crate) fn failing(mut self, question: Question) -> Dns {
        self.zone.insert(question, Err(Failure::Failed));
        self
    }

    pub(crate) fn run(
        &mut self,
        targets: &[Target],
        ways: Ways,
        seed: u64,
    ) -> Result<Resolved, ResolveError> {
        let mut random = Random::new(seed);
        let mut lookup = Lookup::new(targets, ways, &mut random);
        let mut open = Vec::new();
        loop {
            match lookup.poll() {
                Step::Ask(question) => open.push(question),
                Step::Wait => {
                    // The last one first: the order of the answers must not matter.
                    let question = open.pop().unwrap();
                    let answer = self.zone.get(&question).cloned();
                    lookup.answer(&question, answer.unwrap_or(Err(Failure::Nothing)), &mut random);
                    self.asked.push(question);
                }
                Step::Done(result) => return result,
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) fn resolve(&mut self, uri: &str) -> Result<Vec<String>, ResolveError> {
        let found = self.run(&[target(uri)], ways(Families::V4First), 1)?;
        Ok(found.candidates.iter().map(text).collect())
    }
}

fn text(c: &Candidate) -> String {
    format!("{} {} {}", c.transport.as_str(), c.address, c.server_name)
}

pub(crate) fn target(uri: &str) -> Target {
    Target::of_uri(&uri.parse::<Uri>().unwrap().sip().unwrap()).unwrap()
}

pub(crate) fn ways(families: Families) -> Ways {
    Ways {
        transports: vec![Transport::Udp, Transport::Tcp, Transport::Tls],
        families,
    }
}
