//! Writing a profile into the configuration file.

use super::Environment;
use super::config::{self, ConfigFile};
use crate::args::Connection;
use crate::failed::{Failed, Result};
use remofile::protocol::token::Token;
use remofile::store::{PrivateFile, PrivateFileError};
use std::io;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, Table, value};
use zeroize::Zeroizing;

/// Most bytes of a configuration file.
const MOST_BYTES: u64 = 256 * 1024;

/// A profile that is to be written.
pub(crate) struct NewProfile<'a> {
    pub(crate) hostname: &'a str,
    pub(crate) port: Option<u16>,
    pub(crate) token: NewToken<'a>,
    pub(crate) public_key: Option<&'a str>,
    /// The protocol it speaks, unless it is the usual one.
    pub(crate) protocol: Option<u8>,
}

/// The part of the token that a profile is to have.
#[derive(Clone, Copy)]
pub(crate) enum NewToken<'a> {
    /// The token.
    Itself(&'a Token),
    /// A command that prints it.
    PrintedBy(&'a str),
    /// A note that it is in the keyring of the system.
    InKeyring,
}

/// Writes a profile, in place of one of that name, and makes it the default one if it is the first. All else in the file
/// stays as it is. Returns the path of the file.
///
/// # Errors
/// [`Failed::File`] if the file is open to others or cannot be written; [`Failed::Configuration`] if it is no configuration.
pub(crate) fn save_profile(connection: &Connection, name: &str, profile: &NewProfile<'_>) -> Result<PathBuf> {
    let path = &place(connection)?;
    let failed = |error: PrivateFileError| Failed::file(path, io::Error::other(error.to_string()));
    let private = PrivateFile::new(path).map_err(failed)?;
    private.make_directory().map_err(|error| {
        let told = format!("{error} (its directory cannot be made: keep profiles elsewhere with '--config FILE')");
        Failed::file(path, io::Error::other(told))
    })?;
    let locked = private.lock().map_err(failed)?;
    let before = locked.read(MOST_BYTES).map_err(failed)?;
    let text = std::str::from_utf8(&before.bytes)
        .map_err(|_| Failed::Configuration(format!("{} is not UTF-8", path.display())))?;
    let text = with_profile(path, text, name, profile)?;
    locked.replace(text.as_bytes(), before.stamp).map_err(failed)?;
    Ok(path.to_owned())
}

/// Returns the path of the file, if the profile could be written into it, and writes nothing.
///
/// # Errors
/// As [`save_profile`].
pub(crate) fn foretell_profile(connection: &Connection, name: &str, profile: &NewProfile<'_>) -> Result<PathBuf> {
    let path = place(connection)?;
    let failed = |error: PrivateFileError| Failed::file(&path, io::Error::other(error.to_string()));
    let before = PrivateFile::new(&path).and_then(|private| private.read(MOST_BYTES)).map_err(failed)?;
    let text = std::str::from_utf8(&before.bytes)
        .map_err(|_| Failed::Configuration(format!("{} is not UTF-8", path.display())))?;
    with_profile(&path, text, name, profile)?;
    Ok(path)
}

fn place(connection: &Connection) -> Result<PathBuf> {
    let file = ConfigFile::of(connection.config.as_deref(), &Environment::of_process());
    let nowhere =
        || Failed::Configuration("there is no home directory to keep a profile in: use '--config'".to_owned());
    file.path().map(Path::to_owned).ok_or_else(nowhere)
}

fn with_profile(path: &Path, text: &str, name: &str, profile: &NewProfile<'_>) -> Result<Zeroizing<String>> {
    // What cannot be read is told as it is when it is used.
    let is_first = config::is_without_profiles(path, text)?;
    let wrong = |what: &str| Failed::Configuration(format!("{}: {what}", path.display()));
    let mut document: DocumentMut = text.parse().map_err(|_| wrong("it cannot be read"))?;
    if is_first {
        document.insert("default-profile", value(name));
    }
    let mut implicit = Table::new();
    implicit.set_implicit(true);
    let profiles = document.entry("profile").or_insert(Item::Table(implicit));
    let profiles = profiles.as_table_like_mut().ok_or_else(|| wrong("'profile' is no table"))?;
    let mut table = Table::new();
    table.insert("hostname", value(profile.hostname));
    if let Some(port) = profile.port {
        table.insert("port", value(i64::from(port)));
    }
    match profile.token {
        NewToken::Itself(token) => table.insert("token", value(token.reveal())),
        NewToken::PrintedBy(command) => table.insert("token-command", value(command)),
        NewToken::InKeyring => table.insert("token-keyring", value(true)),
    };
    if let Some(key) = profile.public_key {
        table.insert("public-key", value(key));
    }
    if let Some(protocol) = profile.protocol {
        table.insert("protocol", value(i64::from(protocol)));
    }
    profiles.insert(name, Item::Table(table));
    Ok(Zeroizing::new(document.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(text: &str, name: &str) -> String {
        let token = Token::parse("secret").unwrap();
        let token = NewToken::Itself(&token);
        let profile = NewProfile { hostname: "h", port: Some(7), token, public_key: None, protocol: None };
        with_profile(Path::new("config.toml"), text, name, &profile).unwrap().to_string()
    }

    #[test]
    fn the_first_profile_is_the_default_one_and_others_stay() {
        let first = write("", "nas");
        assert_eq!(
            first,
            "default-profile = \"nas\"\n\n[profile.nas]\nhostname = \"h\"\nport = 7\ntoken = \"secret\"\n"
        );
        let both = write(&format!("# mine\n{first}"), "work");
        assert!(both.starts_with("# mine\ndefault-profile = \"nas\"\n") && both.contains("[profile.work]"), "{both}");
        let again = write(&both, "nas");
        assert_eq!(again.matches("[profile.nas]").count(), 1, "{again}");
    }

    #[test]
    fn a_file_that_is_no_configuration_is_not_written() {
        let token = NewToken::PrintedBy("echo secret");
        let profile = NewProfile { hostname: "h", port: None, token, public_key: None, protocol: Some(1) };
        for text in ["x = ", "profile = 1", "colour = 1"] {
            let message = with_profile(Path::new("c"), text, "nas", &profile).unwrap_err().message();
            assert!(message.starts_with("c") && !message.contains("secret"), "{message}");
        }
    }
}
