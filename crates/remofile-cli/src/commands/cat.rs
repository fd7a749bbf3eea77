//! `remofile cat`

use super::{Context, paths};
use crate::args::Cat;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::{Data, Presentation};
use remofile::protocol::path::RemotePath;
use remofile::{Client, Error, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};

/// Bytes printed at once.
const PIECE_BYTES: usize = 1024 * 1024;

pub(super) fn run(cat: &Cat, context: Context) -> Result<Exit> {
    let paths = cat.paths.iter().map(|path| paths::from_root(path)).collect::<Result<Vec<RemotePath>>>()?;
    let presentation = Presentation { json: cat.connection.json };
    let mut client = context.connect(&cat.connection, None)?;
    let mut data = Data::lock();
    let mut exit = Exit::Success;
    for path in &paths {
        let printed = print(&mut client, path, cat, &mut data);
        data.flush()?;
        match printed {
            Ok(()) => {}
            Err(Failed::Library(Error::Remote(failure))) if paths.len() > 1 => {
                presentation.show_file(&failure);
                exit = Exit::SomeFailed;
            }
            Err(failed) => return Err(failed),
        }
    }
    Ok(exit)
}

fn print(client: &mut Client, path: &RemotePath, cat: &Cat, data: &mut Data) -> Result<()> {
    let mut file = client.open(path, OpenOptions::new().read(true))?;
    file.seek(SeekFrom::Start(cat.offset)).map_err(failed)?;
    let mut left = cat.length.unwrap_or(u64::MAX);
    let mut piece = vec![0; PIECE_BYTES];
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let count = file.read(&mut piece[..wanted]).map_err(failed)?;
        if count == 0 {
            break;
        }
        data.bytes(&piece[..count])?;
        left -= count as u64;
    }
    Ok(())
}

/// Turns an error of a remote file into the failure of a command.
pub(super) fn failed(error: io::Error) -> Failed {
    match error.downcast::<Error>() {
        Ok(error) => Failed::Library(error),
        Err(source) => Failed::System { what: "cannot read or write the file", source },
    }
}
