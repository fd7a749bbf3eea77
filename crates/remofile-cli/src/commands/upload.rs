//! `remofile upload`

use super::begun::BegunCopy;
use super::file_list::{ListedFile, Source};
use super::sources::Arguments;
use super::transfer::{self, TransferSetup};
use super::{Context, parents, paths};
use crate::args::{Upload, hint};
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::transfer::{EventsTo, Show};
use crate::settings::Direction;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure, Kind};
use remofile::transfer::is_pattern;
use remofile::{Client, Error, LocalSource, TransferOptions, TransferReport};
use rustix::fs::FileType;
use std::path::{Path, PathBuf};

pub(super) fn run(upload: Upload, context: Context) -> Result<Exit> {
    let options = transfer::options(&upload.transfer, Direction::Up)?;
    let base = upload.transfer.relative_directory.clone();
    let source = || {
        let (is_chosen, encodes) = (base.is_some(), upload.transfer.encodes_names());
        Ok(Source::Local { directory: base.unwrap_or_else(|| PathBuf::from(".")), is_chosen, encodes })
    };
    let (arguments, refused) = Arguments::of(upload.paths, &upload.transfer, source)?;
    refuse_foreign(&arguments.sources)?;
    if !upload.transfer.fidelity.devices {
        refuse_stdin_by_path(&arguments.sources)?;
    }
    let what = UploadOperands::of(arguments, upload.transfer.relative_directory.as_deref(), upload.name.as_deref())?;
    if matches!(what, UploadOperands::Stream { .. }) && upload.transfer.rules.take_stdin() {
        return Err(Failed::usage("standard input cannot be both the source and '--exclude-from'"));
    }
    let (events, is_large) = (EventsTo::Stdout, what.is_large());
    let setup = TransferSetup { direction: Direction::Up, events, refused, is_large };
    let (makes_parents, dry_run) = (upload.transfer.parents, upload.transfer.dry_run);
    transfer::transfer(&upload.transfer, &upload.connection, context, setup, options, |client, options, show| {
        let what = match (makes_parents, dry_run) {
            (true, false) => what.make_parents(client).map(|()| what)?,
            (true, true) => what.with_parents_made(client),
            (false, _) => what,
        };
        let options = &TransferOptions { missing_is_empty: makes_parents, ..options.clone() };
        let (directory, uploaded) = match what {
            UploadOperands::Files { sources, directory, may_name } => {
                let named = if may_name { named(&sources, &directory) } else { None };
                let named = named.map(|(source, parent)| Named::of(client, source, parent, &directory));
                match named {
                    Some(named) if named.is_unfinished() => {
                        if client.stat(&directory).is_ok() {
                            show.goes_on_with(&directory);
                        }
                        (named.parent.clone(), named.upload(client, options, show))
                    }
                    named => match client.upload(&sources, &directory, options, show) {
                        Err(error) if may_name && is_no_directory(&error, &directory) => match named {
                            Some(named) => (named.parent.clone(), named.upload(client, options, show)),
                            None => (directory, Err(missing_source(&sources).unwrap_or(error))),
                        },
                        result => (directory, result),
                    },
                }
            }
            UploadOperands::Stream { path } => {
                show.begins_anew();
                let uploaded = client.upload_stream(Box::new(std::io::stdin()), &path, options, show);
                (path.parent().unwrap_or(path), uploaded)
            }
        };
        Ok(uploaded.map_err(|error| parents::explain(error, |path| path == directory.as_str()))?)
    })
}

/// A single source that gets the name of the destination, as nothing is there.
struct Named {
    source: LocalSource,
    parent: RemotePath,
    path: RemotePath,
    /// `None` for a file, which is not there before it is complete.
    begun: Option<BegunCopy>,
}

