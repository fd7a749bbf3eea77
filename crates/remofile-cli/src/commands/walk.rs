//! The entries below a path, one at a time.

use crate::failed::{Failed, Result};
use crate::output::Presentation;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Entry, ErrorCode, Listed};
use remofile::{Client, Error};

/// Gives every entry below a directory to `each`, in the order of a walk; of what is no directory only itself. What cannot be
/// listed is shown. Returns whether all could be.
///
/// # Errors
/// The error of `each`, which ends the walk; what ends the call.
pub(super) fn below(
    client: &mut Client,
    path: &RemotePath,
    presentation: Presentation,
    each: &mut dyn FnMut(&Entry) -> Result<()>,
) -> Result<bool> {
    let (mut stopped, mut is_complete) = (None, true);
    let listed = client.list(path, true, &mut |listed| match listed {
        Listed::Entry(entry) => each(&entry).map_err(|failed| {
            stopped = Some(failed);
            Error::Interrupted
        }),
        Listed::Failed(failure) => {
            is_complete = false;
            presentation.show_file(&failure);
            Ok(())
        } // Answers to other questions.
    });
    match (stopped, listed) {
        (Some(failed), _) => Err(failed),
        (None, Err(Error::Remote(failure))) if failure.code == ErrorCode::NotADirectory => {
            each(&client.stat(path)?).map(|()| true)
        }
        (None, listed) => listed.map(|()| is_complete).map_err(Failed::from),
    }
}
