//! `remofile cat`

use super::several::Several;
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
    let paths = paths::all_from_root(&cat.paths)?;
    let mut client = context.connect(&cat.connection, None)?;
    let (mut several, paths) = Several::expand(&mut client, paths, Presentation { json: cat.connection.json })?;
    if cat.follow && paths.len() > 1 {
        return Err(Failed::Usage("one file can be followed at a time: name one path with --follow".to_owned()));
    }
    let mut data = Data::lock();
    for path in &paths {
        let printed = print(&mut client, path, cat, &mut data);
        data.flush()?;
        several.count(printed.map(|()| true))?;
    }
    Ok(several.exit())
}

fn print(client: &mut Client, path: &RemotePath, cat: &Cat, data: &mut Data) -> Result<()> {
    let options = OpenOptions::new().read(true).strict(cat.strict).follow(cat.follow);
    let mut file = client.open(path, options)?;
    let offset = match cat.tail {
        Some(bytes) => file.size()?.saturating_sub(bytes),
        None => cat.offset,
    };
    file.seek(SeekFrom::Start(offset)).map_err(failed)?;
    let mut left = cat.length.unwrap_or(u64::MAX);
    let mut piece = vec![0; PIECE_BYTES];
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let count = file.read(&mut piece[..wanted]).map_err(failed)?;
        if count == 0 {
            break;
        }
        data.bytes(&piece[..count])?;
        if cat.follow {
            // Whoever follows wants to see it now.
            data.flush()?;
        }
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
