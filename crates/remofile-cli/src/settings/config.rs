//! The configuration file: profiles, one of which may be the default.

use super::Environment;
use crate::failed::{Failed, Result, without_number};
use crate::{files, secret};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Its place below the directory of configuration files.
const PLACE: &str = "remofile/config.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    default_profile: Option<String>,
    #[serde(default)]
    profile: BTreeMap<String, Profile>,
}

/// A profile of the configuration file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Profile {
    /// Name or address of the server.
    pub(crate) hostname: Option<String>,
    /// Its port.
    pub(crate) port: Option<u16>,
    /// Its token.
    #[serde(default, deserialize_with = "wiped")]
    pub(crate) token: Option<Zeroizing<String>>,
    /// The file with its token; relative to the configuration file.
    pub(crate) token_file: Option<PathBuf>,
    /// The command that prints its token.
    #[serde(default, deserialize_with = "wiped")]
    pub(crate) token_command: Option<Zeroizing<String>>,
    /// True if its token is in the keyring of the system.
    #[serde(default)]
    pub(crate) token_keyring: bool,
    /// Its name, by which the keyring knows its token.
    #[serde(skip)]
    pub(crate) name: String,
    /// Its public key.
    pub(crate) public_key: Option<String>,
    /// The protocol it speaks, 1 or 2.
    pub(crate) protocol: Option<u8>,
    /// The wait for others, as '--wait' takes it: a number of seconds, or a text.
    pub(crate) wait: Option<ProfileWait>,
    /// The moment at which downloaded files are flushed, as '--fsync' takes it.
    pub(crate) fsync: Option<String>,
}

/// A wait in a profile.
#[derive(Deserialize)]
#[serde(untagged, expecting = "wait is a number of seconds, a time with its unit, such as '90s', or 'forever'")]
pub(crate) enum ProfileWait {
    Seconds(u64),
    Text(String),
}

impl Profile {
    /// Reports whether it tells a token, or where one is.
    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some() || self.token_file.is_some() || self.token_command.is_some() || self.token_keyring
    }
}

impl ProfileWait {
    /// The wait as '--wait' takes it.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

fn wiped<'d, D: serde::Deserializer<'d>>(deserializer: D) -> std::result::Result<Option<Zeroizing<String>>, D::Error> {
    String::deserialize(deserializer).map(|text| Some(Zeroizing::new(text)))
}

/// The place of the configuration file, and whether the user has named it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConfigFile {
    path: Option<PathBuf>,
    is_named: bool,
    is_of_environment: bool,
}

impl ConfigFile {
    /// The file that the user has named, by an option or else by the environment, or the one of the user's home.
    pub(crate) fn of(option: Option<&Path>, environment: &Environment) -> Self {
        let named = option.map(Path::to_owned).or_else(|| environment.config.clone());
        let is_named = named.is_some();
        let is_of_environment = is_named && option.is_none();
        let path = named.or_else(|| environment.config_home.as_ref().map(|home| home.join(PLACE)));
        Self { path, is_named, is_of_environment }
    }

    /// Its path; `None` if there is no home directory.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

/// Reads the profile that was asked for, or the default one; an empty one if there is neither.
pub(crate) fn profile(file: &ConfigFile, name: Option<&str>) -> Result<Profile> {
    let found = find(file, name)?;
    if let Some(path) = found.open_to_others.filter(|_| found.profile.token.is_some()) {
        secret::warn_of_others(&path);
    }
    Ok(found.profile)
}

/// Reads the same profile for a setting that is no secret: nobody is warned twice.
pub(crate) fn quiet_profile(file: &ConfigFile, name: Option<&str>) -> Result<Profile> {
    Ok(find(file, name)?.profile)
}

/// Returns the names of the profiles that there are; none if the file cannot be read.
pub(crate) fn profile_names(file: &ConfigFile) -> Vec<String> {
    let Some(path) = file.path() else { return Vec::new() };
    let config = files::read(path).ok().and_then(|file| parse(path, &file.text).ok());
    config.map(|config| config.profile.into_keys().collect()).unwrap_or_default()
}

/// Reports whether a profile may be called so: an operand can have the name before its colon.
pub(crate) fn is_profile_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && name.bytes().all(is_plain) && !name.starts_with(['-', '.'])
}

