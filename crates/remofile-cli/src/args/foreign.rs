//! Operands as other tools write them: URLs of other protocols, `user@host:path`, `host::module`, paths of Windows.

use remofile::protocol::token::{Origin, Token};

/// Returns why an operand that names a server cannot be one here, if it is written as other tools have it. `is_profile`
/// tells the names that there are.
pub(super) fn refusal(text: &str, is_profile: &dyn Fn(&str) -> bool) -> Option<String> {
    if let Some(address) = of_ipv6(text.rsplit_once('@').map_or(text, |(_, host)| host)) {
        return Some(address);
    }
    let (name, rest) = text.split_once(':').filter(|(name, _)| !name.contains('/') && !name.is_empty())?;
    if let Some(module) = rest.strip_prefix(':').filter(|_| is_profile(name)) {
        let module = module.trim_start_matches('/');
        return Some(format!(
            "there are no modules: write '{name}:/{module}', or '{name}:/:{module}' if its name begins with ':'"
        ));
    }
    if let Some(path) =
        rest.strip_prefix('~').filter(|path| is_profile(name) && (path.is_empty() || path.starts_with('/')))
    {
        let path = path.trim_start_matches('/');
        return Some(format!(
            "there are no homes: write '{name}:/{path}', or '{name}:/~/{path}' for a directory that is called '~'"
        ));
    }
    if let Some((_, profile)) = name.rsplit_once('@').filter(|(_, host)| is_profile(host)) {
        return Some(format!(
            "there are no users: a path at the server of this profile is '{profile}:/{}'",
            rest.trim_start_matches('/')
        ));
    }
    if is_profile(name) || !(rest.is_empty() || rest.starts_with('/')) {
        return None;
    }
    if name.eq_ignore_ascii_case("remofile") {
        return Some(match rest.starts_with("//") {
            true => format!("the scheme of {text} is written in small letters: remofile://HOST/path"),
            false => format!("{text} is no URL: two slashes stand in front of the host, as in remofile://HOST/path"),
        });
    }
    if rest.starts_with("//") && is_scheme(name) {
        return Some(format!(
            "{name}:// is another protocol: a path at a server of Remofile is 'remofile://HOST/path', or 'NAME:/path' once \
             'remofile login NAME HOST' has made a profile"
        ));
    }
    if let Some((_, host)) = name.rsplit_once('@') {
        return Some(without_users(host, rest));
    }
    is_drive(name, rest)
        .then(|| format!("{text} is no path at a server, and there is no profile {name:?}: {}", of_windows(name, rest)))
}

/// Tells how an address of IPv6 is written, which has colons itself: `[::1]:/path`.
fn of_ipv6(text: &str) -> Option<String> {
    let (address, path) = text.strip_prefix('[')?.split_once("]:")?;
    address.parse::<std::net::Ipv6Addr>().ok()?;
    Some(format!("a path at a server is 'remofile://[{address}]/{}'", path.trim_start_matches('/')))
}

/// Returns what may be meant by an operand that was taken for a path, and names nothing.
pub(crate) fn hint(text: &str) -> Option<String> {
    let (name, rest) = text.split_once(':').unwrap_or((text, ""));
    if name.is_empty() || name.contains('/') {
        return None;
    }
    if is_drive(name, rest) {
        return Some(of_windows(name, rest));
    }
    if let Some((_, host)) = name.rsplit_once('@') {
        return (!rest.is_empty()).then(|| without_users(host, &format!("/{rest}")));
    }
    if let Some(module) = rest.strip_prefix(':') {
        return Some(format!("there are no modules: a path at a server is 'remofile://{name}/{module}'"));
    }
    match server(text) {
        Some(server) => Some(format!("a server is written 'remofile://{server}/'")),
        None if !rest.is_empty() && (is_address(name) || (is_host(name) && name.contains('.'))) => {
            Some(format!("a path at a server is 'remofile://{name}/{rest}'"))
        }
        None => None,
    }
}

