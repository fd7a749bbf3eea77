//! `remofile download`

use super::{Context, paths};
use crate::args::Download;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::progress::Progress;
use crate::output::{self, Presentation, json, stderr_line};
use crate::signals;
use remofile::protocol::path::RemotePath;
use remofile::{Client, DownloadOptions};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) fn run(download: Download, context: Context) -> Result<Exit> {
    let What { sources, destination } = What::of(download.paths)?;
    let options = context.options(&download.connection, None)?;
    signals::interrupt_calls(options.interrupt.clone())?;
    let presentation = Presentation { json: download.connection.json };
    let mut progress = Progress::new(presentation, download.progress);
    let download_options = DownloadOptions {
        recursive: download.recursive,
        on_conflict: download.on_conflict.into(),
        total: progress.is_shown(),
    };
    let mut client = Client::connect(options)?;
    let report = match &destination {
        Destination::Directory(directory) => client.download(&sources, directory, &download_options, &mut progress)?,
        Destination::Stdout(source) => {
            let (sink, reader) = StdoutSink::open()?;
            client
                .download_stream(source, Box::new(sink), &download_options, &mut progress)
                .map_err(|error| reader.explain(error))?
        }
    };
    progress.finish(&report);
    if download.connection.json {
        let object = json::transfer(&report);
        match destination {
            Destination::Directory(_) => output::data(&(object + "\n"))?,
            Destination::Stdout(_) => stderr_line(&object),
        }
    }
    Ok(if report.failures.is_empty() { Exit::Success } else { Exit::SomeFailed })
}

/// What goes where.
#[derive(Debug, PartialEq)]
struct What {
    sources: Vec<RemotePath>,
    destination: Destination,
}

#[derive(Debug, PartialEq)]
enum Destination {
    /// An existing local directory.
    Directory(PathBuf),
    /// Standard output gets this file.
    Stdout(RemotePath),
}

impl What {
    fn of(mut arguments: Vec<PathBuf>) -> Result<Self> {
        let directory = match arguments.len() {
            0 | 1 => PathBuf::from("."),
            _ => arguments.pop().unwrap_or_default(),
        };
        let sources: Vec<RemotePath> =
            arguments.iter().map(|path| paths::from_root(paths::text(path)?)).collect::<Result<_>>()?;
        let destination = match (directory == Path::new("-"), &sources[..]) {
            (false, _) => Destination::Directory(directory),
            (true, [source]) => Destination::Stdout(source.clone()),
            (true, _) => return Err(Failed::usage("standard output ('-') takes one file only")),
        };
        Ok(Self { sources, destination })
    }
}

/// Standard output without a buffer of its own.
struct StdoutSink {
    file: File,
    reader_left: Arc<AtomicBool>,
}

/// Whether the reader of standard output has gone.
struct Reader {
    left: Arc<AtomicBool>,
}

impl StdoutSink {
    fn open() -> Result<(Self, Reader)> {
        let file = io::stdout().as_fd().try_clone_to_owned().map(File::from).map_err(Failed::Output)?;
        let left = Arc::new(AtomicBool::new(false));
        Ok((Self { file, reader_left: Arc::clone(&left) }, Reader { left }))
    }
}

impl Write for StdoutSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).inspect_err(|error| {
            if error.kind() == io::ErrorKind::BrokenPipe {
                self.reader_left.store(true, Ordering::Relaxed);
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Reader {
    /// A reader that has seen enough ends the download, and that is no error.
    fn explain(&self, error: remofile::Error) -> Failed {
        if self.left.load(Ordering::Relaxed) { Failed::Output(io::ErrorKind::BrokenPipe.into()) } else { error.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(arguments: &[&str]) -> Result<What> {
        What::of(arguments.iter().map(PathBuf::from).collect())
    }

    fn remote(paths: &[&str]) -> Vec<RemotePath> {
        paths.iter().map(|path| path.parse().unwrap()).collect()
    }

    #[test]
    fn one_argument_is_a_source_and_the_last_of_several_the_destination() {
        let one = what(&["single-file.txt"]).unwrap();
        assert_eq!(
            one,
            What { sources: remote(&["/single-file.txt"]), destination: Destination::Directory(".".into()) }
        );
        let two = what(&["/a", "b/", "dst"]).unwrap();
        assert_eq!(two, What { sources: remote(&["/a", "/b"]), destination: Destination::Directory("dst".into()) });
    }

    #[test]
    fn standard_output_takes_one_file() {
        let destination = what(&["/a", "-"]).unwrap().destination;
        assert_eq!(destination, Destination::Stdout("/a".parse().unwrap()));
        assert!(matches!(what(&["/a", "/b", "-"]), Err(Failed::Usage(_))));
    }
}
