//! Servers that have refused the token of a completion. Each further tabulator would be another wrong guess, which servers count,
//! slow down and log.

use crate::args::Connection;
use crate::settings::{ConfigFile, Environment};
use remofile::protocol::digest::digest;
use remofile::protocol::token::Token;
use remofile::store::{PrivateFile, PrivateFileError};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time for which a server is not asked again with the same token. Whoever corrects the profile is not kept waiting.
const KEPT: Duration = Duration::from_secs(30);

/// The name of the file, in the directory of what is kept until the user logs out, or between runs.
const FILE: &str = "remofile/completion-refused";

const MAX_BYTES: u64 = 1024;

/// The last refusal.
pub(super) struct Refusals {
    file: Option<PathBuf>,
    config: Option<PathBuf>,
}

/// A refusal that was kept.
struct Refusal {
    at: SystemTime,
    /// The trait of the token.
    trait_of_token: u8,
    /// The address of the server.
    server: String,
}

impl Refusals {
    pub(super) fn of(connection: &Connection) -> Self {
        let environment = Environment::of_process();
        let config = ConfigFile::of(connection.config.as_deref(), &environment).path().map(PathBuf::from);
        let home = environment.runtime_home.or(environment.state_home);
        Self { file: home.map(|home| home.join(FILE)), config }
    }

    /// Reports whether a server has refused the token a moment ago, and the configuration is still the same.
    pub(super) fn has(&self, server: &str, token: &Token) -> bool {
        self.last().is_some_and(|last| {
            let changed = self.config.as_ref().and_then(|config| fs::metadata(config).ok()?.modified().ok());
            let is_recent = last.at.elapsed().is_ok_and(|age| age < KEPT);
            let is_same = last.server == server && last.trait_of_token == trait_of(token);
            is_same && is_recent && changed.is_none_or(|changed| changed <= last.at)
        })
    }

    /// Keeps a refusal. Where nothing can be kept, the server is asked again.
    pub(super) fn note(&self, server: &str, token: &Token) {
        let _not_kept = self.keep(server, token);
    }

    fn last(&self) -> Option<Refusal> {
        let read = PrivateFile::new(self.file.as_ref()?).and_then(|file| file.read(MAX_BYTES)).ok()?;
        let mut fields = std::str::from_utf8(&read.bytes).ok()?.splitn(3, ' ');
        let at = UNIX_EPOCH.checked_add(Duration::from_millis(fields.next()?.parse().ok()?))?;
        let (trait_of_token, server) = (fields.next()?.parse().ok()?, fields.next()?.to_owned());
        Some(Refusal { at, trait_of_token, server })
    }

    fn keep(&self, server: &str, token: &Token) -> Result<(), PrivateFileError> {
        let Some(path) = &self.file else { return Ok(()) };
        let at = UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let file = PrivateFile::new(path)?;
        file.make_directory()?;
        let locked = file.lock()?;
        let before = locked.read(MAX_BYTES)?;
        locked.replace(format!("{at} {} {server}", trait_of(token)).as_bytes(), before.stamp)
    }
}

/// Returns what tells most tokens from each other, and too little to find one by.
fn trait_of(token: &Token) -> u8 {
    digest(token.reveal().as_bytes())[0]
}
