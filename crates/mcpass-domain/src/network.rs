//! From where a token may be used.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// Networks a token may be used from. Empty means any.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct CidrList(Vec<IpNet>);

impl CidrList {
    /// These networks.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// Reads networks such as `10.0.0.0/8` or `2001:db8::/32`, and single addresses.
    ///
    /// # Errors
    /// On the first that is none.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidCidr> {
        texts.into_iter().map(parse_one).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `address` is in one of them, or there is none. An IPv4 address that arrives in
    /// IPv6 clothes (`::ffff:10.0.0.1`) counts as what it is.
    pub fn allow(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.is_empty() || self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether every address that these let in is let in by `other` too: one network of it holds
    /// each of them.
    pub fn is_within(&self, other: &Self) -> bool {
        let within = |network: &IpNet| other.0.iter().any(|one| one.contains(network));
        other.is_empty() || !self.is_empty() && self.0.iter().all(within)
    }

    /// Whether there is no restriction.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The networks, as they print.
    pub fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter()
    }
}

/// The networks with commas between.
impl fmt::Display for CidrList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, network) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{network}")?;
        }
        Ok(())
    }
}

/// The form that [`CidrList`] prints in.
impl FromStr for CidrList {
    type Err = InvalidCidr;

    fn from_str(text: &str) -> Result<Self, InvalidCidr> {
        Self::parse(text.split(',').map(str::trim).filter(|part| !part.is_empty()))
    }
}

fn parse_one(text: &str) -> Result<IpNet, InvalidCidr> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map(|network| network.trunc()).map_err(|_| InvalidCidr(text.chars().take(64).collect()))
}

/// A text that is no network.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a network; write it as 10.0.0.0/8, 2001:db8::/32 or a single address")]
pub struct InvalidCidr(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_single_addresses() {
        let list: CidrList = "10.0.0.0/8, 2001:db8::1".parse().unwrap();
        assert!(list.allow("10.9.9.9".parse().unwrap()));
        assert!(list.allow("::ffff:10.9.9.9".parse().unwrap()));
        assert!(list.allow("2001:db8::1".parse().unwrap()));
        assert!(!list.allow("11.0.0.1".parse().unwrap()));
        assert_eq!(list.to_string(), "10.0.0.0/8,2001:db8::1/128");
        assert_eq!(list.to_string().parse::<CidrList>().unwrap(), list);
    }

    #[test]
    fn an_empty_list_is_no_restriction() {
        assert!(CidrList::default().allow("8.8.8.8".parse().unwrap()));
    }

    #[test]
    fn host_bits_are_cut_off() {
        assert_eq!("10.1.2.3/8".parse::<CidrList>().unwrap().to_string(), "10.0.0.0/8");
    }

    #[test]
    fn nonsense_is_named() {
        for text in ["10.0.0.0/33", "10.0.0", "localhost", "1.2.3.4/", "::/129"] {
            assert!(text.parse::<CidrList>().unwrap_err().to_string().contains(text));
        }
    }
}
