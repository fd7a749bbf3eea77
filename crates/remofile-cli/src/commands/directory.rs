//! `remofile directory`

use super::{Context, paths};
use crate::args::Directory;
use crate::exit::Exit;
use crate::failed::Result;

pub(super) fn run(directory: &Directory, context: Context) -> Result<Exit> {
    let path = paths::new_path(&directory.name, directory.directory.as_deref())?;
    context.connect(&directory.connection, None)?.make_directory(&path, directory.update, directory.parents)?;
    Ok(Exit::Success)
}
