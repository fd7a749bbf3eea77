//! `remofile download`

use super::sources::Arguments;
use super::transfer::{self, TransferSetup};
use super::{Context, paths};
use crate::args::Download;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::transfer::EventsTo;
use crate::settings::Direction;
use remofile::protocol::path::RemotePath;
use remofile::{RemoteSource, TransferOptions};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) fn run(download: Download, context: Context) -> Result<Exit> {
    let options = TransferOptions {
        partial_expiry: download.partial_expiry,
        ..transfer::options(&download.transfer, Direction::Down)?
    };
    let arguments = Arguments::of(download.paths, &download.transfer)?;
    let what = What::of(arguments, download.transfer.relative_directory.as_deref())?;
    let events = match what {
        What::Files { .. } => EventsTo::Stdout,
        What::Stdout { .. } => EventsTo::Stderr,
    };
    let setup = TransferSetup { direction: Direction::Down, events };
    transfer::transfer(&download.transfer, &download.connection, context, &setup, options, |client, options, show| {
        match what {
            What::Files { sources, directory } => Ok(client.download(&sources, &directory, options, show)?),
            What::Stdout { source } => {
                let (sink, reader) = StdoutSink::open()?;
                let streamed = client.download_stream(&source, Box::new(sink), options, show);
                streamed.map_err(|error| reader.explain(error))
            }
        }
    })
}

/// The sources of a download, and their destination.
#[derive(Debug, PartialEq)]
enum What {
    /// Files and directories into an existing local directory.
    Files { sources: Vec<RemoteSource>, directory: PathBuf },
    /// Standard output gets this file.
    Stdout { source: RemotePath },
}

impl What {
    fn of(arguments: Arguments, base: Option<&Path>) -> Result<Self> {
        let Arguments { sources, listed, destination } = arguments;
        let directory = destination.unwrap_or_else(|| PathBuf::from("."));
        let sources = remote(&sources, listed, base)?;
        match (directory == Path::new("-"), &sources[..]) {
            (false, _) => Ok(Self::Files { sources, directory }),
            (true, [RemoteSource { path, .. }]) => Ok(Self::Stdout { source: path.clone() }),
            (true, _) => Err(Failed::usage("standard output ('-') takes one file only")),
        }
    }
}

/// Sources below a directory, or the root; those that are listed keep their own directories.
fn remote(sources: &[PathBuf], listed: Vec<String>, base: Option<&Path>) -> Result<Vec<RemoteSource>> {
    let base = match base {
        Some(base) => paths::absolute_directory(paths::text(base)?)?,
        None => RemotePath::root(),
    };
    let mut found = Vec::with_capacity(sources.len() + listed.len());
    for path in sources {
        found.push(paths::source(&base, paths::text(path)?)?);
    }
    for path in listed {
        found.push(RemoteSource { path: paths::from_directory(&base, &path)?, name: Some(path) });
    }
    Ok(found)
}

/// Standard output without a buffer of its own.
struct StdoutSink {
    file: File,
    reader_left: Arc<AtomicBool>,
}

/// The reader of standard output, which may have gone.
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

    fn what(arguments: &[&str], base: Option<&str>) -> Result<What> {
        let mut paths: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
        let destination = if paths.len() > 1 { paths.pop() } else { None };
        What::of(Arguments { sources: paths, listed: Vec::new(), destination }, base.map(Path::new))
    }

    fn files(paths: &[&str], directory: &str) -> What {
        let source = |path: &&str| RemoteSource::from(path.parse::<RemotePath>().unwrap());
        What::Files { sources: paths.iter().map(source).collect(), directory: directory.into() }
    }

    #[test]
    fn one_argument_is_a_source_and_the_last_of_several_the_destination() {
        assert_eq!(what(&["single-file.txt"], None).unwrap(), files(&["/single-file.txt"], "."));
        assert_eq!(what(&["/a", "b/", "dst"], None).unwrap(), files(&["/a", "/b"], "dst"));
    }

    #[test]
    fn sources_are_taken_from_the_relative_directory() {
        assert_eq!(what(&["a", "/b", "dst"], Some("/d")).unwrap(), files(&["/d/a", "/b"], "dst"));
        assert!(matches!(what(&["a"], Some("d")), Err(Failed::Usage(_))));
        assert!(matches!(what(&["../a"], Some("/d")), Err(Failed::Usage(_))));
    }

    #[test]
    fn listed_paths_keep_their_directories() {
        let arguments = Arguments { sources: Vec::new(), listed: vec!["b/c".to_owned()], destination: None };
        let What::Files { sources, directory } = What::of(arguments, Some(Path::new("/d"))).unwrap() else {
            panic!("not files")
        };
        assert_eq!(sources, [RemoteSource { path: "/d/b/c".parse().unwrap(), name: Some("b/c".to_owned()) }]);
        assert_eq!(directory, Path::new("."));
    }

    #[test]
    fn standard_output_takes_one_file() {
        assert_eq!(what(&["/a", "-"], None).unwrap(), What::Stdout { source: "/a".parse().unwrap() });
        assert!(matches!(what(&["/a", "/b", "-"], None), Err(Failed::Usage(_))));
    }
}
