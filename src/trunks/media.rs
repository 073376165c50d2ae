//! What a trunk's media are: codecs, and where they may go to and come from.

use super::Trunk;
use crate::media::MediaSources;
use omnigate_sip::MediaTerms;
use omnigate_sip::sdes::Secrecy;
use std::net::{IpAddr, Ipv4Addr};

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
        let named = self.sessions.named && self.sessions.sources.iter().any(|net| net.contains(&address));
        if address.is_multicast() || (!named && reach(address) < reach(peer)) {
            return Err(format!("media address {address} cannot be meant for this side"));
        }
        Ok(())
    }

    /// What is wanted of a new session by this trunk, whose SIP comes from `peer`: keys are made for it alone.
    pub fn media_terms(&self, peer: IpAddr) -> MediaTerms {
        let says = &self.sessions;
        let sealed = says.srtp != Secrecy::Off;
        let ways = says.srtp_keys.iter().filter(|_| sealed);
        MediaTerms {
            codecs: says.codecs.clone(),
            secrecy: says.srtp,
            // Without randomness nothing is sealed, and what must be is refused.
            ways: ways.filter_map(|keys| says.key_way(*keys, peer)).collect(),
            packet_ms: says.packet_ms,
            one_codec: says.one_codec,
            to_the_edge: says.mediasec,
        }
    }

    /// Who may send the media of a call whose INVITE came from `peer`, beside the host that SDP names.
    pub fn media_sources(&self, peer: IpAddr) -> MediaSources {
        MediaSources::new(peer, self.sessions.sources.clone()).silent_for(self.sessions.silence)
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
    use crate::config::load_text;
    use crate::trunks::Trunks;
    use omnigate_sip::keying::KeyWay;
    use omnigate_srtp::{MasterKey, Suite};
    use std::time::Duration;

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

    #[test]
    fn a_session_has_what_the_trunk_says_of_it() {
        let toml = "[[trunk]]\nsrtp = \"required\"\nsrtp_suites = \"AES_CM_128_HMAC_SHA1_80\"\npacket_ms = 30\none_codec = true\nrtp_timeout_seconds = 90\n";
        let trunks = Trunks::new(&load_text(toml, []).unwrap());
        let peer = "203.0.113.5".parse().unwrap();
        let terms = trunks.all[0].media_terms(peer);
        let [KeyWay::Sdes(keys)] = &*terms.ways else {
            panic!("{:?}", terms.ways)
        };
        let suites: Vec<Suite> = keys.iter().map(MasterKey::suite).collect();
        assert_eq!(suites, [Suite::AesCm128HmacSha1_80]);
        assert_eq!((terms.packet_ms, terms.one_codec), (30, true));
        let silence = trunks.all[0].media_sources(peer).silence();
        assert_eq!(silence, Some(Duration::from_secs(90)));
        let faults = load_text("[[trunk]]\npacket_ms = 25\n", [])
            .unwrap_err()
            .to_string();
        assert!(
            faults.contains("trunk[0].packet_ms: is no multiple of 10"),
            "{faults}"
        );
    }

    #[test]
    fn media_goes_no_nearer_than_the_one_who_asks_for_it_is() {
        let all = trunks();
        let trunk = &all.all[0];
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
            let sources = all.all[trunk].media_sources("203.0.113.5".parse().unwrap());
            sources.allow(host.parse().unwrap())
        };
        assert!(allows(0, "203.0.113.9") && !allows(0, "198.51.100.9"));
        assert!(allows(1, "198.51.100.9") && !allows(1, "203.0.113.9"));
        assert!(allows(0, "203.0.113.5") && allows(1, "203.0.113.5"));
        let takes = |trunk: usize| {
            let (address, peer) = ("10.9.1.1".parse().unwrap(), "203.0.113.5".parse().unwrap());
            all.all[trunk].takes_media(address, peer).is_ok()
        };
        assert!(
            !takes(0) && takes(1),
            "a private address that the trunk names is meant"
        );
    }
}
