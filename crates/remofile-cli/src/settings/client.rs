//! The settings of a client.

use super::Environment;
use super::config::{self, Profile};
use crate::args::Connection;
use crate::failed::{Failed, Result};
use crate::secret;
use remofile::protocol::key::PublicKey;
use remofile::protocol::limits::DEFAULT_PORT;
use remofile::protocol::token::Token;
use remofile::{ClientOptions, Protocol, Wait};
use std::time::Duration;

/// Settles how to reach the server. `port` and `token` are those that came as arguments.
///
/// # Errors
/// [`Failed::Unconfigured`] if hostname or token are told nowhere.
pub(crate) fn client_options(
    connection: &Connection,
    port: Option<u16>,
    token: Option<Token>,
) -> Result<ClientOptions> {
    let environment = Environment::of_process();
    let profile = config::profile(environment.config_home.as_deref(), connection.profile.as_deref())?;
    resolve(connection, port, token, &environment, &profile)
}

fn resolve(
    connection: &Connection,
    port: Option<u16>,
    token: Option<Token>,
    environment: &Environment,
    profile: &Profile,
) -> Result<ClientOptions> {
    let hostname = connection.hostname.as_ref().or(environment.hostname.as_ref()).or(profile.hostname.as_ref());
    let token = match token {
        Some(token) => Some(token),
        None => find_token(connection, environment, profile)?,
    };
    let (Some(hostname), Some(token)) = (hostname, token) else {
        return Err(Failed::Unconfigured);
    };
    let port = match port.or(connection.port) {
        Some(port) => port,
        None => port_of(environment, profile)?,
    };
    let mut options = ClientOptions::new(hostname.as_str(), port, token);
    options.public_key = public_key(connection, environment, profile)?;
    options.protocol = protocol(connection, environment, profile)?;
    options.plain = connection.no_encryption;
    options.timeout = connection.timeout.map(Duration::from_millis);
    options.wait = match connection.wait {
        None => Wait::No,
        Some(None) => Wait::Forever,
        Some(Some(seconds)) => Wait::For(Duration::from_secs(seconds)),
    };
    Ok(options)
}

fn find_token(connection: &Connection, environment: &Environment, profile: &Profile) -> Result<Option<Token>> {
    if let Some(path) = &connection.token_file {
        return secret::token_of_file(path).map(Some);
    }
    if let Some(text) = &environment.token {
        return parse_token(text, "REMOFILE_TOKEN").map(Some);
    }
    if let Some(text) = &profile.token {
        return parse_token(text, "the profile").map(Some);
    }
    profile.token_file.as_deref().map(secret::token_of_file).transpose()
}

fn parse_token(text: &str, whence: &str) -> Result<Token> {
    Token::parse(text).map_err(|error| Failed::Configuration(format!("{whence}: {error}")))
}

fn port_of(environment: &Environment, profile: &Profile) -> Result<u16> {
    let Some(text) = &environment.port else {
        return Ok(profile.port.unwrap_or(DEFAULT_PORT));
    };
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(Failed::Configuration(format!("REMOFILE_PORT is {text:?}: it must be a number from 1 to 65535"))),
    }
}

fn public_key(connection: &Connection, environment: &Environment, profile: &Profile) -> Result<Option<PublicKey>> {
    let sources = [
        (&connection.public_key, "--public-key"),
        (&environment.public_key, "REMOFILE_PUBLIC_KEY"),
        (&profile.public_key, "public-key in the profile"),
    ];
    for (text, whence) in sources {
        if let Some(text) = text {
            let key = PublicKey::parse(text).map_err(|error| Failed::Configuration(format!("{whence}: {error}")))?;
            return Ok(Some(key));
        }
    }
    Ok(None)
}

