//! The subject of an operation, as its line tells it: the table of all requests, for both protocols.

use super::line::Line;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Request, ToSign};
use std::borrow::Cow;
use std::iter;

/// Paths that one line lists at most. The number of the others is told.
pub(super) const MOST_PATHS: usize = 16;

/// The subject of an operation: what it does, and to which paths.
pub(super) struct Subject {
    pub(super) what: &'static str,
    /// The first path, as its client sees it.
    pub(super) asked: Option<String>,
    /// The fields of a line that say so.
    pub(super) fields: Line,
}

/// Returns the subject of a request.
pub(super) fn of_request(request: &Request, root: &RemotePath) -> Subject {
    let what = request.activity();
    let one = |path: &RemotePath| about(what, root, iter::once(path));
    // All fields are named, so that a new request, or a new field of one, does not compile until it is decided here.
    match request {
        Request::Status => about(what, root, []),
        Request::Stat { path }
        | Request::Look { path }
        | Request::Space { path }
        | Request::List { path, recursive: _, rules: _, targets: _, unflushed: _, extras: _ }
        | Request::Read { path, offset: _, length: _, version: _, credit: _, growing: _ }
        | Request::Write { path, version: _, length: _, append: _, create: _ }
        | Request::Stage {
            path,
            file: _,
            begin: _,
            replace: _,
            create: _,
            length: _,
            commit: _,
            version: _,
            discard: _,
        }
        | Request::ReadStaged { path, file: _, offset: _, length: _, credit: _ }
        | Request::CreateFile { path, update: _ }
        | Request::MakeDirectory { path, update: _, parents: _ }
        | Request::Remove { path, recursive: _ }
        | Request::MakeLink { path, target: _, replace: _ }
        | Request::SetAttributes { path, mode: _, modified: _ } => one(path),
        Request::Find { sources, recursive: _, selection: _, digests: _, attributes: _ }
        | Request::Hash { sources, recursive: _, selection: _, algorithm: _ }
        | Request::Download { sources, recursive: _, total: _, credit: _, selection: _, send_options: _ } => {
            about(what, root, sources)
        }
        Request::Sign { files } => about(
            what,
            root,
            files.iter().map(|file| {
                let ToSign { path, block_bytes: _, seed: _, parts: _, undigested: _ } = file;
                path
            }),
        ),
        Request::Survey { destination, names, unflushed: _ } => below(what, root, destination, names),
        Request::Upload { destination, on_conflict: _, names, group: _, claims: _ } => {
            below(what, root, destination, names.as_deref().unwrap_or_default())
        }
        Request::Move { source, destination, replace: _ }
        | Request::Copy {
            source,
            destination,
            recursive: _,
            on_conflict: _,
            parents: _,
            attributes: _,
            as_they_are: _,
            devices: _,
        } => {
            let mut subject = one(source);
            subject.fields.text("to", &seen(root, destination.as_str()));
            subject
        }
        Request::Partials => one(&RemotePath::root()),
        Request::ClearPartials { paths } | Request::Hold { write: _, paths } if paths.is_empty() => {
            one(&RemotePath::root())
        }
        Request::ClearPartials { paths } | Request::Hold { write: _, paths } => about(what, root, paths),
    }
}

/// An operation that is about one path.
pub(super) fn of_path(what: &'static str, path: &str, root: &RemotePath) -> Subject {
    let mut subject = about(what, root, []);
    subject.fields.text("path", &seen(root, path));
    subject.asked = Some(path.to_owned());
    subject
}

/// Names in a directory: its path, and theirs.
fn below(what: &'static str, root: &RemotePath, directory: &RemotePath, names: &[String]) -> Subject {
    let mut subject = about(what, root, iter::once(directory));
    list(&mut subject.fields, root, names.iter().map(|name| join(directory, name)), names.len());
    subject
}

fn about<'a>(what: &'static str, root: &RemotePath, paths: impl IntoIterator<Item = &'a RemotePath>) -> Subject {
    let mut line = Line::part();
    line.text("what", what);
    let paths: Vec<&RemotePath> = paths.into_iter().collect();
    if let Some(first) = paths.first() {
        line.text("path", &seen(root, first.as_str()));
    }
    if paths.len() > 1 {
        list(&mut line, root, paths.iter().map(|path| path.as_str()), paths.len());
    }
    Subject { what, asked: paths.first().map(|path| path.as_str().to_owned()), fields: line }
}

fn list<T: AsRef<str>>(line: &mut Line, root: &RemotePath, paths: impl Iterator<Item = T>, count: usize) {
    if count > 0 {
        line.texts("paths", paths.take(MOST_PATHS).map(|path| seen(root, path.as_ref()).into_owned()));
    }
    if count > MOST_PATHS {
        line.number("more_paths", (count - MOST_PATHS) as u64);
    }
}

/// A path as the server's root directory has it; `root` is the directory that its client sees as that.
pub(super) fn seen<'a>(root: &RemotePath, path: &'a str) -> Cow<'a, str> {
    match (root.is_root(), path) {
        (true, _) => Cow::Borrowed(path),
        (false, "/") => Cow::Owned(root.as_str().to_owned()),
        (false, _) if path.starts_with('/') => Cow::Owned(format!("{}{path}", root.as_str())),
        (false, _) => Cow::Owned(join(root, path)),
    }
}

/// The text of a path in a directory.
pub(super) fn join(directory: &RemotePath, relative: &str) -> String {
    if relative.is_empty() {
        return directory.as_str().to_owned();
    }
    let directory = if directory.is_root() { "" } else { directory.as_str() };
    format!("{directory}/{relative}")
}

#[cfg(test)]
mod tests;
