//! The call that makes a file of content which is in memory.

use super::OpenOptions;
use super::staged::StagedRemote;
use crate::client::{Client, TransferOptions};
use crate::error::{Error, Result};
use crate::monitor::Silent;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, OnConflict};
use std::io::{Cursor, Write};

/// Bytes that are sent by one request at most, and anew after a lost connection.
const MOST_AT_ONCE: usize = 16 * 1024 * 1024;

impl Client {
    /// Makes a file of some content, at once and whole, in one trip if it is small. With `replace` a file that is there is
    /// replaced, whose permission bits the new one has, through a link as [`Client::open`] does.
    ///
    /// # Errors
    /// `already-exists` if the name is taken and nothing may be replaced; otherwise those of [`Client::open`] and
    /// [`RemoteFile::close`](super::RemoteFile::close).
    ///
    /// # Examples
    /// ```no_run
    /// # fn example(client: &mut remofile::Client) -> remofile::Result<()> {
    /// client.write_file(&"/notes.txt".parse().unwrap(), b"one note", true)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_file(&mut self, path: &RemotePath, content: &[u8], replace: bool) -> Result<()> {
        if !self.server()?.stages_files {
            return self.upload_content(path, content, replace);
        }
        if content.len() > MOST_AT_ONCE {
            let options = OpenOptions::new().write(true);
            let options = if replace { options.rewrite() } else { options.create_new(true) };
            let mut file = self.open(path, options)?;
            let written = file.write_all(content);
            written.map_err(|error| {
                error.downcast::<Error>().unwrap_or_else(|source| Error::System { what: "file", source })
            })?;
            return file.close();
        }
        self.lend();
        match StagedRemote::new(self.sibling(), path.clone()).make(replace, content) {
            // Its store writes files only from their beginning to their end, or has too many open.
            Err(Error::Remote(failure))
                if matches!(failure.code, ErrorCode::Unsupported | ErrorCode::OutOfResources) =>
            {
                self.upload_content(path, content, replace)
            }
            made => made,
        }
    }

    fn upload_content(&mut self, path: &RemotePath, content: &[u8], replace: bool) -> Result<()> {
        let on_conflict = if replace { OnConflict::Replace } else { OnConflict::Abort };
        let options = TransferOptions { on_conflict, ..TransferOptions::default() };
        let (source, size) = (Box::new(Cursor::new(content.to_vec())), Some(content.len() as u64));
        let report = self.upload_reader(source, size, path, &options, &mut Silent)?;
        report.failures.into_iter().next().map_or(Ok(()), |failure| Err(failure.at(path).into()))
    }
}
