//! The tokens of a server: where they come from.

use super::Environment;
use crate::args::Run;
use crate::failed::{Failed, Result};
use crate::secret;
use remofile::TokensFile;
use remofile::protocol::token::Token;

/// The tokens of a server.
#[derive(Debug)]
pub(crate) enum ServerTokens {
    /// One, with which everything may be done.
    One {
        /// The token.
        token: Token,
        /// Its source.
        source: TokenSource,
    },
    /// Those of a file.
    Many(TokensFile),
}

/// The source of a server's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// From the user: an argument or a file.
    Given,
    /// From `REMOFILE_TOKEN`.
    Environment,
    /// Generated; the user does not know the token yet.
    Generated,
}

/// Of two variables the one that only servers have is meant: clients on the same machine have a token, too.
pub(super) fn find_tokens(run: &Run, token: Option<Token>, environment: &Environment) -> Result<ServerTokens> {
    let one = |token, source| Ok(ServerTokens::One { token, source });
    if let Some(token) = token {
        return one(token, TokenSource::Given);
    }
    if let Some(token) = token_in_files(run) {
        return one(token?, TokenSource::Given);
    }
    if let Some(path) = run.tokens.as_ref().or(environment.tokens.as_ref()) {
        return Ok(ServerTokens::Many(TokensFile::open(path)?));
    }
    if let Some(text) = &environment.token {
        let token = Token::parse(text).map_err(|error| Failed::Configuration(format!("REMOFILE_TOKEN: {error}")))?;
        return one(token, TokenSource::Environment);
    }
    one(Token::generate(), TokenSource::Generated)
}

/// Reads the token in the file of `--token-file`.
pub(super) fn token_in_files(run: &Run) -> Option<Result<Token>> {
    run.token_file.as_deref().map(secret::token_of_file)
}