impl Named {
    fn of(client: &Client, source: LocalSource, parent: RemotePath, path: &RemotePath) -> Self {
        let local = source.directory.join(&source.path);
        let begun = local.is_dir().then(|| {
            let local = std::path::absolute(&local).unwrap_or(local);
            BegunCopy::of("upload", client, [local.as_os_str(), path.as_str().as_ref()])
        });
        Self { source, parent, path: path.clone(), begun }
    }

    /// Reports whether an earlier run of the same command has made the destination, and was interrupted.
    fn is_unfinished(&self) -> bool {
        self.begun.as_ref().is_some_and(BegunCopy::is_unfinished)
    }

    fn upload(
        self,
        client: &mut Client,
        options: &TransferOptions,
        show: &mut Show,
    ) -> remofile::Result<TransferReport> {
        let Some(begun) = self.begun.filter(|_| !options.dry_run) else {
            return client.upload(&[self.source], &self.parent, options, show);
        };
        begun.begin();
        let uploaded = client.upload(&[self.source], &self.parent, options, show);
        let is_nothing = |client: &mut Client| match client.stat(&self.path) {
            Ok(entry) => entry.kind != Kind::Directory,
            Err(error) => is_no_directory(&error, &self.path),
        };
        begun.settle(&uploaded, |error| BegunCopy::is_told(error) && is_nothing(client));
        uploaded
    }
}

/// Refuses a source that is not there and that other tools would take for another one, such as a path of Windows.
fn refuse_foreign(sources: &[PathBuf]) -> Result<()> {
    let missing = sources.iter().filter(|path| rustix::fs::lstat(path.as_path()).is_err());
    let found = missing.filter_map(|path| path.to_str()).find_map(|text| Some((text, hint(text)?)));
    found.map_or(Ok(()), |(text, hint)| Err(Failed::usage(format!("there is no file {text}: {hint}"))))
}

/// Refuses standard input by the path that other tools have for it, and what a shell writes for `<(COMMAND)`, where that is no
/// file.
fn refuse_stdin_by_path(sources: &[PathBuf]) -> Result<()> {
    let is_stdin =
        |path: &&PathBuf| ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].iter().any(|name| path == &Path::new(name));
    let is_pipe = |path: &&PathBuf| {
        ["/dev/fd", "/proc/self/fd"].iter().any(|fds| path.starts_with(fds)) && type_of(path) == Some(FileType::Fifo)
    };
    let stdin = sources.iter().find(is_stdin).filter(|path| type_of(path) != Some(FileType::RegularFile));
    let why = match (stdin, sources.iter().find(is_pipe)) {
        (Some(path), _) => format!("{} is written '-' here, with '--name NAME' for the remote file", path.display()),
        (None, Some(path)) => format!(
            "{} is a pipe: 'COMMAND | remofile upload - --name NAME DIRECTORY' sends what a command prints",
            path.display()
        ),
        (None, None) => return Ok(()),
    };
    Err(Failed::usage(why))
}

fn type_of(path: &Path) -> Option<FileType> {
    rustix::fs::stat(path).ok().map(|stat| FileType::from_raw_mode(stat.st_mode))
}

/// The sources of an upload, and their destination.
#[derive(Debug, PartialEq)]
enum UploadOperands {
    /// Files and directories into a remote directory; a single one may get its name if there is no such directory.
    Files { sources: Vec<LocalSource>, directory: RemotePath, may_name: bool },
    /// Standard input to a remote file.
    Stream { path: RemotePath },
}

impl UploadOperands {
    /// Reports whether it is one large file.
    fn is_large(&self) -> bool {
        match self {
            Self::Files { sources, .. } => matches!(&**sources, [source] if source.is_large_file()),
            Self::Stream { .. } => false,
        }
    }

