//! The new token as it is shown, once.

use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::{self, json, text};
use crate::secret;
use remofile::protocol::token::{Origin, Token};
use remofile::tokens::{TokensError, TokensFileError};
use remofile::{TokenEntry, TokenName, Tokens, TokensFile};
use std::io;
use std::path::Path;
use zeroize::Zeroizing;

/// A token that is given to somebody.
pub(super) struct NewToken {
    pub(super) token: Token,
    /// True if its holder knows it already.
    is_chosen_by_user: bool,
}

impl NewToken {
    /// Takes that of a file, or generates one.
    pub(super) fn of(file: Option<&Path>) -> Result<Self> {
        let Some(path) = file else {
            return Ok(Self { token: Token::generate(), is_chosen_by_user: false });
        };
        let token = secret::token_of_file(path)?;
        if token.origin() == Origin::Chosen {
            output::warn(
                "this token was not generated: whoever records a session can try to guess it offline (leave \
                 '--token-file' out to have one generated)",
            );
        }
        Ok(Self { token, is_chosen_by_user: true })
    }

    /// Finds out beforehand that the token would be lost.
    ///
    /// # Errors
    /// If standard output is closed or the null device, which takes whatever is written, and nobody knows the token yet.
    pub(super) fn check_output(&self) -> Result<()> {
        if self.is_chosen_by_user || !output::is_thrown_away() {
            return Ok(());
        }
        Err(unprintable(io::Error::other("standard output is closed, or the null device")))
    }

    /// Prints it, unless it came from the user.
    pub(super) fn show(&self, entry: &TokenEntry, as_json: bool) -> Result<()> {
        let token = (!self.is_chosen_by_user).then(|| self.token.reveal());
        let shown = match (as_json, token) {
            (true, token) => Zeroizing::new(format!("{}\n", json::new_token(entry, token))),
            (false, Some(token)) => Zeroizing::new(format!("{token}\n")),
            (false, None) => return Ok(()),
        };
        // A reader that has left is no success here: nobody knows the token.
        output::data(&shown).map_err(|failed| match failed {
            Failed::Output(source) => unprintable(source),
            failed => failed,
        })
    }
}

fn unprintable(source: io::Error) -> Failed {
    Failed::System { what: "the token cannot be printed, so nothing was changed", source }
}

/// Makes a change of the tokens in memory alone, and tells that it could be made.
pub(super) fn rehearse(
    file: &TokensFile,
    action: &str,
    name: &TokenName,
    as_json: bool,
    change: impl FnOnce(&mut Tokens) -> std::result::Result<(), TokensError>,
) -> Result<Exit> {
    let mut tokens = if file.stamp()?.is_some() { file.read()?.tokens } else { Tokens::new() };
    change(&mut tokens).map_err(TokensFileError::from)?;
    match as_json {
        true => {
            output::data(&format!(
                "{}\n",
                serde_json::json!({"action": action, "name": name.as_str(), "dry_run": true})
            ))?;
        }
        false => output::note(&format!("nothing was changed; '{name}': '{action}' can be done")),
    }
    Ok(Exit::Success)
}

/// Returns how a server is started with a tokens file.
pub(super) fn serving(file: &TokensFile) -> String {
    let path = file.path().to_string_lossy();
    format!("remofile run DIRECTORY --tokens {}", text::shell_word(&path))
}
