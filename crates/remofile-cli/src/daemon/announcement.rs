//! The announcement that a server prints when it is ready.

use crate::output::text::{harmless, shell_word};
use crate::settings::{ServerSettings, TokenSource};
use std::fmt::Write;
use std::net::SocketAddr;

/// Returns the announcement: the addresses, who may connect and how, and what a client needs that is new to the user.
pub(super) fn announcement(settings: &ServerSettings, addresses: &[SocketAddr]) -> String {
    let listening: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let root = settings.root.to_string_lossy();
    let mut text = format!("Serving {} on {}\n", harmless(&root), listening.join(" and "));
    let _ = writeln!(text, "Who may connect: {}", who_may_connect(settings));
    match settings.token_source {
        TokenSource::Given => {}
        TokenSource::Environment => text.push_str("The token is the one in REMOFILE_TOKEN.\n"),
        TokenSource::Generated => text.push_str(&client_lines(settings, addresses)),
    }
    text
}

fn who_may_connect(settings: &ServerSettings) -> String {
    let options = &settings.options;
    let sessions = if options.allow_plain {
        "in encrypted sessions, or in plain ones if they ask for it"
    } else {
        "in encrypted sessions only"
    };
    match &options.private_key {
        Some(key) => format!(
            "clients that know the token and the public key {}, {sessions}; ZeroMQ clients with CURVE",
            key.public()
        ),
        None if options.require_encryption => {
            format!("clients that know the token, {sessions}; the server has no key of its own; no ZeroMQ clients")
        }
        None => format!(
            "clients that know the token, {sessions}; the server has no key of its own; ZeroMQ clients in clear, token \
             included (keep them out with '--require-encryption')"
        ),
    }
}

/// The lines that a client pastes into its shell.
fn client_lines(settings: &ServerSettings, addresses: &[SocketAddr]) -> String {
    let mut text = String::from("\n# The token is new. Configure the clients with it:\n");
    let first = addresses.first();
    match first.filter(|address| !address.ip().is_unspecified()) {
        Some(address) => {
            let _ = writeln!(text, "export REMOFILE_HOSTNAME={}", address.ip());
        }
        None => {
            text.push_str("export REMOFILE_HOSTNAME=localhost  # on other machines: the name or address of this one\n");
        }
    }
    let port = first.map_or(settings.port, SocketAddr::port);
    let _ = writeln!(text, "export REMOFILE_PORT={port}");
    let _ = writeln!(text, "export REMOFILE_TOKEN={}", shell_word(settings.token.reveal()));
    if let Some(key) = &settings.options.private_key {
        let _ = writeln!(text, "export REMOFILE_PUBLIC_KEY={}", shell_word(&key.public().to_string()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile::ServerOptions;
    use remofile::protocol::key::PrivateKey;
    use remofile::protocol::token::Token;

    fn settings(token_source: TokenSource, options: ServerOptions) -> ServerSettings {
        let token = Token::parse("secret-token").unwrap();
        ServerSettings { root: "/srv".into(), port: 0, address: None, token, token_source, options }
    }

    fn everywhere() -> Vec<SocketAddr> {
        vec!["0.0.0.0:4711".parse().unwrap(), "[::]:4711".parse().unwrap()]
    }

    #[test]
    fn a_generated_token_comes_with_the_lines_that_configure_a_client() {
        let private_key = PrivateKey::parse("<rvFXu4cUY>el=w?{S%Yd1z8*rxPpRn7H*^sXWJk").ok();
        let options = ServerOptions { private_key, ..ServerOptions::default() };
        let shown = announcement(&settings(TokenSource::Generated, options), &everywhere());
        for line in [
            "Serving /srv on 0.0.0.0:4711 and [::]:4711",
            "export REMOFILE_PORT=4711",
            "export REMOFILE_TOKEN=secret-token",
            "export REMOFILE_PUBLIC_KEY='px!WUpcx)EWvVtHCzYdy)}K>NVe#/:FAe7XLAnZ5'",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
        }
        assert!(shown.contains("export REMOFILE_HOSTNAME=localhost "));
    }

    #[test]
    fn a_given_token_is_not_shown() {
        for source in [TokenSource::Given, TokenSource::Environment] {
            assert!(!announcement(&settings(source, ServerOptions::default()), &everywhere()).contains("secret-token"));
        }
    }

    #[test]
    fn who_may_connect_is_told_in_one_line() {
        let plain = ServerOptions { allow_plain: true, ..ServerOptions::default() };
        assert!(who_may_connect(&settings(TokenSource::Given, plain)).contains("plain"));
        let shown = who_may_connect(&settings(TokenSource::Given, ServerOptions::default()));
        assert!(shown.contains("encrypted sessions only") && !shown.contains('\n'));
    }
}
