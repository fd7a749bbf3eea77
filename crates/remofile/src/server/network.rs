//! Networks and sites: the owners of addresses. The owner of one IPv6 address has the 2^64 beside it, and often
//! 2^16 networks of that size.

use std::net::IpAddr;

/// The addresses that count as one peer: one of IPv4, or 64 bits of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Network(IpAddr);

/// The networks around one that may be the same owner's: 24 bits of IPv4, or 48 of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Site(IpAddr);

impl Network {
    /// Returns the network of an address.
    pub(super) fn of(address: IpAddr) -> Self {
        Self(cut(address, 32, 64))
    }

    /// A number that only this network has.
    pub(super) fn number(self) -> u128 {
        match self.0 {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        }
    }

    /// Returns the site of this network.
    pub(super) fn site(self) -> Site {
        Site(cut(self.0, 24, 48))
    }
}

/// Cuts an address to its first bits.
fn cut(address: IpAddr, v4_bits: u32, v6_bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4((address.to_bits() & (u32::MAX << (32 - v4_bits))).into()),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << (128 - v6_bits))).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_told_apart_as_far_as_they_may_be_different_peers() {
        let network = |address: &str| Network::of(address.parse().unwrap());
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("192.0.2.1").site(), network("192.0.2.254").site());
        assert_ne!(network("192.0.2.1").site(), network("192.0.3.1").site());
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("2001:db8::1").site(), network("2001:db8:0:ffff::1").site());
        assert_ne!(network("2001:db8::1").site(), network("2001:db8:1::1").site());
    }
}
