//! `[http]`

use super::faults::Faults;
use super::host::HostPattern;
use super::origin::OriginPattern;
use super::section::{Check, parsed, section, shown, values, web_address, words};
use super::tls::Tls;
use ipnet::IpNet;
use std::net::SocketAddr;

parsed! { OriginPattern, HostPattern }
values! { words; Vec<OriginPattern>, Vec<HostPattern> }
values! { shown; Option<SocketAddr> }

section! {
    /// `http.*`
    pub struct Http {
        /// Address and port.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080));
        /// With both files: HTTPS and WSS only.
        tls: Tls = Tls::default();
        /// Address of this server as others reach it, without a path: for links in webhooks.
        public_url: Option<String> = None;
        /// Origins whose pages may open WebSockets; empty: any.
        origins: Vec<OriginPattern> = Vec::new();
        /// Names that requests may be for, beside that of `public_url`; empty: a listener on loopback without TLS takes those of
        /// loopback alone, any other listener all.
        hosts: Vec<HostPattern> = Vec::new();
        /// Origins whose pages may use the API, beside our own page; exact ones.
        api_origins: Vec<OriginPattern> = Vec::new();
        /// Reverse proxies whose word about their clients' addresses is believed.
        trusted_proxies: Vec<IpNet> = Vec::new();
        /// What one client may take.
        limits: HttpLimits = HttpLimits::default();
    }
}

impl Check for Http {
    fn check(&self, _: &str, faults: &mut Faults) {
        web_address(self.public_url.as_ref(), "http.public_url", faults);
        let slashes = |url: &String| url.trim_end_matches('/').matches('/').count();
        if self.public_url.as_ref().map(slashes).is_some_and(|n| n != 2) {
            faults.add(
                "http.public_url",
                "has a path; it is scheme and host, as https://rooms.example.com",
            );
        }
        if self.api_origins.iter().any(OriginPattern::is_wide) {
            faults.add(
                "http.api_origins",
                "a `*` is not taken here; write each origin, as https://app.example.com",
            );
        }
    }
}

section! {
    /// `http.limits.*`. An address is an IPv4 address or an IPv6 /64 network.
    pub struct HttpLimits {
        /// Open connections of one address.
        connections: u32 = 200, within 1..=1_000_000;
        /// Open connections of all addresses.
        total_connections: u32 = 20_000, within 1..=1_000_000;
        /// New connections a second of one address, in the long run.
        connections_per_second: u32 = 20, within 1..=1_000_000;
        /// New connections of one address at once.
        connections_burst: u32 = 100, within 1..=1_000_000;
        /// New WebSockets a minute of one address, and as many at once.
        sessions_per_minute: u32 = 200, within 1..=1_000_000;
        /// Messages a second of one WebSocket, in the long run.
        requests_per_second: u32 = 50, within 1..=1_000_000;
        /// Messages of one WebSocket at once.
        requests_burst: u32 = 200, within 1..=1_000_000;
        /// What the messages of all WebSockets of one client may cost a second, in the long run; the cheapest costs 1, the dearest 10.
        work_per_second: u32 = 500, within 1..=1_000_000;
        /// The same at once.
        work_burst: u32 = 5_000, within 10..=10_000_000;
        /// HTTP requests a second of one client, in the long run.
        http_per_second: u32 = 100, within 1..=1_000_000;
        /// HTTP requests of one client at once.
        http_burst: u32 = 1000, within 1..=1_000_000;
        /// Counts this machine's own addresses as well.
        loopback: bool = false;
    }
}

impl Check for HttpLimits {}
