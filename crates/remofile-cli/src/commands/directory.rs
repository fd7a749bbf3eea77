//! `remofile directory`

use super::making::{Making, foretell};
use super::{Context, begun, paths};
use crate::args::Directory;
use crate::exit::Exit;
use crate::failed::Result;

pub(super) fn run(directory: &Directory, context: Context) -> Result<Exit> {
    let path = paths::new_path(&directory.name, directory.directory.as_deref())?;
    let (update, parents) = (directory.update || directory.as_mkdir, directory.parents || directory.as_mkdir);
    let mut client = context.connect(&directory.connection, None)?;
    match directory.dry_run {
        true => foretell(&mut client, &path, Making::Directory { parents }, update, directory.connection.json)?,
        false => {
            client.make_directory(&path, update, parents)?;
            // With an update it may have been there.
            if !update {
                begun::forget_at(&client, &path);
            }
        }
    }
    Ok(Exit::Success)
}
