//! Who holds the connections: no address may hold so many that others find no room.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::auth::{Place, Places};

/// The bits of an IPv6 address that tell one network from another; whoever has one address has all of the rest.
const NETWORK: u128 = !0 << 64;

/// The connections of each address.
pub(super) struct Peers {
    /// This host itself: all clients of `dayfly up` and whatever a proxy on this host lets through are behind one
    /// address, so it may hold most of the room. A quarter stays for those who come from elsewhere.
    here: Arc<Places<IpAddr>>,
    others: Arc<Places<IpAddr>>,
}

impl Peers {
    /// Of `room` connections in all an address has a quarter, and this host itself three.
    pub(super) fn new(room: usize) -> Self {
        let places = |most: usize| Arc::new(Places::new(most.max(1)));
        Self { here: places(room - room / 4), others: places(room / 4) }
    }

    /// A place for a connection from there, if that address has one left.
    pub(super) fn enter(&self, peer: IpAddr) -> Option<Place<IpAddr>> {
        let network = network(peer);
        if network.is_loopback() { self.here.take(&network) } else { self.others.take(&network) }
    }
}

fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        here if here.is_loopback() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_takes_the_room_of_the_others() {
        let peers = Peers::new(8);
        let mut held = Vec::new();
        let mut enters = |address: &str| {
            let place = peers.enter(address.parse().unwrap());
            let entered = place.is_some();
            held.extend(place);
            entered
        };
        let table = [
            ("127.0.0.1", 4),
            ("::1", 1),
            ("::ffff:127.0.0.1", 1),
            ("127.0.0.2", 0),
            ("192.0.2.1", 2),
            ("192.0.2.2", 2),
            ("::ffff:192.0.2.2", 0),
            ("2001:db8::1", 1),
            ("2001:db8::2:0:0:1", 1),
            ("2001:db8::ffff", 0),
            ("2001:db8:0:1::1", 2),
        ];
        for (address, left) in table {
            let count = (0..left).filter(|_| enters(address)).count();
            assert_eq!(count, left, "{address}");
        }
        for full in ["127.0.0.1", "192.0.2.1", "2001:db8::5", "2001:db8:0:1::2"] {
            assert!(!enters(full), "{full}");
        }
        assert!(enters("198.51.100.1"));
    }
}
