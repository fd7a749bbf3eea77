//! The servers of a client: one, or several that serve the same files, of which each will do.

pub(crate) mod again;
pub(crate) mod kept;
pub(crate) mod repeated;

use std::fmt;

/// Most servers that a client may be given.
const MOST: usize = 64;

/// The address of a server, as its user tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerAddress {
    /// Host name or address.
    pub hostname: String,
    /// TCP port.
    pub port: u16,
}

/// The reason why a text names no servers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidServers {
    /// There is no name before, between or behind commas.
    #[error("a name of a host is missing: several are written 'a,b,c' or 'a:PORT,b:PORT'")]
    Missing,
    /// This is no port.
    #[error("{0:?} is no port: 1 to 65535")]
    Port(String),
    /// An IPv6 address has no end.
    #[error("{0:?}: an IPv6 address with a port is written '[ADDRESS]:PORT'")]
    Brackets(String),
    /// There are more than anybody needs.
    #[error("these are more than {MOST} servers")]
    TooMany,
}

impl ServerAddress {
    /// Reads the servers that a text names: `HOST[:PORT]`, or several of them separated by commas. Those without a port have
    /// this one. What is written twice is meant once. An IPv6 address with a port is written in brackets; one alone may be.
    ///
    /// A text without a comma and without a port is taken as it is: whatever it is, it is for the resolver to refuse.
    ///
    /// # Errors
    /// [`InvalidServers`].
    ///
    /// # Examples
    /// ```
    /// use remofile::ServerAddress;
    ///
    /// let servers = ServerAddress::parse_list("a,b:7000,[::1]:7001", 6768)?;
    /// let told: Vec<String> = servers.iter().map(ToString::to_string).collect();
    /// assert_eq!(told, ["a:6768", "b:7000", "[::1]:7001"]);
    /// # Ok::<(), remofile::InvalidServers>(())
    /// ```
    pub fn parse_list(text: &str, port: u16) -> Result<Vec<Self>, InvalidServers> {
        let mut servers: Vec<Self> = Vec::new();
        for part in text.split(',').map(str::trim) {
            let server = Self::parse(part, port)?;
            if !servers.contains(&server) {
                servers.push(server);
            }
        }
        if servers.len() > MOST { Err(InvalidServers::TooMany) } else { Ok(servers) }
    }

    fn parse(text: &str, port: u16) -> Result<Self, InvalidServers> {
        let (hostname, own) = match text.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((hostname, "")) => (hostname, None),
                Some((hostname, port)) if port.starts_with(':') => (hostname, Some(&port[1..])),
                _ => return Err(InvalidServers::Brackets(text.to_owned())),
            },
            // More than one colon: an IPv6 address.
            None => match text.split_once(':') {
                Some((hostname, port)) if !port.contains(':') => (hostname, Some(port)),
                _ => (text, None),
            },
        };
        if hostname.is_empty() {
            return Err(InvalidServers::Missing);
        }
        let port = own.map_or(Ok(port), parse_port)?;
        Ok(Self { hostname: hostname.to_owned(), port })
    }
}

fn parse_port(text: &str) -> Result<u16, InvalidServers> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| is_decimal && *port > 0);
    port.ok_or_else(|| InvalidServers::Port(text.to_owned()))
}

/// `HOST:PORT`, an IPv6 address in brackets.
impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hostname, port } = self;
        if hostname.contains(':') { write!(f, "[{hostname}]:{port}") } else { write!(f, "{hostname}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        ServerAddress::parse_list(text, 6768).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_text_names_one_server_or_several() {
        assert_eq!(told("localhost"), ["localhost:6768"]);
        assert_eq!(told("a:7"), ["a:7"]);
        assert_eq!(told("::1"), ["[::1]:6768"]);
        assert_eq!(told("fe80::1%eth0,[::1]"), ["[fe80::1%eth0]:6768", "[::1]:6768"]);
        assert_eq!(told("a, b:7 ,[::1]:8,a,a:6768"), ["a:6768", "b:7", "[::1]:8"]);
        assert_eq!(told("bad name"), ["bad name:6768"]);
    }

    #[test]
    fn what_names_no_servers_is_told_by_its_part() {
        let wrong = |text| ServerAddress::parse_list(text, 6768).unwrap_err().to_string();
        for text in ["", ",", "a,", ",a", "a,,b", ":7", "[]:7"] {
            assert!(wrong(text).contains("is missing"), "{text}");
        }
        for text in ["a:", "a:0", "a:65536", "a:+1", "a,b:x", "[::1]:"] {
            assert!(wrong(text).contains("is no port"), "{text}");
        }
        for text in ["[::1", "[::1]7", "a,[::1]x"] {
            assert!(wrong(text).contains("in brackets") || wrong(text).contains("[ADDRESS]:PORT"), "{text}");
        }
        let many: Vec<String> = (0..=MOST).map(|number| format!("host{number}")).collect();
        assert!(wrong(&many.join(",")).contains("more than 64"));
    }
}
