//! The settings of a client.

use super::Environment;
use super::chosen_profile::{chosen_profile, named_profile};
use super::client_token::find_token;
use super::config::{self, ConfigFile, Profile, ProfileWait};
use crate::args::{Connection, ServerName, wait};
use crate::failed::{Failed, Result};
use crate::unconfigured::Unconfigured;
use remofile::protocol::key::PublicKey;
use remofile::protocol::limits::DEFAULT_PORT;
use remofile::protocol::token::Token;
use remofile::{ClientOptions, Identity, KeptKeys, KeptServers, Protocol, ServerAddress, Wait};

/// The place of the identities of clients, below the directory of what is kept between runs.
const IDENTITIES: &str = "remofile/clients";

/// The place of the note of which of several servers was good last.
const SERVERS: &str = "remofile/servers";

/// The place of what chosen tokens are stretched to, below the directory of what is kept until the user logs out, or else
/// between runs.
const KEYS: &str = "remofile/keys";

/// Settles how to reach the server. `port` and `token` are those that came as arguments.
///
/// # Errors
/// [`Failed::Unconfigured`] if hostname or token are told nowhere.
pub(crate) fn client_options(
    connection: &Connection,
    port: Option<u16>,
    token: Option<Token>,
) -> Result<ClientOptions> {
    let environment = Environment::of_process().with_url()?;
    let profile = chosen_profile(connection, &environment, config::profile)?;
    resolve(connection, port, token, &environment, &profile).map_err(|failed| match failed {
        Failed::Unconfigured(unconfigured) => {
            let profiles = config::profile_names(&ConfigFile::of(connection.config.as_deref(), &environment));
            Failed::Unconfigured(Box::new(Unconfigured { profiles, ..*unconfigured }))
        }
        failed => failed,
    })
}

/// Settles how to reach a server that the command line names, which no profile is about yet.
///
/// # Errors
/// As [`client_options`].
pub(crate) fn options_of_new_server(connection: &Connection, token: Token) -> Result<ClientOptions> {
    resolve(connection, None, Some(token), &Environment::of_process(), &Profile::default())
}

fn resolve(
    connection: &Connection,
    port: Option<u16>,
    token: Option<Token>,
    environment: &Environment,
    profile: &Profile,
) -> Result<ClientOptions> {
    let address = match connection.server.get() {
        Some(ServerName::Address(address)) => Some(address),
        _ => None,
    };
    // The environment's server is another one than that which the command line names.
    let is_other = address.is_some() || (named_profile(connection).is_some() && profile.hostname.is_some());
    let of_server = if is_other { &environment.without_server() } else { environment };
    // The default profile's server is another one than that of an address: only the token may be of use there.
    let is_by_address_alone = address.is_some() && named_profile(connection).is_none();
    let profile_of_server = if is_by_address_alone { &Profile::default() } else { profile };
    let hostname = connection.hostname.as_ref().or(address.map(|address| &address.hostname));
    let hostname = hostname.or(of_server.hostname.as_ref()).or(profile.hostname.as_ref());
    let token = match token {
        Some(token) => Some(token),
        None => find_token(connection, environment, profile)?,
    };
    let (hostname, token) = match (hostname, token) {
        (Some(hostname), Some(token)) => (hostname, token),
        (hostname, token) => {
            let (hostname, has_token) = (hostname.cloned(), token.is_some());
            let unconfigured = Unconfigured { hostname, has_token, ..Unconfigured::default() };
            return Err(Failed::Unconfigured(Box::new(unconfigured)));
        }
    };
    let port = match (port.or(connection.port), address) {
        (Some(port), _) => port,
        (None, Some(address)) => address.port.unwrap_or(DEFAULT_PORT),
        (None, None) => port_of(of_server, profile)?,
    };
    let mut options = ClientOptions::new(hostname.as_str(), port, token);
    let whence = if connection.hostname.is_some() { "--hostname" } else { "the host name" };
    if let Some((scheme, rest)) = hostname.split_once("://") {
        // What is in front of '@' may be a secret.
        let authority = rest.split('/').next().unwrap_or(rest);
        let host = authority.rsplit('@').next().unwrap_or(authority);
        return Err(wrong_setting(whence, format!("{whence} is a URL ({scheme}://...): write {host:?}")));
    }
    ServerAddress::parse_list(hostname, port)
        .map_err(|why| wrong_setting(whence, format!("{whence} is {hostname:?}: {why}")))?;
    options.public_key = public_key(connection, of_server, profile_of_server)?;
    options.protocol = protocol(connection, of_server, profile_of_server)?;
    options.plain = connection.no_encryption;
    options.timeout = connection.timeout;
    options.wait = wait_of(connection, environment, profile)?.unwrap_or_default();
    if let Some(state_home) = &environment.state_home {
        options.identity = Identity::kept_in(state_home.join(IDENTITIES));
        options.kept_servers = KeptServers::in_directory(state_home.join(SERVERS));
    }
    if let Some(home) = environment.runtime_home.as_ref().or(environment.state_home.as_ref()) {
        options.kept_keys = KeptKeys::in_directory(home.join(KEYS));
    }
    Ok(options)
}

