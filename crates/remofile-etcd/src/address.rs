//! Addresses of clusters, as users write them: `etcd://HOST:PORT,HOST:PORT/PREFIX`.

use std::fmt;
use std::str::FromStr;

/// The beginning of keys where the user names none.
const DEFAULT_PREFIX: &str = "remofile";

/// The port of etcd's clients.
const DEFAULT_PORT: u16 = 2379;

/// The address of a cluster: its members, the prefix of keys, and the way to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcdAddress {
    members: Vec<String>,
    prefix: String,
    is_encrypted: bool,
}

/// The reason a text is no address of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAddress(String);

impl EtcdAddress {
    /// Returns its members, each with its port.
    #[must_use]
    pub fn members(&self) -> &[String] {
        &self.members
    }

    /// Returns the beginning of all keys, with a slash at its end.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Reports whether the members are to be connected with TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// The same members, connected with TLS.
    #[must_use]
    pub fn encrypted(self) -> Self {
        Self { is_encrypted: true, ..self }
    }
}

impl FromStr for EtcdAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = |why: &str| InvalidAddress(why.to_owned());
        let (is_encrypted, rest) = match text.split_once("://") {
            Some(("etcd", rest)) => (false, rest),
            Some(("etcds", rest)) => (true, rest),
            _ => return Err(invalid("it is an address such as etcd://HOST:PORT,HOST:PORT/PREFIX")),
        };
        let (members, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if members.contains('@') {
            return Err(invalid("user and password do not belong there, where 'ps' shows them: set ETCDCTL_USER"));
        }
        let members: Vec<String> = members.split(',').map(member).collect::<Result<_, _>>()?;
        let prefix = prefix.trim_matches('/');
        if prefix.contains(|letter: char| letter.is_control() || letter.is_whitespace()) {
            return Err(invalid("the prefix has a letter that it may not have"));
        }
        let prefix = if prefix.is_empty() { DEFAULT_PREFIX } else { prefix };
        Ok(Self { members, prefix: format!("{prefix}/"), is_encrypted })
    }
}

fn member(text: &str) -> Result<String, InvalidAddress> {
    let invalid = || InvalidAddress(format!("'{text}' is no HOST:PORT"));
    let is_bare_ipv6 = text.ends_with(']');
    let (host, port) = match text.rsplit_once(':').filter(|_| !is_bare_ipv6) {
        Some((host, port)) => (host, port.parse::<u16>().map_err(|_| invalid())?),
        None => (text, DEFAULT_PORT),
    };
    let is_ipv6 = host.starts_with('[') && host.ends_with(']');
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    let is_host = if is_ipv6 {
        host[1..host.len() - 1].parse::<std::net::Ipv6Addr>().is_ok()
    } else {
        !host.is_empty() && host.chars().all(is_name)
    };
    if is_host && port > 0 { Ok(format!("{host}:{port}")) } else { Err(invalid()) }
}

impl fmt::Display for EtcdAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "etcds" } else { "etcd" };
        write!(f, "{scheme}://{}/{}", self.members.join(","), self.prefix.trim_end_matches('/'))
    }
}

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidAddress {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_members_and_perhaps_a_prefix() {
        for (text, shown) in [
            ("etcd://127.0.0.1:2379", "etcd://127.0.0.1:2379/remofile"),
            ("etcd://a,b:1/team/one/", "etcd://a:2379,b:1/team/one"),
            ("etcds://[::1]:23,[::1]", "etcds://[::1]:23,[::1]:2379/remofile"),
        ] {
            let address: EtcdAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(address.to_string().parse::<EtcdAddress>(), Ok(address));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_to_write() {
        for (text, why) in [
            ("127.0.0.1:2379", "etcd://HOST:PORT"),
            ("http://127.0.0.1:2379", "etcd://HOST:PORT"),
            ("etcd://", "'' is no HOST:PORT"),
            ("etcd://a:b", "'a:b' is no HOST:PORT"),
            ("etcd://a:0", "'a:0' is no HOST:PORT"),
            ("etcd://a,,b", "'' is no HOST:PORT"),
            ("etcd://user:word@a:1", "ETCDCTL_USER"),
            ("etcd://a:1/x y", "prefix"),
            ("etcd://[::g]:1", "no HOST:PORT"),
        ] {
            let told = text.parse::<EtcdAddress>().unwrap_err().to_string();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
