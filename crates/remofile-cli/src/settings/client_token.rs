//! The token of a client: where it comes from, and how that is told.

use super::Environment;
use super::chosen_profile::{chosen_profile, named_profile};
use super::config::{self, Profile};
use super::keyring;
use super::token_command::token_of_command;
use crate::args::Connection;
use crate::failed::{Failed, Result, without_number};
use crate::secret;
use remofile::protocol::token::Token;
use std::path::Path;

/// The place that a token is taken from, if it is no argument.
enum TokenPlace<'a> {
    Option(&'a Path),
    Environment,
    Profile,
}

impl<'a> TokenPlace<'a> {
    fn find(connection: &'a Connection, environment: &Environment, profile: &Profile) -> Option<Self> {
        let in_environment = environment.token.is_some() || environment.token_command.is_some();
        let in_profile = profile.has_token();
        // A profile that the command line names wins, since the environment may be about another server.
        let is_profile_first = in_profile && named_profile(connection).is_some();
        match &connection.token_file {
            Some(path) => Some(Self::Option(path)),
            None if in_environment && !is_profile_first => Some(Self::Environment),
            None => in_profile.then_some(Self::Profile),
        }
    }
}

pub(super) fn find_token(
    connection: &Connection,
    environment: &Environment,
    profile: &Profile,
) -> Result<Option<Token>> {
    match TokenPlace::find(connection, environment, profile) {
        Some(TokenPlace::Option(path)) => secret::token_of_file(path).map(Some),
        Some(TokenPlace::Environment) => token_of_environment(environment),
        Some(TokenPlace::Profile) => token_of_profile(profile),
        None => Ok(None),
    }
}

fn token_of_profile(profile: &Profile) -> Result<Option<Token>> {
    let whence = |key: &str| format!("{key} of the profile {:?}", profile.name);
    match (&profile.token, &profile.token_file, &profile.token_command) {
        (Some(text), _, _) => parse_token(text, &whence("token")).map(Some),
        (None, Some(path), _) => {
            secret::token_of_file(path).map(Some).map_err(|failed| of_profile_named(failed, profile))
        }
        (None, None, Some(command)) => token_of_command(command, &whence("token-command")).map(Some),
        (None, None, None) if profile.token_keyring => keyring::token_of(&profile.name).map(Some),
        (None, None, None) => Ok(None),
    }
}

/// Tells where the token of a command came from, which a server has refused. `is_argument` if it stood on the command line.
pub(crate) fn whence_token(connection: &Connection, is_argument: bool) -> Option<String> {
    if is_argument {
        return Some("this one is that of the command line".to_owned());
    }
    let environment = Environment::of_process();
    let profile = chosen_profile(connection, &environment, config::quiet_profile).ok()?;
    Some(match TokenPlace::find(connection, &environment, &profile)? {
        TokenPlace::Option(_) => "this one is that of '--token-file'".to_owned(),
        TokenPlace::Environment if environment.token.as_ref().is_some_and(|token| token.trim() != token.as_str()) => {
            "this one is that of REMOFILE_TOKEN, which begins or ends with a space".to_owned()
        }
        TokenPlace::Environment if environment.token.is_some() => "this one is that of REMOFILE_TOKEN".to_owned(),
        TokenPlace::Environment => "this one is that of REMOFILE_TOKEN_COMMAND".to_owned(),
        TokenPlace::Profile => {
            let name = &profile.name;
            format!("this one is that of the profile {name:?}: 'remofile login {name} HOST' asks for another")
        }
    })
}

/// Tells which profile a file is of.
fn of_profile_named(failed: Failed, Profile { name, .. }: &Profile) -> Failed {
    match failed {
        Failed::File { path, source } => {
            let told = format!(
                "{} (it is the token-file of the profile {name:?}: 'remofile login {name} HOST' makes one with the token in it)",
                without_number(&source.to_string())
            );
            Failed::File { path, source: std::io::Error::new(source.kind(), told) }
        }
        failed => failed,
    }
}

/// Returns the token that the environment has, or tells how to get.
///
/// # Errors
/// [`Failed::Configuration`] if it is none.
pub(crate) fn token_of_environment(environment: &Environment) -> Result<Option<Token>> {
    match (&environment.token, &environment.token_command) {
        (Some(text), _) => parse_token(text, "REMOFILE_TOKEN").map(Some),
        (None, Some(command)) => token_of_command(command, "REMOFILE_TOKEN_COMMAND").map(Some),
        (None, None) => Ok(None),
    }
}

fn parse_token(text: &str, whence: &str) -> Result<Token> {
    Token::parse(text).map_err(|error| Failed::Configuration(format!("{whence}: {error}")))
}
