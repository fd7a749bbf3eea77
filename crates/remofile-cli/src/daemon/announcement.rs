//! The announcement that a server prints when it is ready.

use super::login_line::login_line;
use crate::output::text::{harmless, shell_word};
use crate::settings::{ServerSettings, ServerTokens, TokenSource};
use remofile::protocol::token::Token;
use std::fmt::Write;
use std::net::SocketAddr;

/// Returns the announcement: the addresses, who may connect and how, and what a client needs that is new to the user.
pub(super) fn announcement(settings: &ServerSettings, addresses: &[SocketAddr], metrics: Option<SocketAddr>) -> String {
    let listening: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let root = settings.root.to_string_lossy();
    let mut text = String::new();
    if !settings.quiet {
        let _ = writeln!(text, "Serving {} on {}", harmless(&root), listening.join(" and "));
        let _ = writeln!(text, "Who may connect: {}", who_may_connect(settings));
        if let Some(coordinator) = &settings.coordinator {
            let _ = writeln!(text, "Together with all servers that have the coordinator {}", harmless(coordinator));
        }
        if let Some(metrics) = metrics {
            let _ = writeln!(text, "How it is doing: http://{metrics}/metrics and http://{metrics}/health");
        }
        let _ = writeln!(text, "\n# On a client, where it asks for the token:\n{}", login_line(settings, addresses));
    }
    match &settings.tokens {
        ServerTokens::One { source: TokenSource::Given, .. } => {}
        ServerTokens::One { source: TokenSource::Generated, token } if settings.quiet => {
            // Nobody could know it otherwise.
            let _ = writeln!(text, "export REMOFILE_TOKEN={}", shell_word(token.reveal()));
        }
        _ if settings.quiet => {}
        ServerTokens::One { source: TokenSource::Environment, .. } => {
            text.push_str("\nThe token is the one in REMOFILE_TOKEN.\n");
        }
        ServerTokens::One { token, source: TokenSource::Generated } => {
            text.push_str(&client_lines(token, settings, addresses));
        }
        ServerTokens::Many(file) => {
            let path = harmless(&file.path().to_string_lossy()).into_owned();
            let _ = writeln!(text, "\nThe tokens are those in {path}, whose changes are taken while the server runs.");
        }
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
    let know = match &settings.tokens {
        ServerTokens::One { .. } => "know the token",
        ServerTokens::Many(_) => "know a token",
    };
    match &options.private_key {
        Some(key) => {
            format!("clients that {know} and the public key {}, {sessions}; ZeroMQ clients with CURVE", key.public())
        }
        None if options.require_encryption => {
            format!("clients that {know}, {sessions}; the server has no key of its own; no ZeroMQ clients")
        }
        None => format!(
            "clients that {know}, {sessions}; the server has no key of its own; ZeroMQ clients in clear, token \
             included (keep them out with '--require-encryption')"
        ),
    }
}

/// The lines that a client pastes into its shell.
fn client_lines(token: &Token, settings: &ServerSettings, addresses: &[SocketAddr]) -> String {
    let mut text = String::from("\n# The token is new. Or configure the clients with it:\n");
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
    let _ = writeln!(text, "export REMOFILE_TOKEN={}", shell_word(token.reveal()));
    if let Some(key) = &settings.options.private_key {
        let _ = writeln!(text, "export REMOFILE_PUBLIC_KEY={}", shell_word(&key.public().to_string()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::HookSettings;
    use remofile::ServerOptions;
    use remofile::protocol::key::PrivateKey;

    fn settings(source: TokenSource, options: ServerOptions) -> ServerSettings {
        let token = Token::parse("secret-token").unwrap();
        ServerSettings {
            root: "/srv".into(),
            bucket: None,
            port: 0,
            address: None,
            tokens: ServerTokens::One { token, source },
            options,
            audit_log: None,
            metrics: None,
            hooks: HookSettings::default(),
            coordinator: None,
            quiet: false,
        }
    }

    fn everywhere() -> Vec<SocketAddr> {
        vec!["0.0.0.0:4711".parse().unwrap(), "[::]:4711".parse().unwrap()]
    }

    #[test]
    fn a_generated_token_comes_with_the_lines_that_configure_a_client() {
        let private_key = PrivateKey::parse("<rvFXu4cUY>el=w?{S%Yd1z8*rxPpRn7H*^sXWJk").ok();
        let options = ServerOptions { private_key, ..ServerOptions::default() };
        let shown = announcement(&settings(TokenSource::Generated, options), &everywhere(), None);
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
            assert!(
                !announcement(&settings(source, ServerOptions::default()), &everywhere(), None)
                    .contains("secret-token")
            );
        }
    }

    #[test]
    fn a_quiet_server_tells_nothing_but_a_token_that_nobody_knows() {
        let told = |source| {
            let settings = ServerSettings { quiet: true, ..settings(source, ServerOptions::default()) };
            announcement(&settings, &everywhere(), None)
        };
        assert_eq!(told(TokenSource::Given), "");
        assert_eq!(told(TokenSource::Environment), "");
        assert_eq!(told(TokenSource::Generated), "export REMOFILE_TOKEN=secret-token\n");
    }

    #[test]
    fn who_may_connect_is_told_in_one_line() {
        let plain = ServerOptions { allow_plain: true, ..ServerOptions::default() };
        assert!(who_may_connect(&settings(TokenSource::Given, plain)).contains("plain"));
        let shown = who_may_connect(&settings(TokenSource::Given, ServerOptions::default()));
        assert!(shown.contains("encrypted sessions only") && !shown.contains('\n'));
    }
}
