//! Operands that name a server as well as a path: `:/path`, `NAME:/path` and `remofile://[NAME@]HOST[:PORT]/path`.

use super::foreign;
use remofile::protocol::limits::DEFAULT_PORT;
use std::ffi::OsStr;
use std::fmt;

/// The beginning of a URL of a server.
const SCHEME: &str = "remofile://";

/// The server that an operand names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServerName {
    /// The one of the environment or the default profile.
    Default,
    /// The one of a profile.
    Profile(String),
    /// One by its address.
    Address(ServerAddress),
}

/// The address of a server, as a URL has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerAddress {
    /// The profile that has the token.
    pub(crate) profile: Option<String>,
    /// Its name or address; or those of several servers, each perhaps with a port, as they were written.
    pub(crate) hostname: String,
    /// Its port.
    pub(crate) port: Option<u16>,
}

/// An operand at a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteOperand {
    pub(crate) server: ServerName,
    /// An absolute path.
    pub(crate) path: String,
}

impl RemoteOperand {
    /// Reads an operand that names a server; `None` if it is a path alone. What follows `NAME:` without a slash is a
    /// path of that server only if there `is_profile` of the name: files may be called so.
    ///
    /// # Errors
    /// The reason why what names a server cannot be one.
    pub(crate) fn parse(text: &str, is_profile: &dyn Fn(&str) -> bool) -> Result<Option<Self>, String> {
        if let Some(url) = text.strip_prefix(SCHEME) {
            let operand = parse_url(url)?;
            return match &operand.server {
                ServerName::Address(ServerAddress { profile: Some(name), hostname, .. })
                    if foreign::is_token(name) && !is_profile(name) =>
                {
                    Err(format!("{SCHEME}{hostname}: {TOKEN_IN_URL}"))
                }
                _ => Ok(Some(operand)),
            };
        }
        if let Some(why) = foreign::refusal(text, is_profile) {
            return Err(why);
        }
        let Some((name, path)) = text.split_once(':').filter(|(name, _)| !name.contains('/')) else { return Ok(None) };
        let server = match name {
            "" => ServerName::Default,
            name if path.is_empty() || path.starts_with('/') || is_profile(name) => {
                ServerName::Profile(name.to_owned())
            }
            _ => return Ok(None),
        };
        let path = format!("/{}", path.trim_start_matches('/'));
        Ok(Some(Self { server, path }))
    }
}

impl ServerName {
    /// Returns what is written in front of a path of the server.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Default => ":".to_owned(),
            Self::Profile(_) | Self::Address(_) => self.to_string(),
        }
    }
}

/// Reports whether an operand is meant to be at a server, whatever profiles there are, and even if it cannot be.
pub(crate) fn is_remote(operand: &OsStr) -> bool {
    is_at_server(operand, &|_| false)
}

/// Reports whether an operand is meant to be at a server, even if it cannot be.
pub(super) fn is_at_server(operand: &OsStr, is_profile: &dyn Fn(&str) -> bool) -> bool {
    operand.to_str().is_some_and(|text| RemoteOperand::parse(text, is_profile) != Ok(None))
}

fn parse_url(url: &str) -> Result<RemoteOperand, String> {
    let (authority, path) = url.split_once('/').unwrap_or((url, ""));
    let address = parse_address(authority).map_err(|why| format!("{SCHEME}{}: {why}", without_secret(url)))?;
    let path = decode(path).ok_or_else(|| format!("{SCHEME}{url}: '%' is written as '%25' in a URL"))?;
    Ok(RemoteOperand { server: ServerName::Address(address), path: format!("/{}", path.trim_start_matches('/')) })
}