    fn of(arguments: Arguments, base: Option<&Path>, name: Option<&str>) -> Result<Self> {
        let Arguments { sources, listed, destination: directory } = arguments;
        let ends_with_slash = |path: &PathBuf| path.as_os_str().as_encoded_bytes().ends_with(b"/");
        let may_name = !directory.as_ref().is_some_and(ends_with_slash);
        let directory = directory.map_or_else(|| Ok(RemotePath::root()), |path| destination(&path))?;
        let reads_stdin = sources.iter().any(|path| path == Path::new("-"));
        let is_alone = sources.len() + listed.len() == 1;
        match (reads_stdin, name) {
            (false, None) => Ok(Self::Files { sources: local(&sources, listed, base), directory, may_name }),
            (false, Some(_)) => Err(Failed::usage("'--name' is for standard input: give '-' as the source")),
            (true, _) if !is_alone => Err(Failed::usage("standard input ('-') must be the only source")),
            (true, None) if may_name && !directory.is_root() => Ok(Self::Stream { path: directory }),
            (true, None) => Err(Failed::usage("standard input has no name: give the remote file one with '--name'")),
            (true, Some(name)) => {
                let path = paths::new_path(name, Some(directory.as_str()))?;
                Ok(Self::Stream { path })
            }
        }
    }
}

impl UploadOperands {
    /// Makes the directory that the files go to.
    fn make_parents(&self, client: &mut Client) -> Result<()> {
        match self {
            Self::Files { sources, directory, may_name } => {
                let may_name = *may_name && named(sources, directory).is_some();
                parents::make_remote(client, directory, may_name)
            }
            Self::Stream { path } => parents::make_remote(client, path, true),
        }
    }

    /// Returns the operands as they were if the directory had been made: a single source has got its name then, unless
    /// that is a directory.
    fn with_parents_made(self, client: &mut Client) -> Self {
        match self {
            Self::Files { sources, directory, may_name: true } => {
                let is_directory = client.stat(&directory).is_ok_and(|entry| entry.kind == Kind::Directory);
                match named(&sources, &directory).filter(|_| !is_directory) {
                    Some((source, parent)) => Self::Files { sources: vec![source], directory: parent, may_name: false },
                    None => Self::Files { sources, directory, may_name: true },
                }
            }
            what => what,
        }
    }
}

/// Reports whether a call failed because its destination is not there, or is no directory.
fn is_no_directory(error: &Error, destination: &RemotePath) -> bool {
    matches!(error, Error::Remote(failure)
        if matches!(failure.code, ErrorCode::NotFound | ErrorCode::NotADirectory)
            && failure.path.as_deref() == Some(destination.as_str()))
}

/// Returns the failure of the first source that is not there: it is to be told before a destination that is not there either.
fn missing_source(sources: &[LocalSource]) -> Option<Error> {
    let path = |source: &LocalSource| source.directory.join(&source.path);
    let is_missing = |path: &PathBuf| rustix::fs::lstat(path).is_err() && !path.to_str().is_some_and(is_pattern);
    let missing = sources.iter().map(path).find(is_missing)?;
    Some(Error::Local(Failure::new(ErrorCode::NotFound).at(missing.display())))
}

/// Returns the single source under the name that a destination gives it which is no directory, and the directory for it.
fn named(sources: &[LocalSource], destination: &RemotePath) -> Option<(LocalSource, RemotePath)> {
    let ([source], Ok((parent, name))) = (sources, destination.split()) else { return None };
    let exists = source.name.is_none() && rustix::fs::lstat(source.directory.join(&source.path)).is_ok();
    exists.then(|| (LocalSource { name: Some(name.as_str().to_owned()), ..source.clone() }, parent))
}

/// Sources below a directory; those that are listed keep their own directories.
fn local(sources: &[PathBuf], listed: Vec<ListedFile>, base: Option<&Path>) -> Vec<LocalSource> {
    let within = |path: &Path| LocalSource::within(base.unwrap_or(Path::new("")), path);
    let written = sources.iter().map(|path| within(path));
    let listed = listed.into_iter().map(|ListedFile { path, name, is_from_root }| {
        let source = if is_from_root { within(&Path::new("/").join(path)) } else { within(&path) };
        LocalSource { name: Some(name), ..source }
    });
    written.chain(listed).collect()
}

