//! The settings of how downloaded files are stored.

use super::Environment;
use super::chosen_profile::chosen_profile;
use super::config::{self, Profile};
use crate::args::{Connection, Fsync, Receive};
use crate::failed::{Failed, Result};
use clap::ValueEnum;
use remofile::ReceiveOptions;

/// Settles how downloaded files are stored, by the arguments, the environment and the profile of the connection.
pub(crate) fn receive_settings(receive: &Receive, connection: &Connection) -> Result<ReceiveOptions> {
    let environment = Environment::of_process();
    let is_told = receive.fsync.is_some() || environment.fsync.is_some();
    let profile = match is_told {
        true => Profile::default(),
        false => chosen_profile(connection, &environment, config::quiet_profile)?,
    };
    resolve(receive, &environment, &profile)
}

fn resolve(receive: &Receive, environment: &Environment, profile: &Profile) -> Result<ReceiveOptions> {
    let defaults = ReceiveOptions::default();
    let sources = [(&environment.fsync, "REMOFILE_FSYNC"), (&profile.fsync, "fsync in the profile")];
    let told = sources.into_iter().find_map(|(text, whence)| Some((text.as_deref()?, whence)));
    let fsync = match (receive.fsync, told) {
        (Some(fsync), _) => fsync.into(),
        (None, Some((text, whence))) => parse(text, whence)?.into(),
        (None, None) => defaults.fsync,
    };
    Ok(ReceiveOptions { fsync, partial_expiry: receive.partial_expiry })
}

fn parse(text: &str, whence: &str) -> Result<Fsync> {
    Fsync::from_str(text, false)
        .map_err(|_| Failed::Configuration(format!("{whence} is {text:?}: it must be none, end or each")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command, Which};
    use clap::Parser;
    use remofile::store::Fsync as When;

    fn receive(flags: &[&str]) -> Receive {
        let line = ["remofile", "download", "/a"].iter().chain(flags);
        match Arguments::try_parse_from(line).unwrap().command {
            Command::Download(download) => download.receive,
            other => panic!("{other:?}"),
        }
    }

    fn environment(fsync: Option<&str>) -> Environment {
        Environment { fsync: fsync.map(str::to_owned), ..Environment::default() }
    }

    fn profile(fsync: Option<&str>) -> Profile {
        Profile { fsync: fsync.map(str::to_owned), ..Profile::default() }
    }

    fn settle(flags: &[&str], of_environment: Option<&str>, of_profile: Option<&str>) -> Result<When> {
        resolve(&receive(flags), &environment(of_environment), &profile(of_profile)).map(|settled| settled.fsync)
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let settled = resolve(&receive(&[]), &environment(None), &profile(None)).unwrap();
        assert_eq!(settled, ReceiveOptions::default());
        let line = ["remofile", "sync", "remote", "/a", "b"];
        let Command::Sync(sync) = Arguments::try_parse_from(line).unwrap().command else { panic!("not a sync") };
        let Which::Remote(remote) = sync.which else { panic!("not from the server") };
        assert_eq!(resolve(&remote.receive, &environment(None), &profile(None)).unwrap(), settled);
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_profile() {
        let each = ["--fsync", "each"];
        assert_eq!(settle(&each, Some("none"), Some("end")).unwrap(), When::Each);
        assert_eq!(settle(&[], Some("none"), Some("each")).unwrap(), When::None);
        assert_eq!(settle(&[], None, Some("each")).unwrap(), When::Each);
    }

    #[test]
    fn what_is_no_moment_is_refused_with_its_place() {
        let message = settle(&[], Some("always"), None).err().unwrap().message();
        assert!(message.contains("REMOFILE_FSYNC is \"always\": it must be none, end or each"), "{message}");
        let message = settle(&[], None, Some("x")).err().unwrap().message();
        assert!(message.contains("fsync in the profile"), "{message}");
    }
}