fn wait_of(connection: &Connection, environment: &Environment, profile: &Profile) -> Result<Option<Wait>> {
    if let Some(wait) = connection.wait {
        return Ok(Some(wait.unwrap_or(Wait::Forever)));
    }
    let of_profile = profile.wait.as_ref().map(ProfileWait::text);
    let sources = [(&environment.wait, "REMOFILE_WAIT"), (&of_profile, "wait in the profile")];
    let Some((Some(text), whence)) = sources.into_iter().find(|(text, _)| text.is_some()) else { return Ok(None) };
    wait(text).map(Some).map_err(|why| Failed::Configuration(format!("{whence} is {text:?}: {why}")))
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
            let key = PublicKey::parse(text).map_err(|error| wrong_setting(whence, format!("{whence}: {error}")))?;
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// Returns the error of a setting that makes no sense: one of the command line is wrong usage.
fn wrong_setting(whence: &str, message: String) -> Failed {
    if whence.starts_with("--") { Failed::Usage(message) } else { Failed::Configuration(message) }
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
            Some(other) => return Err(wrong_setting(whence, format!("{whence} is {other:?}: it must be 1 or 2"))),
        }
    }
    Ok(Protocol::Two)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{self, Arguments, Command};
    use clap::Parser;
    use std::time::Duration;
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
            token_command: None,
            token_keyring: false,
            name: "profile".into(),
            public_key: Some(OTHER_KEY.into()),
            protocol: Some(1),
            wait: Some(ProfileWait::Text("5m".into())),
            fsync: None,
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
            assert!(matches!(result, Err(Failed::Unconfigured(_))));
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
    fn the_wait_is_that_of_the_flag_the_variable_or_the_profile_and_a_minute_otherwise() {
        let environment = |wait: Option<&str>| Environment { wait: wait.map(str::to_owned), ..environment() };
        let settled = |flags: &[&str], variable, profile: &Profile| {
            resolve(&connection(flags), None, None, &environment(variable), profile).map(|options| options.wait)
        };
        let seconds = |seconds| Wait::For(Duration::from_secs(seconds));
        assert_eq!(settled(&["--wait=0"], Some("7"), &profile()).unwrap(), Wait::No);
        assert_eq!(settled(&["--wait"], Some("7"), &profile()).unwrap(), Wait::Forever);
        assert_eq!(settled(&["--wait=2h"], None, &profile()).unwrap(), seconds(7200));
        assert_eq!(settled(&[], Some("7"), &profile()).unwrap(), seconds(7));
        assert_eq!(settled(&[], None, &profile()).unwrap(), seconds(300));
        let of_number = Profile { wait: Some(ProfileWait::Seconds(0)), ..Profile::default() };
        assert_eq!(settled(&[], None, &of_number).unwrap(), Wait::No);
        assert_eq!(settled(&[], None, &Profile::default()).unwrap(), seconds(60));
        let wrong = settled(&[], Some("soon"), &profile()).unwrap_err().message();
        assert!(wrong.contains("REMOFILE_WAIT") && wrong.contains("soon"), "{wrong}");
    }

    #[test]
    fn an_address_has_neither_key_nor_protocol_of_the_default_profile() {
        let address = args::ServerAddress { profile: None, hostname: "other".into(), port: None };
        let options = resolve(&connection(&[]).to(address.clone()), None, None, &Environment::default(), &profile());
        let options = options.unwrap();
        assert_eq!((told(&options), options.protocol), (("other", 6768, "profile-token"), Protocol::Two));
        assert!(options.public_key.is_none());
        let named = args::ServerAddress { profile: Some("x".into()), ..address };
        let options = resolve(&connection(&[]).to(named), None, None, &Environment::default(), &profile()).unwrap();
        assert_eq!(options.public_key.unwrap().to_string(), OTHER_KEY);
    }

    #[test]
    fn a_command_prints_the_token_where_nothing_has_it() {
        let printing = |token: &str| Some(Zeroizing::new(format!("echo {token}")));
        let of_profile = Profile { token: None, token_command: printing("of-profile"), ..profile() };
        let token = |environment: &Environment, flags: &[&str], profile: &Profile| {
            resolve(&connection(flags), None, None, environment, profile).unwrap().token.reveal().to_owned()
        };
        let mut environment = Environment { token_command: printing("of-environment"), ..environment() };
        assert_eq!(token(&environment, &[], &of_profile), "environment-token");
        environment.token = None;
        assert_eq!(token(&environment, &[], &of_profile), "of-environment");
        assert_eq!(token(&environment, &["--profile", "x"], &of_profile), "of-profile");
        assert_eq!(token(&Environment::default(), &[], &of_profile), "of-profile");
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
