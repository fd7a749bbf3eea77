//! The line that makes a profile of a server, for its users to paste.

use crate::args::ServerAddress;
use crate::output::text::shell_word;
use crate::settings::{ServerSettings, is_profile_name};
use rustix::system::uname;
use std::net::SocketAddr;

/// Returns the command that makes a profile of the server. It has no secret in it.
pub(super) fn login_line(settings: &ServerSettings, addresses: &[SocketAddr]) -> String {
    let machine = uname().nodename().to_string_lossy().into_owned();
    let address = address(settings, addresses, &machine);
    let key = settings.options.private_key.as_ref().map(|key| key.public().to_string());
    let key = key.map_or_else(String::new, |key| format!(" --public-key {}", shell_word(&key)));
    format!("remofile login {} remofile://{address}{key}", name(settings, &machine))
}

/// Returns the address by which clients reach the server: a name of this machine, if it listens everywhere.
fn address(settings: &ServerSettings, addresses: &[SocketAddr], machine: &str) -> ServerAddress {
    let first = addresses.first();
    let port = Some(first.map_or(settings.port, SocketAddr::port));
    let hostname = match first.filter(|address| !address.ip().is_unspecified()) {
        Some(address) => address.ip().to_string(),
        None if is_hostname(machine) => machine.to_owned(),
        None => "localhost".to_owned(),
    };
    ServerAddress { profile: None, hostname, port }
}

fn is_hostname(machine: &str) -> bool {
    !machine.is_empty() && machine.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Returns a name for the profile: that of the directory, or else of the machine.
fn name(settings: &ServerSettings, machine: &str) -> String {
    let directory = settings.root.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let machine = machine.split('.').next().unwrap_or_default();
    let mut names = [directory, machine].into_iter().filter(|name| is_profile_name(name));
    names.next().unwrap_or("server").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::HookSettings;
    use crate::settings::{ServerTokens, TokenSource};
    use remofile::ServerOptions;
    use remofile::protocol::key::PrivateKey;
    use remofile::protocol::token::Token;

    fn settings(root: &str, key: Option<&str>) -> ServerSettings {
        let token = Token::parse("secret-token").unwrap();
        let private_key = key.map(|key| PrivateKey::parse(key).unwrap());
        ServerSettings {
            root: root.into(),
            bucket: None,
            port: 0,
            address: None,
            tokens: ServerTokens::One { token, source: TokenSource::Given },
            options: ServerOptions { private_key, ..ServerOptions::default() },
            audit_log: None,
            metrics: None,
            hooks: HookSettings::default(),
            coordinator: None,
            quiet: false,
        }
    }

    #[test]
    fn it_names_the_directory_and_an_address_that_clients_can_reach() {
        let told = |root: &str, bound: &str, machine: &str| {
            let settings = settings(root, None);
            let address = address(&settings, &[bound.parse().unwrap()], machine);
            format!("{} remofile://{address}", name(&settings, machine))
        };
        for (root, bound, machine, expected) in [
            ("/srv/photos", "0.0.0.0:6768", "nas.example.org", "photos remofile://nas.example.org:6768"),
            ("/srv/photos", "[::1]:7", "nas", "photos remofile://[::1]:7"),
            ("/srv/my photos", "[::]:7", "nas.example.org", "nas remofile://nas.example.org:7"),
            ("/", "192.0.2.7:7", "(none)", "server remofile://192.0.2.7:7"),
            ("/", "[::]:7", "(none)", "server remofile://localhost:7"),
            ("/srv/.hidden", "[::]:7", "-x", "server remofile://-x:7"),
        ] {
            assert_eq!(told(root, bound, machine), expected);
        }
    }

    #[test]
    fn it_has_the_key_of_the_server_and_no_secret() {
        let settings = settings("/srv/photos", Some("<rvFXu4cUY>el=w?{S%Yd1z8*rxPpRn7H*^sXWJk"));
        let line = login_line(&settings, &["127.0.0.1:7".parse().unwrap()]);
        let expected =
            "remofile login photos remofile://127.0.0.1:7 --public-key 'px!WUpcx)EWvVtHCzYdy)}K>NVe#/:FAe7XLAnZ5'";
        assert_eq!(line, expected);
    }
}
