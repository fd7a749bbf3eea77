//! The configuration file: profiles, one of which may be the default.

use crate::failed::{Failed, Result};
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
    /// Its public key.
    pub(crate) public_key: Option<String>,
    /// The protocol it speaks, 1 or 2.
    pub(crate) protocol: Option<u8>,
}

fn wiped<'d, D: serde::Deserializer<'d>>(deserializer: D) -> std::result::Result<Option<Zeroizing<String>>, D::Error> {
    String::deserialize(deserializer).map(|text| Some(Zeroizing::new(text)))
}

/// Reads the profile that was asked for, or the default one; an empty one if there is neither.
pub(crate) fn profile(config_home: Option<&Path>, name: Option<&str>) -> Result<Profile> {
    let Some(path) = config_home.map(|home| home.join(PLACE)) else {
        return no_file(name, "there is no home directory to look for a configuration file in");
    };
    let file = match files::read(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound || error.kind() == ErrorKind::NotADirectory => {
            return no_file(name, &format!("there is no {}", path.display()));
        }
        Err(error) => return Err(Failed::file(&path, error)),
    };
    let mut profile = choose(&path, &file.text, name)?;
    if file.open_to_others && profile.token.is_some() {
        secret::warn_of_others(&path);
    }
    if let (Some(token_file), Some(directory)) = (&mut profile.token_file, path.parent()) {
        *token_file = directory.join(&*token_file);
    }
    Ok(profile)
}

fn no_file(name: Option<&str>, why: &str) -> Result<Profile> {
    match name {
        None => Ok(Profile::default()),
        Some(name) => Err(Failed::Configuration(format!("there is no profile {name:?}: {why}"))),
    }
}

fn choose(path: &Path, text: &str, name: Option<&str>) -> Result<Profile> {
    let mut config = parse(path, text)?;
    let Some(name) = name.map(str::to_owned).or(config.default_profile) else {
        return Ok(Profile::default());
    };
    let Some(profile) = config.profile.remove(&name) else {
        let known: Vec<&str> = config.profile.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "no profile".to_owned() } else { known.join(", ") };
        return Err(Failed::Configuration(format!(
            "{}: there is no profile {name:?} (there is {known})",
            path.display()
        )));
    };
    if profile.token.is_some() && profile.token_file.is_some() {
        let path = path.display();
        return Err(Failed::Configuration(format!(
            "{path}: profile {name:?} has both 'token' and 'token-file': keep one"
        )));
    }
    Ok(profile)
}

/// The parser's own message would show the line, which may hold a token.
fn parse(path: &Path, text: &str) -> Result<Config> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Failed::Configuration(format!("{}, line {line}: {}", path.display(), error.message()))
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
        assert!(profile(None, Some("x")).is_err());
        assert!(profile(Some(Path::new("/nonexistent")), None).is_ok());
    }

    #[test]
    fn unknown_keys_are_named_with_their_line_and_without_their_value() {
        let message = message("[profile.x]\ntokn = \"secret\"\n", Some("x"));
        assert!(message.contains("tokn") && message.contains("line 2"), "{message}");
        assert!(!message.contains("secret"), "{message}");
        assert!(choose_in("colour = 1", None).is_err());
    }

    #[test]
    fn two_sources_of_one_token_are_refused() {
        let message = message("[profile.x]\ntoken = 'a'\ntoken-file = 'b'", Some("x"));
        assert!(message.contains("keep one"), "{message}");
    }

    #[test]
    fn the_token_file_is_relative_to_the_configuration() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("remofile");
        std::fs::DirBuilder::new().create(&directory).unwrap();
        let mut file =
            tempfile::Builder::new().prefix("config").suffix(".toml").rand_bytes(0).tempfile_in(&directory).unwrap();
        std::io::Write::write_all(&mut file, CONFIG.as_bytes()).unwrap();
        let profile = profile(Some(home.path()), None).unwrap();
        assert_eq!(profile.token_file, Some(directory.join("home.token")));
    }
}
