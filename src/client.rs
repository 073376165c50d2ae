//! What counts as one client where only its address is known.

use std::net::{IpAddr, Ipv6Addr};

/// The client of an address: the IPv4 address itself, or the IPv6 /64 (RFC 6177: the least that a site has).
pub(crate) fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one_client() {
        assert_eq!(
            client_of("2001:db8::1".parse().unwrap()),
            client_of("2001:db8::ffff:2".parse().unwrap())
        );
        assert_ne!(
            client_of("2001:db8::1".parse().unwrap()),
            client_of("2001:db8:0:1::1".parse().unwrap())
        );
        assert_eq!(
            client_of("::ffff:192.0.2.1".parse().unwrap()),
            IpAddr::from([192, 0, 2, 1])
        );
        assert!(client_of("::1".parse().unwrap()).is_loopback());
    }
}