fn protocol(connection: &Connection, environment: &Environment, profile: &Profile) -> Result<Protocol> {
    let of_profile = profile.protocol.map(|number| number.to_string());
    let sources = [
        (&connection.protocol, "--protocol"),
        (&environment.protocol, "REMOFILE_PROTOCOL"),
        (&of_profile, "protocol in the profile"),
    ];
    for (text, whence) in sources {
        match text.as_deref() {
            None => {}
            Some("1") => return Ok(Protocol::One),
            Some("2") => return Ok(Protocol::Two),
            Some(other) => return Err(Failed::Configuration(format!("{whence} is {other:?}: it must be 1 or 2"))),
        }
    }
    Ok(Protocol::Two)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command};
    use clap::Parser;
    use zeroize::Zeroizing;

    const KEY: &str = "px!WUpcx)EWvVtHCzYdy)}K>NVe#/:FAe7XLAnZ5";
    const OTHER_KEY: &str = "aE8{cjoe?JPDxGuX^/d*5KyP(ZuxKwIHB{EM7o&H";

    fn connection(flags: &[&str]) -> Connection {
        let line = ["remofile", "status"].iter().chain(flags);
        match Arguments::try_parse_from(line).unwrap().command {
            Command::Status(status) => status.connection,
            other => panic!("{other:?}"),
        }
    }

    fn environment() -> Environment {
        Environment {
            hostname: Some("environment".into()),
            port: Some("2".into()),
            token: Some(Zeroizing::new("environment-token".into())),
            public_key: Some(KEY.into()),
            ..Environment::default()
        }
    }

    fn profile() -> Profile {
        Profile {
            hostname: Some("profile".into()),
            port: Some(3),
            token: Some(Zeroizing::new("profile-token".into())),
            token_file: None,
            public_key: Some(OTHER_KEY.into()),
            protocol: Some(1),
        }
    }

    fn told(options: &ClientOptions) -> (&str, u16, &str) {
        (&options.hostname, options.port, options.token.reveal())
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_profile() {
        let flags = connection(&["--hostname", "flag", "--port", "1", "--public-key", OTHER_KEY]);
        let token = Token::parse("flag-token").unwrap();
        let options = resolve(&flags, None, Some(token), &environment(), &profile()).unwrap();
        assert_eq!(told(&options), ("flag", 1, "flag-token"));
        assert_eq!(options.public_key.unwrap().to_string(), OTHER_KEY);

        let options = resolve(&connection(&[]), None, None, &environment(), &profile()).unwrap();
        assert_eq!(told(&options), ("environment", 2, "environment-token"));
        assert_eq!(options.public_key.unwrap().to_string(), KEY);

        let options = resolve(&connection(&[]), None, None, &Environment::default(), &profile()).unwrap();
        assert_eq!(told(&options), ("profile", 3, "profile-token"));
        assert_eq!(options.protocol, Protocol::One);
        let options =
            resolve(&connection(&["--protocol", "2"]), None, None, &Environment::default(), &profile()).unwrap();
        assert_eq!(options.protocol, Protocol::Two);
    }

    #[test]
    fn each_setting_is_looked_for_on_its_own_and_the_port_has_a_default() {
        let environment = Environment { hostname: Some("h".into()), ..Environment::default() };
        let profile = Profile { token: Some(Zeroizing::new("t".into())), ..Profile::default() };
        let options = resolve(&connection(&[]), None, None, &environment, &profile).unwrap();
        assert_eq!(told(&options), ("h", 6768, "t"));
        let options = resolve(&connection(&[]), Some(9), None, &environment, &profile).unwrap();
        assert_eq!(options.port, 9);
    }

    #[test]
    fn without_hostname_or_token_nothing_is_configured() {
        for environment in [
            Environment::default(),
            Environment { hostname: Some("h".into()), ..Environment::default() },
            Environment { token: Some(Zeroizing::new("t".into())), ..Environment::default() },
        ] {
            let result = resolve(&connection(&[]), None, None, &environment, &Profile::default());
            assert!(matches!(result, Err(Failed::Unconfigured)));
        }
    }

    #[test]
    fn values_that_make_no_sense_are_refused_by_the_name_of_their_source() {
        let wrong = |change: &dyn Fn(&mut Environment)| {
            let mut environment = environment();
            change(&mut environment);
            resolve(&connection(&[]), None, None, &environment, &Profile::default()).unwrap_err().message()
        };
        assert!(wrong(&|e| e.port = Some("0".into())).contains("REMOFILE_PORT"));
        assert!(wrong(&|e| e.public_key = Some("x".into())).contains("REMOFILE_PUBLIC_KEY"));
        assert!(wrong(&|e| e.protocol = Some("3".into())).contains("REMOFILE_PROTOCOL"));
        assert!(wrong(&|e| e.token = Some(Zeroizing::new("a\nb".into()))).contains("REMOFILE_TOKEN"));
    }

    #[test]
    fn limits_come_from_the_flags() {
        let flags = connection(&["-t", "1500", "--wait=3", "--no-encryption"]);
        let options = resolve(&flags, None, None, &environment(), &profile()).unwrap();
        assert_eq!(options.timeout, Some(Duration::from_millis(1500)));
        assert_eq!(options.wait, Wait::For(Duration::from_secs(3)));
        assert!(options.plain);
    }
}
