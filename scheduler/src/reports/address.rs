//! Which addresses may be called. Pure. A name is judged by every address it stands for at the moment of the call,
//! and the call goes to the addresses that were judged.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use reqwest::Url;

/// A range of addresses: `10.0.0.0/8`, `::1/128`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

/// A text is not a [`Network`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no range of addresses; write ADDRESS/BITS such as 10.0.0.0/8 or ::1/128")]
pub struct BadNetwork(String);

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(bad)?;
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let prefix: u32 = prefix.parse().map_err(|_| bad())?;
        if prefix > if address.is_ipv4() { 32 } else { 128 } {
            return Err(bad());
        }
        Ok(Self { address, prefix })
    }
}

impl Network {
    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => in_v4(other, own, self.prefix),
            (IpAddr::V6(own), IpAddr::V6(other)) => in_v6(other, own, self.prefix),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn in_v4(address: Ipv4Addr, network: Ipv4Addr, prefix: u32) -> bool {
    (address.to_bits() ^ network.to_bits()).checked_shr(32 - prefix).unwrap_or(0) == 0
}

fn in_v6(address: Ipv6Addr, network: Ipv6Addr, prefix: u32) -> bool {
    (address.to_bits() ^ network.to_bits()).checked_shr(128 - prefix).unwrap_or(0) == 0
}

/// What is not the public internet: reserved, private, shared, loopback, link-local (clouds answer with credentials
/// there), documentation, benchmarks, multicast; and the one public address at which a cloud serves its machines.
const NOT_PUBLIC_V4: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// Of version 6 only `2000::/3` is public, less what leads elsewhere: protocol assignments with Teredo,
/// documentation, 6to4.
const PUBLIC_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
const NOT_PUBLIC_V6: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !NOT_PUBLIC_V4.iter().any(|(network, prefix)| in_v4(v4, *network, *prefix)),
        IpAddr::V6(v6) => {
            in_v6(v6, PUBLIC_V6.0, PUBLIC_V6.1)
                && !NOT_PUBLIC_V6.iter().any(|(network, prefix)| in_v6(v6, *network, *prefix))
        }
    }
}

/// Who may be called: everybody on the public internet, and what the operator added.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub(crate) allowed: Vec<Network>,
}

impl Rules {
    /// Whether a call may go to this address.
    pub(crate) fn allow(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.allowed.iter().any(|network| network.contains(address))
    }

    /// Checks what can be checked before a name is resolved.
    ///
    /// # Errors
    /// With what is wrong, for whoever wrote the address.
    pub(crate) fn check(&self, address: &str) -> Result<Url, String> {
        let url = Url::parse(address).map_err(|error| format!("'{address}' is no address: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("'{address}' must begin with https:// or http://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a webhook's address must not hold a user or password".to_owned());
        }
        match literal(&url) {
            Some(ip) if !self.allow(ip) => Err(self.refusal(&ip.to_string())),
            Some(_) => Ok(url),
            None if url.host_str().is_some_and(|host| !host.is_empty()) => Ok(url),
            None => Err(format!("'{address}' names no host")),
        }
    }

    pub(crate) fn refusal(&self, host: &str) -> String {
        format!(
            "{host} is not on the public internet; webhooks go there only if the scheduler's operator allows it \
             (webhooks.allow)"
        )
    }
}

/// The address, where the host is one and not a name.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests;
