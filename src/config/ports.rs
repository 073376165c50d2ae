//! Who listens where, and who is in whose way.

use super::faults::Faults;
use super::settings::Settings;
use super::sip::SipTransport;
use std::net::{IpAddr, Ipv4Addr};

/// Ports that something listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stretch {
    key: &'static str,
    /// What it is, for people.
    what: &'static str,
    transport: SipTransport,
    address: IpAddr,
    first: u16,
    /// Included.
    last: u16,
}

impl Stretch {
    fn one(
        key: &'static str,
        what: &'static str,
        transport: SipTransport,
        at: std::net::SocketAddr,
    ) -> Stretch {
        Stretch {
            key,
            what,
            transport,
            address: at.ip(),
            first: at.port(),
            last: at.port(),
        }
    }

    /// The ports that both want. Port 0 is any free one, and in nobody's way.
    fn shared(&self, other: &Stretch) -> Option<(u16, u16)> {
        let same_address = self.address == other.address
            || self.address.is_unspecified() && covers(self.address, other.address)
            || other.address.is_unspecified() && covers(other.address, self.address);
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        let ports = self.first > 0 && other.first > 0 && first <= last;
        (ports && same_address && self.transport == other.transport).then_some((first, last))
    }
}

/// Whether the address that stands for all stands for this one too: `::` takes IPv4 as well.
fn covers(all: IpAddr, one: IpAddr) -> bool {
    all.is_ipv6() || one.is_ipv4() || one.is_unspecified()
}

fn all(settings: &Settings) -> Vec<Stretch> {
    use SipTransport::{Tcp, Udp};
    let media = &settings.media;
    let threads = u16::try_from(media.threads()).unwrap_or(u16::MAX);
    let of_media = |key, what, transport, first: u16, last: u16| Stretch {
        key,
        what,
        transport,
        address: Ipv4Addr::UNSPECIFIED.into(),
        first,
        last,
    };
    let webrtc_last = media.webrtc_port.saturating_add(threads.saturating_sub(1));
    let webrtc = |transport| {
        of_media(
            "media.webrtc_port",
            "WebRTC, a port a media thread",
            transport,
            media.webrtc_port,
            webrtc_last,
        )
    };
    let mut all = vec![Stretch::one("http.listen", "HTTP", Tcp, settings.http.listen)];
    let sip = |listen: &super::sip::SipListen| {
        let transport = match listen.transport {
            Udp => Udp,
            Tcp | SipTransport::Tls => Tcp,
        };
        Stretch::one("sip.listen", "SIP", transport, listen.address)
    };
    all.extend(settings.sip.listen.iter().map(sip));
    all.push(of_media(
        "media.rtp_ports",
        "RTP of telephones",
        Udp,
        media.rtp_ports.first,
        media.rtp_ports.last,
    ));
    all.push(webrtc(Udp));
    if media.webrtc_tcp {
        all.push(webrtc(Tcp));
    }
    all
}

/// Ports that two want, and ports that there are not.
pub(super) fn warn(settings: &Settings, warnings: &mut Faults) {
    let all = all(settings);
    for (i, one) in all.iter().enumerate() {
        for earlier in all.iter().take(i) {
            let Some((first, last)) = one.shared(earlier) else {
                continue;
            };
            let ports = match first == last {
                true => format!("port {first}"),
                false => format!("ports {first} to {last}"),
            };
            let transport = match one.transport {
                SipTransport::Udp => "UDP",
                SipTransport::Tcp | SipTransport::Tls => "TCP",
            };
            warnings.add(
                one.key,
                format!(
                    "{transport} {ports} ({}) is wanted by {} too ({})",
                    one.what, earlier.key, earlier.what
                ),
            );
        }
    }
    let media = &settings.media;
    let threads = media.threads();
    if media.webrtc_port > 0 && usize::from(media.webrtc_port) + threads > 1 << 16 {
        warnings.add(
            "media.webrtc_port",
            format!("{threads} media threads need as many ports from here, up to 65535"),
        );
    }
}
