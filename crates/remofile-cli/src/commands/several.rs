//! Several remote paths of one command that only looks: one that fails is named, and the others are looked at.

use super::expand;
use crate::exit::{Exit, FailedParts};
use crate::failed::{Failed, Result};
use crate::output::Presentation;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::Failure;
use remofile::{Client, Error};

/// The outcome of the paths so far.
pub(super) struct Several {
    presentation: Presentation,
    are_many: bool,
    any_done: bool,
    failed: FailedParts,
}

impl Several {
    /// Replaces patterns by what matches them. One that nothing matches is a path that fails.
    ///
    /// # Errors
    /// `no-match` if there is nothing else to look at; what ends the call.
    pub(super) fn expand(
        client: &mut Client,
        paths: Vec<RemotePath>,
        presentation: Presentation,
    ) -> Result<(Self, Vec<RemotePath>)> {
        let mut several =
            Self { presentation, are_many: paths.len() > 1, any_done: false, failed: FailedParts::default() };
        let paths = expand::expand_each(client, paths, &mut |failure| several.fail(failure))?;
        several.are_many |= paths.len() > 1;
        Ok((several, paths))
    }

    /// Counts a path, of which `looked` tells whether all could be seen.
    ///
    /// # Errors
    /// The failure of the only path; what ends the call.
    pub(super) fn count(&mut self, looked: Result<bool>) -> Result<()> {
        match looked {
            Err(Failed::Library(Error::Remote(failure))) => self.fail(failure),
            looked => {
                if !looked? {
                    self.failed.count_incomplete();
                }
                self.any_done = true;
                Ok(())
            }
        }
    }

    /// Returns what has failed so far.
    pub(super) fn failed(&self) -> FailedParts {
        self.failed
    }

    /// Returns the status of the command.
    pub(super) fn exit(&self) -> Exit {
        Exit::of_parts(self.any_done, self.failed)
    }

    fn fail(&mut self, failure: Failure) -> Result<()> {
        if !self.are_many {
            return Err(Error::Remote(failure).into());
        }
        self.failed.count(&failure);
        self.presentation.show_file(&failure);
        Ok(())
    }
}
