//! `remofile upload`

use super::sources::Arguments;
use super::transfer::{self, TransferSetup};
use super::{Context, paths};
use crate::args::Upload;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::transfer::EventsTo;
use crate::settings::Direction;
use remofile::LocalSource;
use remofile::protocol::path::RemotePath;
use std::path::{Path, PathBuf};

pub(super) fn run(upload: Upload, context: Context) -> Result<Exit> {
    let options = transfer::options(&upload.transfer, Direction::Up)?;
    let arguments = Arguments::of(upload.paths, &upload.transfer)?;
    let what = What::of(arguments, upload.transfer.relative_directory.as_deref(), upload.name.as_deref())?;
    if matches!(what, What::Stream { .. }) && upload.transfer.rules.take_stdin() {
        return Err(Failed::usage("standard input cannot be both the source and '--exclude-from'"));
    }
    let setup = TransferSetup { direction: Direction::Up, events: EventsTo::Stdout };
    transfer::transfer(&upload.transfer, &upload.connection, context, &setup, options, |client, options, show| {
        Ok(match what {
            What::Files { sources, directory } => client.upload(&sources, &directory, options, show),
            What::Stream { path } => client.upload_stream(Box::new(std::io::stdin()), &path, options, show),
        }?)
    })
}

/// The sources of an upload, and their destination.
#[derive(Debug, PartialEq)]
enum What {
    /// Files and directories into a remote directory.
    Files { sources: Vec<LocalSource>, directory: RemotePath },
    /// Standard input to a remote file.
    Stream { path: RemotePath },
}

impl What {
    fn of(arguments: Arguments, base: Option<&Path>, name: Option<&str>) -> Result<Self> {
        let Arguments { sources, listed, destination: directory } = arguments;
        let directory = directory.map_or_else(|| Ok(RemotePath::root()), |path| destination(&path))?;
        let reads_stdin = sources.iter().any(|path| path == Path::new("-"));
        let is_alone = sources.len() + listed.len() == 1;
        match (reads_stdin, name) {
            (false, None) => Ok(Self::Files { sources: local(&sources, listed, base), directory }),
            (false, Some(_)) => Err(Failed::usage("'--name' is for standard input: give '-' as the source")),
            (true, _) if !is_alone => Err(Failed::usage("standard input ('-') must be the only source")),
            (true, None) => Err(Failed::usage("standard input has no name: give the remote file one with '--name'")),
            (true, Some(name)) => {
                let path = paths::new_path(name, Some(directory.as_str()))?;
                Ok(Self::Stream { path })
            }
        }
    }
}

/// Sources below a directory; those that are listed keep their own directories.
fn local(sources: &[PathBuf], listed: Vec<String>, base: Option<&Path>) -> Vec<LocalSource> {
    let within = |path: &Path| LocalSource::within(base.unwrap_or(Path::new("")), path);
    let written = sources.iter().map(|path| within(path));
    let listed = listed.into_iter().map(|path| LocalSource { name: Some(path.clone()), ..within(Path::new(&path)) });
    written.chain(listed).collect()
}

fn destination(path: &Path) -> Result<RemotePath> {
    let text = paths::text(path)?;
    if !text.starts_with('/') {
        return Err(Failed::usage(format!(
            "the destination {text:?} is not absolute: the last argument is the remote directory to upload into, \
             such as '/' or '/{}'",
            text.trim_start_matches("./")
        )));
    }
    paths::absolute_directory(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(arguments: &[&str], name: Option<&str>) -> Result<What> {
        let mut paths: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
        let destination = if paths.len() > 1 { paths.pop() } else { None };
        What::of(Arguments { sources: paths, listed: Vec::new(), destination }, None, name)
    }

    fn files(sources: &[LocalSource], directory: &str) -> What {
        What::Files { sources: sources.to_vec(), directory: directory.parse().unwrap() }
    }

    #[test]
    fn one_argument_is_a_source_and_the_last_of_several_the_destination() {
        assert_eq!(what(&["a"], None).unwrap(), files(&["a".into()], "/"));
        assert_eq!(what(&["/a"], None).unwrap(), files(&["/a".into()], "/"));
        assert_eq!(what(&["a", "b", "/dst/"], None).unwrap(), files(&["a".into(), "b".into()], "/dst"));
    }

    #[test]
    fn sources_are_taken_from_the_relative_directory_and_listed_ones_keep_their_own() {
        let arguments = |destination: Option<&str>| Arguments {
            sources: vec!["x".into(), "/y".into()],
            listed: vec!["b/c".to_owned()],
            destination: destination.map(PathBuf::from),
        };
        let from = |directory: &str| {
            let listed = LocalSource { name: Some("b/c".to_owned()), ..LocalSource::within(directory, "b/c") };
            [LocalSource::within(directory, "x"), LocalSource::within(directory, "/y"), listed]
        };
        let below = What::of(arguments(Some("/dst")), Some(Path::new("d")), None).unwrap();
        assert_eq!(below, files(&from("d"), "/dst"));
        let here = What::of(arguments(None), None, None).unwrap();
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
        assert_eq!(path, What::Stream { path: "/dst/x".parse().unwrap() });
        assert_eq!(what(&["-"], Some("x")).unwrap(), What::Stream { path: "/x".parse().unwrap() });
        for (arguments, name) in [(&["-"][..], None), (&["-", "a", "/"], Some("x")), (&["a", "/"], Some("x"))] {
            assert!(matches!(what(arguments, name), Err(Failed::Usage(_))), "{arguments:?}");
        }
    }
}
