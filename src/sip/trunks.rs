//! Which trunk a call comes in on.

use crate::config::{self, Language};
use crate::media::MediaSources;
use ipnet::IpNet;
use omnigate_number::{Country, NumberPattern, PhoneNumber};
use omnigate_omnitalk::RecordPolicy;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// A configured trunk, ready for matching.
#[derive(Debug, Clone)]
pub struct Trunk {
    /// Name in logs and metrics.
    pub name: String,
    /// Numbering plan.
    pub country: Country,
    /// Prompt language.
    pub language: Language,
    /// Only call numbers of this service are connected.
    pub service: Option<String>,
    /// What is recorded because a caller comes by it.
    pub record: RecordPolicy,
    allow: Vec<IpNet>,
    media: Arc<[IpNet]>,
    /// They are named, and not those that may send SIP.
    names_media: bool,
    numbers: Vec<NumberPattern>,
}

/// All trunks, in the order of the configuration.
#[derive(Debug, Clone)]
pub struct Trunks(Vec<Trunk>);

/// No trunk takes the call; which came nearest and why it missed, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoTrunk {
    /// The nearest trunk.
    pub nearest: String,
    /// Why it does not take the call.
    pub why: String,
}

impl Trunks {
    /// From checked settings.
    pub fn new(settings: &config::Settings) -> Trunks {
        let build = |t: &config::Trunk| {
            let country = Country::find(&t.country).unwrap_or(Country::korea());
            let pattern = |n: &String| NumberPattern::parse(n, country);
            Trunk {
                name: t.name.clone(),
                country,
                language: t.language.unwrap_or(settings.ivr.language),
                service: t.service.clone(),
                record: t.record,
                allow: t.allow.clone(),
                names_media: !t.media.is_empty(),
                media: if t.media.is_empty() { &t.allow } else { &t.media }
                    .as_slice()
                    .into(),
                numbers: t.numbers.iter().filter_map(pattern).collect(),
            }
        };
        Trunks(settings.trunk.iter().map(build).collect())
    }

    /// All networks that may send, each with the name of its trunk.
    pub fn networks(&self) -> Vec<(IpNet, Arc<str>)> {
        let of = |t: &Trunk| {
            let name: Arc<str> = t.name.as_str().into();
            t.allow
                .iter()
                .map(move |net| (*net, name.clone()))
                .collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of).collect()
    }

    /// The trunk for a call from `source`, and the called number in that trunk's plan. `called` reads the
    /// number from the request for a given plan.
    pub fn find(
        &self,
        source: IpAddr,
        called: impl Fn(Country) -> Option<PhoneNumber>,
    ) -> Result<(&Trunk, PhoneNumber), NoTrunk> {
        let source = source.to_canonical();
        let mut nearest: Option<(u8, &Trunk, String)> = None;
        for trunk in &self.0 {
            let from_here = trunk.allow.iter().any(|n| n.contains(&source));
            let number = called(trunk.country);
            match number {
                Some(number) if from_here && trunk.takes(&number) => return Ok((trunk, number)),
                _ if nearest
                    .as_ref()
                    .is_some_and(|(rank, ..)| *rank >= u8::from(from_here) * 2) => {}
                Some(number) if from_here => {
                    nearest = Some((
                        2,
                        trunk,
                        format!("{number} is not in its `numbers` {}", trunk.listed()),
                    ));
                }
                None if from_here => {
                    nearest = Some((2, trunk, "the called address is not a telephone number".into()))
                }
                _ => {
                    nearest = Some((
                        0,
                        trunk,
                        format!("{source} is not in its `allow` {:?}", trunk.allow),
                    ))
                }
            }
        }
        let (nearest, why) = nearest.map_or(("none".into(), "no trunk is configured".into()), |(_, t, w)| {
            (t.name.clone(), w)
        });
        Err(NoTrunk { nearest, why })
    }
}

impl Trunk {
    /// Whether media may go to `address` when the INVITE came from `peer`: nobody may make this machine send to itself, nor
    /// a stranger in the public network into a private one, unless the trunk names it as one of its media networks.
    ///
    /// # Errors
    /// Why not.
    pub fn takes_media(&self, address: IpAddr, peer: IpAddr) -> Result<(), String> {
        let (address, peer) = (address.to_canonical(), peer.to_canonical());
        let reach = |ip: IpAddr| match ip {
            IpAddr::V4(ip) if ip.is_loopback() => Reach::Machine,
            IpAddr::V6(ip) if ip.is_loopback() => Reach::Machine,
            IpAddr::V4(ip) if ip.is_private() || ip.is_link_local() || is_shared(ip) => Reach::Site,
            IpAddr::V6(ip) if ip.is_unique_local() || ip.is_unicast_link_local() => Reach::Site,
            _ => Reach::World,
        };
        let named = self.names_media && self.media.iter().any(|net| net.contains(&address));
        if address.is_multicast() || (!named && reach(address) < reach(peer)) {
            return Err(format!("media address {address} cannot be meant for this side"));
        }
        Ok(())
    }

