//! The reload that SIGHUP asks for: whatever was exchanged beside the server is read or opened again.

use super::logs::Logs;
use super::notify::Notifier;
use crate::failed::{Failed, Result};
use crate::settings::{Reload, Reloaded};
use remofile::protocol::key::PrivateKey;
use remofile::tokens::TokensWatch;
use remofile::{Server, ServerOptions};
use std::io;

/// The files that the server looks at again.
pub(super) struct LookedAtAgain<'a> {
    pub(super) server: &'a Server,
    pub(super) logs: &'a Logs,
    pub(super) tokens: Option<&'a TokensWatch>,
    pub(super) reload: &'a Reload,
    pub(super) key: Option<PrivateKey>,
    pub(super) notifier: &'a Notifier,
    pub(super) status: &'a str,
}

impl LookedAtAgain<'_> {
    pub(super) fn look(&self) {
        self.notifier.reloading();
        // First of all, so that the new log has what follows.
        self.logs.reopen();
        if let Some(tokens) = self.tokens {
            tokens.reload();
        }
        match self.take_options() {
            Ok(()) => tracing::info!("the limits and the token are those of now"),
            Err(failed) => tracing::error!("the options stay as they were: {}{}", failed.message(), advice(&failed)),
        }
        self.notifier.ready(self.status);
    }

    fn take_options(&self) -> Result<()> {
        let Reloaded { options, token } = self.reload.read(self.key.clone())?;
        let before = self.server.options();
        self.server.change_limits(&options)?;
        if let Some(token) = token.filter(|_| self.tokens.is_none()) {
            self.server.change_token(token)?;
        }
        let fixed = fixed_differences(&before, &options);
        if !fixed.is_empty() {
            tracing::warn!(options = fixed.join(", "), "these options change when the server is started again");
        }
        Ok(())
    }
}

/// The explanation for a file that root, too, is not let read: the wall around the server knows the file that was there.
fn advice(failed: &Failed) -> &'static str {
    match failed {
        Failed::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            " (one that was replaced, and not written to, is read when the server is started again)"
        }
        _ => "",
    }
}

/// Returns the options that differ and cannot change while a server runs.
fn fixed_differences(before: &ServerOptions, now: &ServerOptions) -> Vec<&'static str> {
    let options = [
        ("read-only", before.read_only == now.read_only),
        ("exclusive", before.exclusive == now.exclusive),
        ("fsync", before.fsync == now.fsync),
        ("names", before.names == now.names),
        ("file-mode", before.file_mode == now.file_mode),
        ("directory-mode", before.directory_mode == now.directory_mode),
        ("no-encryption", before.allow_plain == now.allow_plain),
        ("require-encryption", before.require_encryption == now.require_encryption),
        ("min-chunk-size, max-chunk-size", before.chunk_size_range == now.chunk_size_range),
        ("server-memory", before.server_memory == now.server_memory),
    ];
    options.into_iter().filter(|(_, is_same)| !is_same).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_file_behind_the_wall_is_told_from_one_that_is_missing() {
        let failed = |kind: io::ErrorKind| Failed::file(Path::new("server.toml"), io::Error::from(kind));
        assert!(advice(&failed(io::ErrorKind::PermissionDenied)).contains("started again"));
        assert_eq!(advice(&failed(io::ErrorKind::NotFound)), "");
    }
}