fn destination(path: &Path) -> Result<RemotePath> {
    let text = paths::text(path)?;
    if !text.starts_with('/') {
        let write = hint(text).unwrap_or_else(|| {
            let text = text.trim_start_matches("./");
            format!("the last argument is the remote directory to upload into, such as '/' or '/{text}'")
        });
        return Err(Failed::usage(format!("the destination {text:?} is not absolute: {write}")));
    }
    paths::absolute_directory(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(arguments: &[&str], name: Option<&str>) -> Result<UploadOperands> {
        let mut paths: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
        let destination = if paths.len() > 1 { paths.pop() } else { None };
        UploadOperands::of(Arguments { sources: paths, listed: Vec::new(), destination }, None, name)
    }

    fn files(sources: &[LocalSource], directory: &str) -> UploadOperands {
        let may_name = directory == "/" || !directory.ends_with('/');
        UploadOperands::Files { sources: sources.to_vec(), directory: directory.parse().unwrap(), may_name }
    }

    #[test]
    fn one_argument_is_a_source_and_the_last_of_several_the_destination() {
        assert_eq!(what(&["a"], None).unwrap(), files(&["a".into()], "/"));
        assert_eq!(what(&["/a"], None).unwrap(), files(&["/a".into()], "/"));
        assert_eq!(what(&["a", "b", "/dst/"], None).unwrap(), files(&["a".into(), "b".into()], "/dst/"));
    }

    #[test]
    fn what_a_shell_writes_for_the_output_of_a_command_is_told_as_a_pipe() {
        let (reading, _writing) = std::io::pipe().unwrap();
        let path = PathBuf::from(format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reading)));
        let told = refuse_stdin_by_path(&[path]).unwrap_err().message();
        assert!(told.contains("is a pipe"), "{told}");
        assert!(refuse_stdin_by_path(&["/dev/null".into(), "/dev/fd".into()]).is_ok());
    }

    #[test]
    fn sources_are_taken_from_the_relative_directory_and_listed_ones_keep_their_own() {
        let arguments = |destination: Option<&str>| Arguments {
            sources: vec!["x".into(), "/y".into()],
            listed: vec![ListedFile { path: "b/c".into(), name: "b/c".to_owned(), is_from_root: false }],
            destination: destination.map(PathBuf::from),
        };
        let from = |directory: &str| {
            let listed = LocalSource { name: Some("b/c".to_owned()), ..LocalSource::within(directory, "b/c") };
            [LocalSource::within(directory, "x"), LocalSource::within(directory, "/y"), listed]
        };
        let below = UploadOperands::of(arguments(Some("/dst")), Some(Path::new("d")), None).unwrap();
        assert_eq!(below, files(&from("d"), "/dst"));
        let here = UploadOperands::of(arguments(None), None, None).unwrap();
        assert_eq!(here, files(&from(""), "/"));
    }

    #[test]
    fn a_relative_destination_is_refused_and_the_message_says_what_to_write() {
        let message = what(&["a", "dst"], None).unwrap_err().message();
        assert!(message.contains("'/dst'"), "{message}");
    }

    #[test]
    fn standard_input_needs_a_name_and_has_no_company() {
        let path = what(&["-", "/dst"], Some("x")).unwrap();
        assert_eq!(path, UploadOperands::Stream { path: "/dst/x".parse().unwrap() });
        assert_eq!(what(&["-"], Some("x")).unwrap(), UploadOperands::Stream { path: "/x".parse().unwrap() });
        assert_eq!(what(&["-", "/dst/x"], None).unwrap(), UploadOperands::Stream { path: "/dst/x".parse().unwrap() });
        for (arguments, name) in [
            (&["-"][..], None),
            (&["-", "/"], None),
            (&["-", "/dst/"], None),
            (&["-", "a", "/"], Some("x")),
            (&["a", "/"], Some("x")),
        ] {
            assert!(matches!(what(arguments, name), Err(Failed::Usage(_))), "{arguments:?}");
        }
    }
}
