//! Entries that a removal would remove, told and not done.

use super::walk;
use crate::args::Remove;
use crate::exit::{Exit, FailedParts};
use crate::failed::{Failed, Result};
use crate::output::{self, Data, Presentation, json, summary};
use remofile::protocol::handshake::Right;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Entry, ErrorCode, Failure, Kind, Listed};
use remofile::{Client, Error, Removed};

/// Prints each path that would be removed, and how much that is; with failures of patterns before.
pub(super) fn foretell_removal(
    client: &mut Client,
    paths: &[RemotePath],
    remove: &Remove,
    mut failures: Vec<Failure>,
) -> Result<Exit> {
    let presentation = Presentation { json: remove.connection.json };
    let mut teller = Teller { data: Data::lock(), is_json: presentation.json, removed: Removed::default(), bytes: 0 };
    let (are_many, mut done) = (paths.len() > 1 || !failures.is_empty(), 0);
    for path in paths {
        match teller.tell(client, path, remove.recursive, presentation) {
            Ok(()) => done += 1,
            Err(Failed::Library(Error::Remote(failure))) if remove.force && failure.code == ErrorCode::NotFound => {}
            Err(Failed::Library(Error::Remote(failure))) if are_many => {
                presentation.show_file(&failure);
                failures.push(failure);
            }
            Err(failed) => return Err(failed),
        }
    }
    let Teller { mut data, removed, bytes, .. } = teller;
    if presentation.json {
        data.object(&json::would_remove_all(removed, bytes, &failures))?;
    }
    data.flush()?;
    drop(data);
    if !presentation.json {
        summary::of_paths(&failures, done).iter().for_each(|line| output::note(line));
        output::note(&format!("nothing was removed; it would be {}", amount(removed, bytes)));
    }
    Ok(Exit::of_parts(done > 0, FailedParts::of(&failures)))
}

struct Teller {
    data: Data,
    is_json: bool,
    removed: Removed,
    bytes: u64,
}

impl Teller {
    fn tell(
        &mut self,
        client: &mut Client,
        path: &RemotePath,
        recursive: bool,
        presentation: Presentation,
    ) -> Result<()> {
        client.refuse_without(&[Right::Remove], path)?;
        let entry = client.lstat(path)?.entry;
        if entry.kind != Kind::Directory {
            return self.entry(&entry);
        }
        if !recursive && !is_empty(client, path)? {
            return Err(Error::Remote(Failure::new(ErrorCode::NotEmpty).at(path)).into());
        }
        self.entry(&entry)?;
        // What cannot be listed is shown; whether it could be removed all the same nobody knows.
        walk::below(client, path, presentation, &mut |entry| self.entry(entry)).map(drop)
    }

    fn entry(&mut self, entry: &Entry) -> Result<()> {
        let end = match entry.kind {
            Kind::Directory => {
                self.removed.directories += 1;
                "/"
            }
            _ => {
                self.removed.files += 1;
                ""
            }
        };
        self.bytes += if entry.kind == Kind::File { entry.size } else { 0 };
        match self.is_json {
            true => self.data.object(&json::would_remove(entry)),
            false => self.data.line(&format!("{}{end}", entry.path)),
        }
    }
}

fn is_empty(client: &mut Client, path: &RemotePath) -> Result<bool> {
    let mut has_entry = false;
    client.list(path, false, &mut |listed| {
        has_entry |= matches!(listed, Listed::Entry(_));
        Ok(())
    })?;
    Ok(!has_entry)
}

/// "3 files with 12 bytes, and 2 directories"
fn amount(removed: Removed, bytes: u64) -> String {
    let count = |count: u64, one: &str, many: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{} {many}", summary::grouped(count)),
    };
    let Removed { files, directories } = removed;
    let (files, bytes) = (count(files, "file", "files"), count(bytes, "byte", "bytes"));
    match directories {
        0 => format!("{files} with {bytes}"),
        directories => format!("{files} with {bytes}, and {}", count(directories, "directory", "directories")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_amount_is_told_in_words() {
        let removed = |files, directories| Removed { files, directories };
        assert_eq!(amount(removed(1, 0), 1), "1 file with 1 byte");
        assert_eq!(amount(removed(1200, 1), 0), "1,200 files with 0 bytes, and 1 directory");
    }
}
