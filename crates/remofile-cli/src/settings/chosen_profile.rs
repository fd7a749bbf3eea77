//! Profiles: which there are, and which one a command means.

use super::Environment;
use super::config::{self, ConfigFile, Profile};
use crate::args::{Connection, ServerName};
use crate::failed::Result;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Returns the names of the profiles in the file that an option names, or else the usual one.
pub(crate) fn profile_names(file: Option<&Path>) -> Vec<String> {
    config::profile_names(&ConfigFile::of(file, &Environment::of_process()))
}

/// Reports whether there is a profile of this name.
pub(crate) fn is_profile(name: &str) -> bool {
    profile_names(None).iter().any(|known| known == name)
}

/// Returns what tells of a name whether a profile has it, in the configuration file that a command line names, or else in the usual one.
pub(crate) fn is_profile_in(raw: &[OsString]) -> impl Fn(&str) -> bool + use<> {
    let value = |at: usize, word: &OsString| match word.to_str()?.strip_prefix("--config")? {
        "" => raw.get(at + 1).map(PathBuf::from),
        value => value.strip_prefix('=').map(PathBuf::from),
    };
    let file = raw.iter().enumerate().find_map(|(at, word)| value(at, word));
    move |name| profile_names(file.as_deref()).iter().any(|known| known == name)
}

/// Reads the profile that the command line names, or else the environment, or the default one.
pub(super) fn chosen_profile(
    connection: &Connection,
    environment: &Environment,
    read: impl Fn(&ConfigFile, Option<&str>) -> Result<Profile>,
) -> Result<Profile> {
    let file = ConfigFile::of(connection.config.as_deref(), environment);
    read(&file, named_profile(connection).or(environment.profile.as_deref()))
}

/// The profile that the command line names.
pub(super) fn named_profile(connection: &Connection) -> Option<&str> {
    let of_operand = match connection.server.get() {
        Some(ServerName::Profile(name)) => Some(name),
        Some(ServerName::Address(address)) => address.profile.as_ref(),
        Some(ServerName::Default) | None => None,
    };
    of_operand.or(connection.profile.as_ref()).map(String::as_str)
}