    /// Who may send the media of a call whose INVITE came from `peer`, beside the host that SDP names.
    pub fn media_sources(&self, peer: IpAddr) -> MediaSources {
        MediaSources::new(peer, self.media.clone())
    }

    fn takes(&self, number: &PhoneNumber) -> bool {
        self.numbers.is_empty() || self.numbers.iter().any(|pattern| pattern.takes(number))
    }

    fn listed(&self) -> String {
        let shown: Vec<String> = self
            .numbers
            .iter()
            .take(5)
            .map(NumberPattern::to_string)
            .collect();
        format!("[{}]", shown.join(", "))
    }
}

/// How far an address is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Machine,
    Site,
    World,
}

/// Shared address space of carriers (RFC 6598).
fn is_shared(ip: Ipv4Addr) -> bool {
    ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;

    fn trunks() -> Trunks {
        let toml = r#"
            [[trunk]]
            name = "carrier"
            allow = ["203.0.113.0/28"]
            numbers = ["070-1234-5678", "070-2222-*"]
            [[trunk]]
            name = "office"
            allow = "10.0.0.0/8"
            language = "en"
        "#;
        Trunks::new(&load_text(toml, []).unwrap())
    }

    fn find(source: [u8; 4], number: &str) -> Result<String, NoTrunk> {
        trunks()
            .find(IpAddr::from(source), |c| PhoneNumber::parse(number, c))
            .map(|(t, _)| t.name.clone())
    }

    #[test]
    fn a_call_is_matched_by_source_and_number_however_it_is_written() {
        assert_eq!(find([203, 0, 113, 5], "+82-70-1234-5678").unwrap(), "carrier");
        assert_eq!(find([203, 0, 113, 5], "07022220000").unwrap(), "carrier");
        assert_eq!(find([10, 1, 1, 1], "12345").unwrap(), "office");
    }

    #[test]
    fn media_goes_no_nearer_than_the_one_who_asks_for_it_is() {
        let all = trunks();
        let trunk = &all.0[0];
        let takes = |address: &str, peer: &str| {
            trunk
                .takes_media(address.parse().unwrap(), peer.parse().unwrap())
                .is_ok()
        };
        assert!(takes("203.0.113.9", "203.0.113.5"));
        assert!(takes("198.51.100.1", "10.0.0.1"));
        assert!(takes("10.0.0.9", "10.0.0.1"));
        assert!(takes("127.0.0.1", "127.0.0.1"));
        assert!(!takes("10.0.0.9", "203.0.113.5"));
        assert!(!takes("100.64.1.1", "203.0.113.5"));
        assert!(!takes("127.0.0.1", "10.0.0.1"));
        assert!(!takes("::ffff:127.0.0.1", "203.0.113.5"));
        assert!(!takes("fd00::1", "2001:db8::1"));
        assert!(!takes("224.0.0.1", "203.0.113.5"));
    }

    #[test]
    fn media_comes_from_the_networks_of_the_trunk_or_from_those_that_are_its_media_networks() {
        let toml = r#"
            [[trunk]]
            name = "plain"
            allow = ["203.0.113.0/28"]
            [[trunk]]
            name = "apart"
            allow = ["203.0.113.0/28"]
            media = ["198.51.100.0/24", "10.9.0.0/16"]
        "#;
        let all = Trunks::new(&load_text(toml, []).unwrap());
        let allows = |trunk: usize, host: &str| {
            let sources = all.0[trunk].media_sources("203.0.113.5".parse().unwrap());
            sources.allow(host.parse().unwrap())
        };
        assert!(allows(0, "203.0.113.9") && !allows(0, "198.51.100.9"));
        assert!(allows(1, "198.51.100.9") && !allows(1, "203.0.113.9"));
        assert!(allows(0, "203.0.113.5") && allows(1, "203.0.113.5"));
        let takes = |trunk: usize| {
            let (address, peer) = ("10.9.1.1".parse().unwrap(), "203.0.113.5".parse().unwrap());
            all.0[trunk].takes_media(address, peer).is_ok()
        };
        assert!(
            !takes(0) && takes(1),
            "a private address that the trunk names is meant"
        );
    }

    #[test]
    fn a_refusal_says_which_trunk_came_nearest_and_why() {
        let miss = find([203, 0, 113, 5], "07099990000").unwrap_err();
        assert_eq!(miss.nearest, "carrier");
        assert!(miss.why.contains("numbers"), "{}", miss.why);
        assert!(!miss.why.contains("827012345678"));
        let stranger = find([198, 51, 100, 1], "07012345678").unwrap_err();
        assert!(stranger.why.contains("allow"));
        assert!(
            find([203, 0, 113, 5], "alice")
                .unwrap_err()
                .why
                .contains("not a telephone number")
        );
    }
}
