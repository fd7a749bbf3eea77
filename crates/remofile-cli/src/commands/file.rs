//! `remofile file`

use super::making::{Making, foretell};
use super::{Context, paths};
use crate::args::File;
use crate::exit::Exit;
use crate::failed::Result;

pub(super) fn run(file: &File, context: Context) -> Result<Exit> {
    let path = paths::new_path(&file.name, file.directory.as_deref())?;
    let mut client = context.connect(&file.connection, None)?;
    match file.dry_run {
        true => foretell(&mut client, &path, Making::File, file.update, file.connection.json)?,
        false => client.create_file(&path, file.update)?,
    }
    Ok(Exit::Success)
}
