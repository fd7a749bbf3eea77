//! The progress of a command that the server carries out without telling: counted beside it for who looks at a
//! terminal, over a connection of its own, so that it is not slowed down by more than a tenth.

use crate::output::Working;
use crate::output::summary::grouped;
use indicatif::HumanBytes;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Kind, Listed};
use remofile::{Client, Error, Interrupt, Wait};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// The time before the first count, which is when the command is shown at all.
const FIRST: Duration = crate::output::WORKING_AFTER;

/// The shortest pause between two counts.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest time for a count, which nobody needs.
const LONGEST: Duration = Duration::from_secs(60);

/// A thread that counts, until this is dropped.
pub(super) struct Counting {
    interrupt: Interrupt,
    _end: Option<Sender<()>>,
}

/// The files at some paths, and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    files: u64,
    bytes: u64,
}

impl Counting {
    /// Tells how many files are left at paths that are being removed.
    pub(super) fn of_removal(client: &Client, working: &Working, paths: &[RemotePath]) -> Self {
        let paths = paths.to_vec();
        Self::begin(client, working, move |client| {
            let left = count_all(client, &paths)?;
            Some(format!("{} files left", grouped(left.files)))
        })
    }

    /// Tells how much of a source is at the path that it is copied to.
    pub(super) fn of_copy(client: &Client, working: &Working, source: &RemotePath, path: &RemotePath) -> Self {
        let (source, path, mut total) = ([source.clone()], [path.clone()], None);
        Self::begin(client, working, move |client| {
            let total = match total {
                Some(total) => total,
                None => *total.insert(count_all(client, &source)?),
            };
            Some(copied(count_all(client, &path)?, total))
        })
    }

    fn begin(
        client: &Client,
        working: &Working,
        mut count: impl FnMut(&mut Client) -> Option<String> + Send + 'static,
    ) -> Self {
        let interrupt = Interrupt::default();
        if !working.is_shown() {
            return Self { interrupt, _end: None };
        }
        let (end, ended) = mpsc::channel();
        let (mut client, so_far) = (client.sibling(), working.so_far());
        client.set_limits(Some(LONGEST), Wait::No, interrupt.clone());
        let run = move || {
            let mut pause = FIRST;
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let begin = Instant::now();
                // Who may not look, or has to wait for that, is shown the time alone.
                let Some(told) = count(&mut client) else { return };
                so_far.tell(told);
                pause = PAUSE.max(begin.elapsed() * 10);
            }
        };
        let started = thread::Builder::new().name("counting".to_owned()).spawn(run).is_ok();
        Self { interrupt, _end: started.then_some(end) }
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.interrupt.trigger();
    }
}

/// "1,204 of 5,000 files, 1.20 GiB of 3.40 GiB"; a single file is there as a whole or not at all.
fn copied(so_far: Count, total: Count) -> String {
    let bytes = HumanBytes(total.bytes);
    match total.files {
        0 | 1 => bytes.to_string(),
        files => format!(
            "{} of {} files, {} of {bytes}",
            grouped(so_far.files.min(files)),
            grouped(files),
            HumanBytes(so_far.bytes.min(total.bytes))
        ),
    }
}

/// Counts what is at paths, as far as it is there; `None` if it cannot be counted.
fn count_all(client: &mut Client, paths: &[RemotePath]) -> Option<Count> {
    let mut count = Count::default();
    for path in paths {
        let mut add = |kind, size| {
            if kind != Kind::Directory {
                count.files += 1;
                count.bytes += size;
            }
        };
        let listed = client.list(path, true, &mut |listed| {
            if let Listed::Entry(entry) = listed {
                add(entry.kind, entry.size);
            }
            Ok(())
        });
        match listed {
            Ok(()) => {}
            Err(Error::Remote(failure)) if failure.code == ErrorCode::NotFound => {}
            Err(Error::Remote(failure)) if failure.code == ErrorCode::NotADirectory => {
                let entry = client.lstat(path).ok()?.entry;
                add(entry.kind, entry.size);
            }
            Err(_) => return None,
        }
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_told_by_files_and_bytes_and_a_file_by_its_size() {
        let total = Count { files: 5000, bytes: 3 << 30 };
        let so_far = Count { files: 1204, bytes: 1 << 30 };
        assert_eq!(copied(so_far, total), "1,204 of 5,000 files, 1.00 GiB of 3.00 GiB");
        assert_eq!(copied(Count::default(), Count { files: 1, bytes: 3 << 30 }), "3.00 GiB");
        // What was there before is counted as well.
        let more = Count { files: 6000, bytes: 4 << 30 };
        assert_eq!(copied(more, total), "5,000 of 5,000 files, 3.00 GiB of 3.00 GiB");
    }
}
