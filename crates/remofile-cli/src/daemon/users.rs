//! The users of a server: whoever has its one token, or those of its tokens file.

use super::bucket;
use crate::failed::{Failed, Result};
use crate::output;
use crate::settings::{ServerSettings, ServerTokens};
use remofile::protocol::token::{Token, UNGUESSED_LETTERS};
use remofile::server::Coordinated;
use remofile::tokens::TokensWatch;
use remofile::{Server, TokensFollower};
use std::path::PathBuf;

/// The users of a server.
pub(super) enum Users {
    One(Token),
    Many(Box<TokensFollower>),
}

impl Users {
    /// Takes the token, or reads the file. Where other servers share the tokens their changes are written into it.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub(super) fn of(tokens: &ServerTokens, are_shared: bool) -> Result<Self> {
        let users = match tokens {
            ServerTokens::One { token, .. } => Self::One(token.clone()),
            ServerTokens::Many(file) => {
                let follower = TokensFollower::begin(file.clone())?;
                Self::Many(Box::new(if are_shared { follower.writing_back() } else { follower }))
            }
        };
        users.warn();
        Ok(users)
    }

    fn warn(&self) {
        match self {
            Self::One(token) if token.is_guessable() => output::warn(&format!(
                "this token is easy to guess for whoever records a session (make one with 'remofile generate-token', or choose \
                 {UNGUESSED_LETTERS} letters or more)"
            )),
            Self::Many(follower) if follower.tokens().snapshot().is_empty() => {
                output::warn(
                    "there is no token in the tokens file yet, so nobody can connect (add one with 'remofile token add')",
                );
            }
            _ => {}
        }
    }

    /// Makes their server.
    pub(super) fn server(&self, settings: &ServerSettings, coordinated: Option<&Coordinated>) -> Result<Server> {
        let root = &settings.root;
        let fence = coordinated.map(Coordinated::fence);
        let store =
            settings.bucket.as_ref().map(|bucket| bucket::open(bucket, &settings.options, fence)).transpose()?;
        Ok(match (self, store) {
            (Self::One(token), None) => Server::new(root, token.clone())?,
            (Self::One(token), Some(store)) => Server::with_store(store, token.clone()),
            (Self::Many(follower), None) => Server::with_tokens(root, follower.tokens().clone())?,
            (Self::Many(follower), Some(store)) => Server::with_store_and_tokens(store, follower.tokens().clone()),
        })
    }

    /// Returns the directories from which files are read while the server runs.
    pub(super) fn directories(&self) -> Vec<PathBuf> {
        match self {
            Self::One(_) => Vec::new(),
            Self::Many(follower) => follower.directories(),
        }
    }

    /// Begins to follow the file, if there is one, with a thread of its own.
    pub(super) fn watch(self) -> Result<Option<TokensWatch>> {
        match self {
            Self::One(_) => Ok(None),
            Self::Many(follower) => {
                TokensWatch::begin(*follower).map(Some).map_err(Failed::system("cannot follow the tokens file"))
            }
        }
    }
}
