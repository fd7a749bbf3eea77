//! `remofile upload`

use super::{Context, paths};
use crate::args::Upload;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::progress::Progress;
use crate::output::{self, Presentation, json};
use crate::signals;
use remofile::protocol::path::RemotePath;
use remofile::{Client, UploadOptions};
use std::path::{Path, PathBuf};

pub(super) fn run(upload: Upload, context: Context) -> Result<Exit> {
    let what = What::of(upload.paths, upload.name.as_deref())?;
    let options = context.options(&upload.connection, None)?;
    signals::interrupt_calls(options.interrupt.clone())?;
    let presentation = Presentation { json: upload.connection.json };
    let mut progress = Progress::new(presentation, upload.progress);
    let upload_options = UploadOptions {
        recursive: upload.recursive,
        on_conflict: upload.on_conflict.into(),
        total: progress.is_shown(),
    };
    let mut client = Client::connect(options)?;
    let report = match what {
        What::Files { sources, directory } => client.upload(&sources, &directory, &upload_options, &mut progress),
        What::Stream { path } => {
            client.upload_stream(Box::new(std::io::stdin()), &path, &upload_options, &mut progress)
        }
    }?;
    progress.finish(&report);
    if upload.connection.json {
        output::data(&(json::transfer(&report) + "\n"))?;
    }
    Ok(if report.failures.is_empty() { Exit::Success } else { Exit::SomeFailed })
}

/// What goes where.
#[derive(Debug, PartialEq)]
enum What {
    /// Files and directories into a remote directory.
    Files { sources: Vec<PathBuf>, directory: RemotePath },
    /// Standard input to a remote file.
    Stream { path: RemotePath },
}

impl What {
    fn of(mut paths: Vec<PathBuf>, name: Option<&str>) -> Result<Self> {
        let directory = match paths.len() {
            0 | 1 => RemotePath::root(),
            _ => destination(&paths.pop().unwrap_or_default())?,
        };
        let reads_stdin = paths.iter().any(|path| path == Path::new("-"));
        match (reads_stdin, name) {
            (false, None) => Ok(Self::Files { sources: paths, directory }),
            (false, Some(_)) => Err(Failed::usage("'--name' is for standard input: give '-' as the source")),
            (true, _) if paths.len() > 1 => Err(Failed::usage("standard input ('-') must be the only source")),
            (true, None) => Err(Failed::usage("standard input has no name: give the remote file one with '--name'")),
            (true, Some(name)) => {
                let path = paths::new_path(name, Some(directory.as_str()))?;
                Ok(Self::Stream { path })
            }
        }
    }
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
        What::of(arguments.iter().map(PathBuf::from).collect(), name)
    }

    #[test]
    fn one_argument_is_a_source_and_the_last_of_several_the_destination() {
        let files = |sources: &[&str], directory: &str| What::Files {
            sources: sources.iter().map(PathBuf::from).collect(),
            directory: directory.parse().unwrap(),
        };
        assert_eq!(what(&["a"], None).unwrap(), files(&["a"], "/"));
        assert_eq!(what(&["/a"], None).unwrap(), files(&["/a"], "/"));
        assert_eq!(what(&["a", "b", "/dst/"], None).unwrap(), files(&["a", "b"], "/dst"));
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