/// Reports whether a configuration has neither a profile nor a default one.
///
/// # Errors
/// [`Failed::Configuration`] if it is none.
pub(super) fn is_without_profiles(path: &Path, text: &str) -> Result<bool> {
    let config = parse(path, text)?;
    Ok(config.default_profile.is_none() && config.profile.is_empty())
}

/// A profile, with the file that it is in if others can read that.
struct FoundProfile {
    profile: Profile,
    open_to_others: Option<PathBuf>,
}

fn find(config: &ConfigFile, name: Option<&str>) -> Result<FoundProfile> {
    let Some(path) = config.path() else {
        return no_file(name, "there is no home directory to look for a configuration file in");
    };
    let is_missing = |error: &std::io::Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    let file = match files::read(path) {
        Ok(file) => file,
        Err(error) if is_missing(&error) && !config.is_named => {
            return no_file(name, &format!("there is no {}", path.display()));
        }
        Err(error) if config.is_of_environment => {
            let told = format!("{} (it is the file of REMOFILE_CONFIG)", without_number(&error.to_string()));
            return Err(Failed::file(path, std::io::Error::new(error.kind(), told)));
        }
        Err(error) => return Err(Failed::file(path, error)),
    };
    let mut profile = choose(path, &file.text, name)?;
    if let (Some(token_file), Some(directory)) = (&mut profile.token_file, path.parent()) {
        *token_file = directory.join(&*token_file);
    }
    Ok(FoundProfile { profile, open_to_others: file.open_to_others.then(|| path.to_owned()) })
}

fn no_file(name: Option<&str>, why: &str) -> Result<FoundProfile> {
    match name {
        None => Ok(FoundProfile { profile: Profile::default(), open_to_others: None }),
        Some(name) => Err(Failed::Configuration(format!("there is no profile {name:?}: {why} ({})", making(name)))),
    }
}

/// Tells what to do about a profile that there is not, the name of which may be that of a host.
fn making(name: &str) -> String {
    if name.is_empty() {
        return "its name is empty: is a variable of the shell not set?".to_owned();
    }
    if !is_profile_name(name) {
        return "a name has letters, digits and any of . _ -".to_owned();
    }
    format!("'remofile login {name} HOST' makes it, and a path at a host of this name is 'remofile://{name}/PATH'")
}

fn choose(path: &Path, text: &str, name: Option<&str>) -> Result<Profile> {
    let mut config = parse(path, text)?;
    let Some(name) = name.map(str::to_owned).or(config.default_profile) else {
        return Ok(Profile::default());
    };
    let Some(mut profile) = config.profile.remove(&name) else {
        let known: Vec<&str> = config.profile.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "no profile".to_owned() } else { known.join(", ") };
        return Err(Failed::Configuration(format!(
            "{}: there is no profile {name:?} (there is {known}; {})",
            path.display(),
            making(&name)
        )));
    };
    let sources = [
        ("'token'", profile.token.is_some()),
        ("'token-file'", profile.token_file.is_some()),
        ("'token-command'", profile.token_command.is_some()),
        ("'token-keyring'", profile.token_keyring),
    ];
    let mut given = sources.iter().filter(|(_, is_given)| *is_given);
    if let (Some((one, _)), Some((other, _))) = (given.next(), given.next()) {
        let path = path.display();
        return Err(Failed::Configuration(format!("{path}: profile {name:?} has both {one} and {other}: keep one")));
    }
    profile.name = name;
    Ok(profile)
}