/// Reads `[NAME@]HOST[:PORT]`, or with several servers `[NAME@]HOST[:PORT],HOST[:PORT]...`.
fn parse_address(authority: &str) -> Result<ServerAddress, String> {
    let (profile, host) = match authority.rsplit_once('@') {
        Some((name, host)) => (Some(name), host),
        None => (None, authority),
    };
    if profile.is_some_and(|name| name.contains(':')) {
        return Err(TOKEN_IN_URL.to_owned());
    }
    if profile == Some("") {
        return Err("there is no name in front of '@'".to_owned());
    }
    if host.contains(',') {
        let hostname = host.to_owned();
        remofile::ServerAddress::parse_list(host, DEFAULT_PORT).map_err(|why| why.to_string())?;
        return Ok(ServerAddress { profile: profile.map(str::to_owned), hostname, port: None });
    }
    let (hostname, port) = match host.strip_prefix('[') {
        Some(host) => host.split_once(']').ok_or("an IPv6 address ends with ']'")?,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    if hostname.is_empty() {
        return Err("there is no name of a host".to_owned());
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some(port) => Some(parse_port(port)?),
        None => return Err(format!("{port:?} is no port")),
    };
    Ok(ServerAddress { profile: profile.map(str::to_owned), hostname: hostname.to_owned(), port })
}

const TOKEN_IN_URL: &str = "a token does not belong into a URL, which shells and logs remember: leave it to 'remofile login', \
                            REMOFILE_TOKEN or '--token-file'";

fn parse_port(text: &str) -> Result<u16, String> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&port| is_decimal && port > 0).ok_or_else(|| format!("{text:?} is no port: 1 to 65535"))
}

/// The URL without what may be a token in it.
fn without_secret(url: &str) -> &str {
    url.split_once('/').map_or(url, |(authority, _)| authority).rsplit_once('@').map_or(url, |(_, host)| host)
}

/// Replaces `%41` by what it stands for.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits).ok().filter(|digits| !digits.starts_with('+'))?;
                u8::from_str_radix(digits, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default server"),
            Self::Profile(name) => write!(f, "{name}:"),
            Self::Address(address) => write!(f, "{SCHEME}{address}"),
        }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (profile, hostname) = (self.profile.as_deref(), &self.hostname);
        profile.map_or(Ok(()), |profile| write!(f, "{profile}@"))?;
        if hostname.contains(':') && !hostname.contains(',') {
            write!(f, "[{hostname}]")?;
        } else {
            f.write_str(hostname)?;
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<RemoteOperand>, String> {
        RemoteOperand::parse(text, &|name| name == "nas")
    }

    fn told(text: &str) -> (String, String) {
        let operand = parse(text).unwrap().unwrap();
        (operand.server.to_string(), operand.path)
    }

    fn pair(server: &str, path: &str) -> (String, String) {
        (server.to_owned(), path.to_owned())
    }

    #[test]
    fn an_operand_may_name_its_server() {
        for (text, server, path) in [
            (":/a", "the default server", "/a"),
            (":", "the default server", "/"),
            (":a b", "the default server", "/a b"),
            ("nas:/a", "nas:", "/a"),
            ("nas:", "nas:", "/"),
            ("nas:a/b", "nas:", "/a/b"),
            ("host:/m", "host:", "/m"),
            ("remofile://h", "remofile://h", "/"),
            ("remofile://h:7/a%20b%25", "remofile://h:7", "/a b%"),
            ("remofile://nas@[::1]:7//a", "remofile://nas@[::1]:7", "/a"),
            ("remofile://[::1]/a", "remofile://[::1]", "/a"),
            ("remofile://nas@h:7,g,[::1]:8/a", "remofile://nas@h:7,g,[::1]:8", "/a"),
        ] {
            assert_eq!(told(text), pair(server, path), "{text}");
        }
    }

    #[test]
    fn files_whose_names_have_a_colon_are_no_servers() {
        for text in ["/a:b", "./nas:/a", "a/b:c", "12:30.log", "a", "", "."] {
            assert_eq!(parse(text), Ok(None), "{text}");
        }
        assert!(is_remote(OsStr::new("x:/a")) && is_remote(OsStr::new("remofile://")) && !is_remote(OsStr::new("a:b")));
    }

    #[test]
    fn what_cannot_be_a_url_is_told_by_its_part_and_never_shows_a_token() {
        for (text, part) in [
            ("remofile://", "no name of a host"),
            ("remofile:///a", "no name of a host"),
            ("remofile://h:0/a", "\"0\" is no port"),
            ("remofile://h,g:0/a", "\"0\" is no port"),
            ("remofile://h,/a", "is missing"),
            ("remofile://h:99999/a", "is no port"),
            ("remofile://h:/a", "is no port"),
            ("remofile://[::1/a", "ends with ']'"),
            ("remofile://[::1]x/a", "\"x\" is no port"),
            ("remofile://@h/a", "in front of '@'"),
            ("remofile://h/50%", "'%25'"),
            ("remofile://h/%+1", "'%25'"),
            ("remofile://nas:secret@h/a", "a token does not belong into a URL"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(part) && !message.contains("secret"), "{text}: {message}");
        }
    }
}
