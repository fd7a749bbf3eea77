//! `remofile download`

use super::begun::BegunCopy;
use super::file_list::{ListedFile, Source};
use super::sources::Arguments;
use super::transfer::{self, TransferSetup};
use super::{Context, expand, parents, paths};
use crate::args::Download;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::screen::Hold;
use crate::output::transfer::EventsTo;
use crate::settings::{Direction, receive_settings};
use remofile::protocol::path::RemotePath;
use remofile::{Client, RemoteSource, TransferOptions};
use rustix::fs::FileType;
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) fn run(download: Download, context: Context) -> Result<Exit> {
    let options = TransferOptions {
        receive: receive_settings(&download.receive, &download.connection)?,
        ..transfer::options(&download.transfer, Direction::Down)?
    };
    let base = base(download.transfer.relative_directory.as_deref())?;
    let (arguments, refused) = Arguments::of(download.paths, &download.transfer, || Ok(Source::Remote(base.clone())))?;
    let what = DownloadOperands::of(arguments, &base)?;
    let events = match what {
        DownloadOperands::Files { .. } => EventsTo::Stdout,
        DownloadOperands::Stdout { .. } => EventsTo::Stderr,
    };
    let setup = TransferSetup { direction: Direction::Down, events, refused, is_large: true };
    let (makes_parents, dry_run) = (download.transfer.parents, download.transfer.dry_run);
    transfer::transfer(&download.transfer, &download.connection, context, setup, options, |client, options, show| {
        match what {
            DownloadOperands::Files { sources, directory } => {
                let begun = begun(client, &sources, &directory, options);
                let is_unfinished = begun.as_ref().is_some_and(BegunCopy::is_unfinished);
                let path = directory.clone();
                let has_one_copy = match &sources[..] {
                    [source] => source.name.is_none() && !expand::stands_for_many(client, &source.path)?,
                    _ => false,
                };
                let (sources, directory) = named(sources, directory, has_one_copy, is_unfinished)?;
                let options = &TransferOptions { missing_is_empty: makes_parents, ..options.clone() };
                if makes_parents && !dry_run {
                    parents::make_local(&directory)?;
                }
                if is_unfinished && path != directory && rustix::fs::lstat(&path).is_ok() {
                    show.goes_on_with(path.display());
                }
                let begun = begun.filter(|_| !dry_run && sources.iter().any(|source| source.name.is_some()));
                begun.iter().for_each(BegunCopy::begin);
                let downloaded = client.download(&sources, &directory, options, show);
                begun.iter().for_each(|begun| begun.settle(&downloaded, |_| matches!(is_directory(&path), Ok(false))));
                let is_it = |path: &str| Path::new(path) == directory;
                Ok(downloaded.map_err(|error| parents::explain(error, is_it))?)
            }
            DownloadOperands::Stdout { source } => {
                let (sink, reader) = StdoutSink::open()?;
                show.begins_anew();
                let _no_bar = io::stdout().is_terminal().then(Hold::begin);
                let streamed = client.download_stream(&source, Box::new(sink), options, show);
                streamed.map_err(|error| reader.explain(error))
            }
        }
    })
}

/// The sources of a download, and their destination.
#[derive(Debug, PartialEq)]
enum DownloadOperands {
    /// Files and directories into an existing local directory.
    Files { sources: Vec<RemoteSource>, directory: PathBuf },
    /// Standard output gets this file.
    Stdout { source: RemotePath },
}

impl DownloadOperands {
    fn of(arguments: Arguments, base: &RemotePath) -> Result<Self> {
        let Arguments { sources, listed, destination } = arguments;
        let directory = destination.unwrap_or_else(|| PathBuf::from("."));
        refuse_special(&directory)?;
        let sources = remote_sources(&sources, listed, base)?;
        match (directory == Path::new("-"), &sources[..]) {
            (false, _) => Ok(Self::Files { sources, directory }),
            (true, [RemoteSource { path, .. }]) => Ok(Self::Stdout { source: path.clone() }),
            (true, _) => Err(Failed::usage("standard output ('-') takes one file only")),
        }
    }
}

/// Refuses a destination that takes content and is no file: a download would be in its place. Other tools write to `/dev/null` and
/// `/dev/stdout`.
fn refuse_special(destination: &Path) -> Result<()> {
    let is_stdout = ["/dev/stdout", "/dev/fd/1"].iter().any(|name| destination == Path::new(name));
    let kind = rustix::fs::stat(destination).map(|stat| FileType::from_raw_mode(stat.st_mode));
    let is_special = kind.is_ok_and(|kind| !kind.is_file() && !kind.is_dir());
    let shown = destination.display();
    match (is_stdout, is_special) {
        (true, _) => Err(Failed::usage(format!("{shown} is written '-' here"))),
        (false, true) => Err(Failed::usage(format!(
            "{shown} is no file: 'remofile download FILE - > {shown}' writes into it, and remove it for a copy in its place"
        ))),
        (false, false) => Ok(()),
    }
}

/// Returns the copy that the download of a single directory may be, under the name of its destination.
fn begun(
    client: &Client,
    sources: &[RemoteSource],
    destination: &Path,
    options: &TransferOptions,
) -> Option<BegunCopy> {
    let [source] = sources else { return None };
    let destination = std::path::absolute(destination).ok()?;
    let ends = [source.path.as_str().as_ref(), destination.as_os_str()];
    (options.recursive && source.name.is_none()).then(|| BegunCopy::of("download", client, ends))
}