/// Returns what an operand names if it looks like the address of a server, and not like a path.
pub(crate) fn server(text: &str) -> Option<&str> {
    let (name, port) = text.split_once(':').unwrap_or((text, ""));
    let is_port = port.parse::<u16>().is_ok() && port.len() > 2;
    ((is_address(name) && (port.is_empty() || is_port)) || (is_host(name) && is_port)).then_some(text)
}

fn is_address(name: &str) -> bool {
    name == "localhost" || name.parse::<std::net::Ipv4Addr>().is_ok()
}

fn is_host(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
}

/// Reports whether the name in front of `@` in a URL is a token rather than a profile.
pub(crate) fn is_token(name: &str) -> bool {
    Token::parse(name).is_ok_and(|token| token.origin() == Origin::Generated)
        || (name.len() == 22 && name.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn without_users(host: &str, path: &str) -> String {
    format!(
        "there are no users: a path at a server is 'remofile://{host}{path}', or 'NAME:{path}' once 'remofile login NAME {host}' \
         has made a profile"
    )
}

fn is_scheme(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// A drive of Windows, and a path on it.
fn is_drive(name: &str, rest: &str) -> bool {
    name.len() == 1 && name.bytes().all(|byte| byte.is_ascii_alphabetic()) && rest.starts_with(['/', '\\'])
}

fn of_windows(drive: &str, rest: &str) -> String {
    let path = rest.replace('\\', "/");
    let drive = drive.to_ascii_lowercase();
    format!("a path at a server begins with '/', as in '{path}', and WSL has this drive at '/mnt/{drive}{path}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_of_other_tools_are_answered_and_show_no_password() {
        for (text, part) in [
            ("sftp://me:secret@h/x", "sftp:// is another protocol"),
            ("https://h/", "https:// is another protocol"),
            ("remofile:/h/x", "two slashes"),
            ("REMOFILE://h/x", "small letters"),
            ("alice@nas.local:/data", "'remofile://nas.local/data'"),
            ("C:/data", "'/mnt/c/data'"),
            ("[::1]:/data", "'remofile://[::1]/data'"),
            ("me@[fe80::1]:data", "'remofile://[fe80::1]/data'"),
        ] {
            let message = refusal(text, &|_| false).unwrap();
            assert!(message.contains(part) && !message.contains("secret"), "{message}");
        }
        for (text, part) in [
            ("nas::photos/2026", "'nas:/photos/2026'"),
            ("nas::", "'nas:/'"),
            ("nas:~/a.txt", "'nas:/a.txt'"),
            ("nas:~", "'nas:/'"),
            ("alice@nas:/data", "'nas:/data'"),
            ("alice@nas:data", "'nas:/data'"),
            ("alice@nas:", "'nas:/'"),
        ] {
            let message = refusal(text, &|name| name == "nas").unwrap();
            assert!(message.contains(part), "{text}: {message}");
        }
        for text in ["nas:/a", "nas:", ":/a", "./sftp://x", "a:b", "alice@nas:data", "C:x", "/C:/x"] {
            assert_eq!(refusal(text, &|_| false), None, "{text}");
        }
        assert_eq!(refusal("sftp://h/x", &|name| name == "sftp"), None, "a profile may be called so");
    }

    #[test]
    fn what_looks_like_a_server_is_told_how_to_be_written() {
        for (text, part) in [
            ("localhost", "remofile://localhost/"),
            ("192.0.2.1", "remofile://192.0.2.1/"),
            ("nas.local:6768", "remofile://nas.local:6768/"),
            ("host::module/x", "remofile://host/module/x"),
            ("alice@nas:data", "remofile://nas/data"),
            (r"C:\Users\me", "'/mnt/c/Users/me'"),
            ("192.0.2.1:x", "remofile://192.0.2.1/x"),
            ("nas.local:x/y", "remofile://nas.local/x/y"),
        ] {
            let told = hint(text);
            assert!(told.as_ref().is_some_and(|told| told.contains(part)), "{text}: {told:?}");
        }
        for text in
            ["a", "notes.txt", "12:30.log", "12:30", "/localhost", "./localhost", "a/b:80", "me@example.org", ""]
        {
            assert_eq!(hint(text), None, "{text}");
        }
    }
}
