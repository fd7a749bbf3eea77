//! `remofile file`

use super::{Context, paths};
use crate::args::File;
use crate::exit::Exit;
use crate::failed::Result;

pub(super) fn run(file: &File, context: Context) -> Result<Exit> {
    let path = paths::new_path(&file.name, file.directory.as_deref())?;
    context.connect(&file.connection, None)?.create_file(&path, file.update)?;
    Ok(Exit::Success)
}
