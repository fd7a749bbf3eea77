//! The claims of every request: which paths it needs for itself, and which to stay as they are.
//!
//! Invariant: whatever a request changes is claimed, so that nobody else changes it meanwhile. What only looks claims
//! nothing: each file becomes visible complete, by one rename, so a listing or a read of one file sees one committed
//! version of it, and a read goes on with the version that it began with. Only who copies a whole tree claims it, and who
//! looks at what an interrupted upload left.
//! Paths are claimed as they are named: a path through a link is another one than that which the link leads to.

use super::leases::{Access, Claim, Reach, StorePath, in_order};
use crate::transfer::is_pattern;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{OnConflict, Request};

/// The maker of claims for a client that has `root` for its root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claims<'a> {
    pub(super) root: &'a RemotePath,
    /// True if who changes anything has all of the server's directory for itself.
    pub(super) is_exclusive: bool,
}

impl Claims<'_> {
    /// Returns the claims of a request.
    pub(super) fn of(self, request: &Request) -> Vec<Claim> {
        if self.is_exclusive {
            return match request {
                Request::Status | Request::Stage { commit: None, .. } | Request::ReadStaged { .. } => Vec::new(),
                _ => vec![Claim::of_all(if request.is_write() { Access::Write } else { Access::Read })],
            };
        }
        in_order(self.of_paths(request))
    }

    /// Returns the claim of one use of one path, for who makes no request of protocol 2.
    pub(super) fn of_path(self, path: &RemotePath, reach: Reach) -> Vec<Claim> {
        match self.is_exclusive {
            true => vec![Claim::of_all(Access::Write)],
            false => vec![self.claim(path, reach, Access::Write)],
        }
    }

    /// Returns the claim of who only looks.
    pub(super) fn of_look(self) -> Vec<Claim> {
        if self.is_exclusive { vec![Claim::of_all(Access::Read)] } else { Vec::new() }
    }

    /// All requests are named, so that a new one does not compile until it is decided here.
    fn of_paths(self, request: &Request) -> Vec<Claim> {
        match request {
            Request::Status
            | Request::Stat { .. }
            | Request::Look { .. }
            | Request::Space { .. }
            | Request::Hash { .. }
            | Request::List { .. }
            | Request::Find { .. }
            | Request::Sign { .. }
            | Request::Partials
            | Request::Read { .. }
            | Request::ReadStaged { .. }
            | Request::Stage { commit: None, .. }
            | Request::Download { recursive: false, .. } => Vec::new(),
            Request::Download { recursive: true, sources, selection, .. } => {
                let has_patterns = selection.as_ref().is_some_and(|selection| selection.patterns);
                let fixed = |source| if has_patterns { before_pattern(source) } else { RemotePath::clone(source) };
                self.trees(Access::Read, sources.iter().map(fixed))
            }
            // An upload goes on from what it tells, so that is not to change while whoever began it is still at work.
            Request::Survey { destination, names, .. } => self.of_names(Access::Read, destination, Some(names)),
            Request::Upload { destination, on_conflict, names, claims, group: _ } => {
                let names = claims.as_ref().or(names.as_ref());
                // The server chooses other names then.
                let names = names.filter(|_| *on_conflict != OnConflict::Rename);
                self.of_names(Access::Write, destination, names.map(Vec::as_slice))
            }
            // A version that two clients write at once would be that of neither.
            Request::CreateFile { path, .. }
            | Request::Write { path, .. }
            | Request::Stage { path, .. }
            | Request::MakeLink { path, .. }
            | Request::SetAttributes { path, .. } => {
                vec![self.claim(path, Reach::Entry, Access::Write)]
            }
            // Parents that are made on the way are claimed by nobody: who makes them first does not matter.
            Request::MakeDirectory { path, .. } => vec![self.claim(path, Reach::Entry, Access::Write)],
            Request::Remove { path, .. } => self.trees(Access::Write, [path.clone()]),
            Request::Move { source, destination, .. } => {
                self.trees(Access::Write, [source.clone(), destination.clone()])
            }
            Request::Copy {
                source,
                destination,
                recursive,
                on_conflict,
                parents: _,
                attributes: _,
                as_they_are: _,
                devices: _,
            } => {
                let reach = if *recursive { Reach::Subtree } else { Reach::Entry };
                let made = match (on_conflict, destination.parent()) {
                    // The server chooses another name in the directory.
                    (OnConflict::Rename, Some(parent)) => self.claim(&parent, Reach::Subtree, Access::Write),
                    _ => self.claim(destination, reach, Access::Write),
                };
                vec![self.claim(source, reach, Access::Read), made]
            }
            Request::ClearPartials { paths } if paths.is_empty() => self.trees(Access::Write, [RemotePath::root()]),
            Request::ClearPartials { paths } => {
                paths.iter().map(|path| self.claim(path, Reach::Entry, Access::Write)).collect()
            }
            Request::Hold { write, paths } => {
                let access = if *write { Access::Write } else { Access::Read };
                match paths.is_empty() {
                    true => self.trees(access, [RemotePath::root()]),
                    false => self.trees(access, paths.iter().cloned()),
                }
            }
        }
    }

    /// Returns the claims on names in a directory, or on all that is in it.
    fn of_names(self, access: Access, destination: &RemotePath, names: Option<&[String]>) -> Vec<Claim> {
        let paths = names.unwrap_or_default().iter().map(|name| destination.join(name));
        // An item with a name that is no path is refused when it comes.
        let paths: Vec<RemotePath> = paths.filter_map(Result::ok).collect();
        if paths.is_empty() {
            return self.trees(access, [destination.clone()]);
        }
        self.trees(access, paths)
    }

    fn trees(self, access: Access, paths: impl IntoIterator<Item = RemotePath>) -> Vec<Claim> {
        paths.into_iter().map(|path| self.claim(&path, Reach::Subtree, access)).collect()
    }

    fn claim(self, path: &RemotePath, reach: Reach, access: Access) -> Claim {
        Claim::new(StorePath::new(self.root, path), reach, access)
    }
}

/// Reports whether an operation ends by itself, once it has begun, whatever its client does. All requests are named here,
/// too.
pub(super) fn is_brief(request: &Request) -> bool {
    match request {
        Request::CreateFile { .. }
        | Request::MakeDirectory { .. }
        | Request::Remove { .. }
        | Request::Move { .. }
        | Request::Copy { .. }
        | Request::MakeLink { .. }
        | Request::SetAttributes { .. }
        // All of it comes at once, from one call.
        | Request::Stage { .. }
        | Request::Write { .. } => true,
        Request::Upload { .. }
        | Request::Download { .. }
        | Request::Hold { .. }
        | Request::Survey { .. }
        | Request::ClearPartials { .. }
        | Request::List { .. }
        | Request::Find { .. }
        | Request::Sign { .. }
        | Request::Read { .. }
        | Request::ReadStaged { .. }
        | Request::Stat { .. }
        | Request::Look { .. }
        | Request::Hash { .. }
        | Request::Space { .. }
        | Request::Partials
        | Request::Status => false,
    }
}

/// Returns the deepest directory that all paths have in common which a pattern may mean.
fn before_pattern(source: &RemotePath) -> RemotePath {
    let mut fixed = source.clone();
    while is_pattern(fixed.as_str())
        && let Some(parent) = fixed.parent()
    {
        fixed = parent;
    }
    fixed
}
