//! `remofile login`

use super::Context;
use crate::args::{Login, RemoteOperand, ServerAddress, ServerName};
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::{self, json, prompt};
use crate::secret;
use crate::settings::{
    Environment, NewProfile, NewToken, foretell_profile, is_profile_name, keep_token, options_of_new_server,
    save_profile, token_of_command, token_of_environment,
};
use remofile::protocol::limits::DEFAULT_PORT;
use remofile::protocol::token::Token;
use remofile::{Client, Protocol};
use std::time::Duration;

/// The time that a server has to answer, if the user sets no other.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

pub(super) fn run(login: &Login, context: &Context) -> Result<Exit> {
    check_name(&login.name)?;
    let address = address(login)?;
    let token = token(login, context.token.as_ref())?;
    let connection = &login.connection;
    let port = Some(address.port.unwrap_or(DEFAULT_PORT));
    let mut options = options_of_new_server(&connection.to(address.clone()), token.clone())?;
    options.timeout.get_or_insert(ANSWER_WITHIN);
    let protocol = (options.protocol == Protocol::One).then_some(1);
    let public_key = options.public_key.as_ref().map(ToString::to_string);
    let mut client = Client::connect(options)?;
    let agent = client.server()?.agent.clone();
    let (name, public_key) = (&login.name, public_key.as_deref());
    let of_profile = match &login.token_command {
        _ if login.keyring => NewToken::InKeyring,
        Some(command) => NewToken::PrintedBy(command),
        None => NewToken::Itself(&token),
    };
    let profile = NewProfile { hostname: &address.hostname, port, token: of_profile, public_key, protocol };
    let file = match login.dry_run {
        true => foretell_profile(connection, name, &profile)?,
        false => {
            if login.keyring {
                // Not before it is known that the profile can be written.
                foretell_profile(connection, name, &profile)?;
                keep_token(name, &token)?;
            }
            save_profile(connection, name, &profile)?
        }
    };
    let (agent, file) = (output::text::harmless(&agent), file.display());
    output::data(&match (connection.json, login.dry_run) {
        (true, dry_run) => format!("{}\n", json::logged_in(name, &file.to_string(), dry_run)),
        (false, true) => format!("{name}: {agent} answers at {address}; its profile would be in {file}\n"),
        (false, false) => {
            format!("{name}: {agent} answers at {address}; its profile is in {file}\nTry: remofile list {name}:\n")
        }
    })?;
    Ok(Exit::Success)
}

fn check_name(name: &str) -> Result<()> {
    match is_profile_name(name) {
        true => Ok(()),
        false if name.contains(['@', ':', '[']) => Err(Failed::usage(format!(
            "{} is a server, and the name of the profile comes first: 'remofile login NAME {}'",
            harmless_server(name),
            harmless_server(name)
        ))),
        false => Err(Failed::usage(format!("{name:?} cannot name a profile: letters, digits, '-', '_' and '.' can"))),
    }
}

/// A server without its user and password, which there are none of here, and without another scheme.
fn harmless_server(text: &str) -> &str {
    let server = text.split_once("://").map_or(text, |(_, server)| server);
    server.rsplit_once('@').map_or(server, |(_, host)| host)
}

fn address(login: &Login) -> Result<ServerAddress> {
    if let Some(text) = &login.server {
        return parse_address(text);
    }
    if let Some(hostname) = &login.connection.hostname {
        return Ok(ServerAddress { profile: None, hostname: hostname.clone(), port: login.connection.port });
    }
    match prompt::line("Server (a name or address, perhaps with :PORT): ")? {
        Some(text) => parse_address(text.trim()),
        None => Err(Failed::usage(format!("say which server: 'remofile login {} remofile://HOST:PORT'", login.name))),
    }
}

/// A URL, or what follows the scheme of one.
fn parse_address(text: &str) -> Result<ServerAddress> {
    let url = if text.contains("://") { text.to_owned() } else { format!("remofile://{text}") };
    match RemoteOperand::parse(&url, &|_| false).map_err(Failed::usage)? {
        Some(RemoteOperand { server: ServerName::Address(address), path })
            if path == "/" && address.profile.is_none() =>
        {
            Ok(address)
        }
        _ => Err(Failed::usage(format!("{text:?} is no server: write it as HOST, HOST:PORT or remofile://HOST:PORT"))),
    }
}

/// Returns the token of an option, the environment, standard input or the user, in this order.
fn token(login: &Login, argument: Option<&Token>) -> Result<Token> {
    if let Some(token) = argument {
        return Ok(token.clone());
    }
    if let Some(path) = &login.connection.token_file {
        return secret::token_of_file(path);
    }
    if let Some(command) = &login.token_command {
        return token_of_command(command, "--token-command");
    }
    if let Some(token) = token_of_environment(&Environment::of_process())? {
        return Ok(token);
    }
    match prompt::secret_line("Token (it is not shown): ")? {
        Some(text) => Token::parse(text.trim()).map_err(|error| Failed::usage(error.to_string())),
        None => Err(Failed::usage("there is no token: type it on a terminal, or use '--token-file' or REMOFILE_TOKEN")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_written_as_a_url_or_without_its_scheme() {
        for (text, told) in [("h", "h"), ("h:7", "h:7"), ("remofile://[::1]:7/", "[::1]:7"), ("remofile://h", "h")] {
            assert_eq!(parse_address(text).unwrap().to_string(), told);
        }
        for text in ["", "h:0", "nas@h", "remofile://h/a", "nas:secret@h"] {
            let message = parse_address(text).unwrap_err().message();
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn a_profile_has_a_name_that_an_operand_can_have() {
        assert!(check_name("nas-2.local_x").is_ok());
        for name in ["", "a/b", "a:b", "-x", ".x", "a b", "ä"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