/// The parser's own message would show the line, which may hold a token.
fn parse(path: &Path, text: &str) -> Result<Config> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        // The parser tells what it expects in words of Rust.
        let message = error.message().replace("expected u16", "expected a number from 1 to 65535");
        let message = message.replace("expected u8", "expected 1 or 2");
        let message = message.replace("expected struct Profile", "expected a table of settings");
        // A word without quotation marks is taken for the beginning of a number or of 'true', 'nan' and the like.
        let is_word = ["invalid float", "invalid boolean", "invalid integer", "invalid mantissa", "string values"];
        let message = match is_word.iter().any(|beginning| message.starts_with(beginning)) {
            true => format!("{message} (a text is written in quotation marks: \"nas\")"),
            false => message,
        };
        Failed::Configuration(format!("{}, line {line}: {message}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
default-profile = "home"

[profile.home]
hostname = "nas.local"
port = 7000
token-file = "home.token"

[profile.work]
hostname = "files.example.org"
token = "qRkVWJcFRqi7rsNMbagaDd"
public-key = "px!WUpcx)EWvVtHCzYdy)}K>NVe#/:FAe7XLAnZ5"
"#;

    fn choose_in(text: &str, name: Option<&str>) -> Result<Profile> {
        choose(Path::new("config.toml"), text, name)
    }

    fn message(text: &str, name: Option<&str>) -> String {
        choose_in(text, name).err().unwrap().message()
    }

    #[test]
    fn the_named_profile_is_taken_else_the_default_one() {
        assert_eq!(choose_in(CONFIG, None).unwrap().hostname.as_deref(), Some("nas.local"));
        assert_eq!(choose_in(CONFIG, Some("work")).unwrap().hostname.as_deref(), Some("files.example.org"));
        assert!(choose_in("", None).unwrap().hostname.is_none());
    }

    #[test]
    fn a_missing_profile_names_those_there_are() {
        assert!(message(CONFIG, Some("x")).contains("there is home, work"));
        for (name, told) in [
            ("", "its name is empty"),
            (" home", "letters, digits"),
            ("home\n", "letters, digits"),
            ("../x", "letters"),
        ] {
            let message = message(CONFIG, Some(name));
            assert!(message.contains(told) && !message.contains("login"), "{message}");
        }
        let nowhere = ConfigFile::default();
        assert!(profile(&nowhere, Some("x")).is_err());
        let missing = ConfigFile { path: Some("/nonexistent/x".into()), ..ConfigFile::default() };
        assert!(profile(&missing, None).is_ok());
        assert!(profile(&missing, Some("x")).err().unwrap().message().contains("remofile login x HOST"));
        let named = ConfigFile { is_named: true, ..missing };
        assert!(profile(&named, None).is_err(), "who names a file means it");
        let by_variable = ConfigFile { is_of_environment: true, ..named };
        assert!(profile(&by_variable, None).err().unwrap().message().contains("REMOFILE_CONFIG"));
    }

    #[test]
    fn unknown_keys_are_named_with_their_line_and_without_their_value() {
        let message = message("[profile.x]\ntokn = \"secret\"\n", Some("x"));
        assert!(message.contains("tokn") && message.contains("line 2"), "{message}");
        assert!(!message.contains("secret"), "{message}");
        assert!(choose_in("colour = 1", None).is_err());
        assert!(self::message("[profile]\nx = 3\n", Some("x")).contains("expected a table of settings"));
        for (port, told) in [("'x'", "number from 1 to 65535"), ("99999", "number from 1 to 65535")] {
            let message = self::message(&format!("[profile.x]\nport = {port}\n"), Some("x"));
            assert!(message.contains(told) && !message.contains("u16"), "{message}");
        }
        for wait in ["-1", "2.5", "true"] {
            let message = self::message(&format!("[profile.x]\nwait = {wait}\n"), Some("x"));
            assert!(message.contains("line 2: wait is a number of seconds") && !message.contains("enum"), "{message}");
        }
    }

    #[test]
    fn two_sources_of_one_token_are_refused() {
        for (keys, told) in [
            ("token = 'a'\ntoken-file = 'b'", "'token' and 'token-file': keep one"),
            ("token-command = 'a'\ntoken-keyring = true", "'token-command' and 'token-keyring': keep one"),
            ("token-command = 'a'\ntoken-file = 'b'", "'token-file' and 'token-command': keep one"),
        ] {
            let message = message(&format!("[profile.x]\n{keys}"), Some("x"));
            assert!(message.contains(told), "{message}");
        }
    }

    #[test]
    fn the_token_file_is_relative_to_the_configuration() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("remofile");
        std::fs::DirBuilder::new().create(&directory).unwrap();
        let mut file =
            tempfile::Builder::new().prefix("config").suffix(".toml").rand_bytes(0).tempfile_in(&directory).unwrap();
        std::io::Write::write_all(&mut file, CONFIG.as_bytes()).unwrap();
        let environment = Environment { config_home: Some(home.path().to_owned()), ..Environment::default() };
        let file = ConfigFile::of(None, &environment);
        assert_eq!(profile_names(&file), ["home", "work"]);
        let profile = profile(&file, None).unwrap();
        assert_eq!(profile.token_file, Some(directory.join("home.token")));
    }
}