/// Gives the source that has one copy alone the name of a destination that is no directory, or one that an earlier run of
/// the same command has made, and returns the directory for it.
fn named(
    mut sources: Vec<RemoteSource>,
    destination: PathBuf,
    has_one_copy: bool,
    is_unfinished: bool,
) -> Result<(Vec<RemoteSource>, PathBuf)> {
    let is_named_so = destination.as_os_str().as_encoded_bytes().ends_with(b"/");
    let is_directory = is_named_so || (!is_unfinished && is_directory(&destination)?);
    let name = destination.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    match (&mut sources[..], name, destination.parent()) {
        ([source], Some(name), Some(parent)) if has_one_copy && !is_directory => {
            source.name = Some(name);
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            let parent = parent.to_owned();
            Ok((sources, parent))
        }
        _ => Ok((sources, destination)),
    }
}

/// Reports whether a local path leads to a directory.
///
/// # Errors
/// Anything but that nothing is there: a directory that cannot be looked at is not taken for the name of a copy.
fn is_directory(path: &Path) -> Result<bool> {
    match rustix::fs::stat(path) {
        Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode).is_dir()),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
        Err(errno) => Err(Failed::file(path, errno)),
    }
}

/// The directory that relative sources are taken from.
pub(super) fn base(directory: Option<&Path>) -> Result<RemotePath> {
    directory.map_or_else(|| Ok(RemotePath::root()), |base| paths::absolute_directory(paths::text(base)?))
}

/// Sources below a directory; those that are listed keep their own directories.
pub(super) fn remote_sources(
    sources: &[PathBuf],
    listed: Vec<ListedFile>,
    base: &RemotePath,
) -> Result<Vec<RemoteSource>> {
    let mut found = Vec::with_capacity(sources.len() + listed.len());
    for path in sources {
        found.push(paths::source(base, paths::text(path)?)?);
    }
    for ListedFile { name, .. } in listed {
        found.push(RemoteSource { path: paths::from_directory(base, &name)?, name: Some(name) });
    }
    Ok(found)
}

/// Standard output without a buffer of its own.
struct StdoutSink {
    file: File,
    failed: Arc<Mutex<Option<io::Error>>>,
}

/// The reader of standard output, which may have gone or take nothing more.
struct Reader {
    failed: Arc<Mutex<Option<io::Error>>>,
}

impl StdoutSink {
    fn open() -> Result<(Self, Reader)> {
        let file = io::stdout().as_fd().try_clone_to_owned().map(File::from).map_err(Failed::Output)?;
        let failed = Arc::default();
        Ok((Self { file, failed: Arc::clone(&failed) }, Reader { failed }))
    }
}

impl Write for StdoutSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).inspect_err(|error| {
            if !matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) {
                let again = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(again);
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Reader {
    /// Returns the failure of standard output that has ended a download, if one has; that a reader has seen enough is no error.
    fn explain(&self, error: remofile::Error) -> Failed {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        failed.map_or_else(|| error.into(), Failed::Output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(arguments: &[&str], base: Option<&str>) -> Result<DownloadOperands> {
        let mut paths: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
        let destination = if paths.len() > 1 { paths.pop() } else { None };
        let base = super::base(base.map(Path::new))?;
        DownloadOperands::of(Arguments { sources: paths, listed: Vec::new(), destination }, &base)
    }

    fn files(paths: &[&str], directory: &str) -> DownloadOperands {
        let source = |path: &&str| RemoteSource::from(path.parse::<RemotePath>().unwrap());
        DownloadOperands::Files { sources: paths.iter().map(source).collect(), directory: directory.into() }
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
        let listed = vec![ListedFile { path: "b/c".into(), name: "b/c".to_owned(), is_from_root: false }];
        let arguments = Arguments { sources: Vec::new(), listed, destination: None };
        let DownloadOperands::Files { sources, directory } =
            DownloadOperands::of(arguments, &"/d".parse().unwrap()).unwrap()
        else {
            panic!("not files")
        };
        assert_eq!(sources, [RemoteSource { path: "/d/b/c".parse().unwrap(), name: Some("b/c".to_owned()) }]);
        assert_eq!(directory, Path::new("."));
    }

    #[test]
    fn a_destination_that_cannot_be_looked_at_is_not_the_name_of_the_copy() {
        let directory = tempfile::tempdir().unwrap();
        let (own, loops) = (directory.path(), directory.path().join("loop"));
        std::os::unix::fs::symlink("loop", &loops).unwrap();
        let named =
            |destination: PathBuf| named(vec!["/a".parse::<RemotePath>().unwrap().into()], destination, true, false);
        assert!(matches!(named(loops), Err(Failed::File { .. })));
        let name_at = |destination| named(destination).unwrap().0[0].name.clone();
        assert_eq!((name_at(own.join("b")).as_deref(), name_at(own.to_owned())), (Some("b"), None));
    }

    #[test]
    fn standard_output_takes_one_file() {
        assert_eq!(what(&["/a", "-"], None).unwrap(), DownloadOperands::Stdout { source: "/a".parse().unwrap() });
        assert!(matches!(what(&["/a", "/b", "-"], None), Err(Failed::Usage(_))));
    }
}
