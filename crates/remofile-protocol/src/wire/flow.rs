//! The requests' paths, their names, and the traffic that each of them begins.

use super::Request;
use crate::path::RemotePath;

impl Request {
    /// The paths in the request, but for sources, which may be patterns, and files to sign.
    pub fn paths(&self) -> impl Iterator<Item = &RemotePath> {
        let (one, other, many): (Option<&RemotePath>, Option<&RemotePath>, &[RemotePath]) = match self {
            Self::List { path, .. }
            | Self::Stat { path }
            | Self::CreateFile { path, .. }
            | Self::MakeDirectory { path, .. }
            | Self::Upload { destination: path, .. }
            | Self::Remove { path, .. }
            | Self::Survey { destination: path, .. }
            | Self::Read { path, .. }
            | Self::Write { path, .. }
            | Self::Stage { path, .. }
            | Self::ReadStaged { path, .. }
            | Self::MakeLink { path, .. }
            | Self::SetAttributes { path, .. }
            | Self::Look { path }
            | Self::Space { path } => (Some(path), None, &[]),
            Self::Move { source, destination, .. } | Self::Copy { source, destination, .. } => {
                (Some(source), Some(destination), &[])
            }
            // A source may be a pattern.
            Self::Download { .. } | Self::Find { .. } | Self::Sign { .. } | Self::Hash { .. } => (None, None, &[]),
            Self::ClearPartials { paths } | Self::Hold { paths, .. } => (None, None, paths),
            Self::Status | Self::Partials => (None, None, &[]),
        };
        one.into_iter().chain(other).chain(many)
    }

    /// The uploads it shares the lease with.
    #[must_use]
    pub fn group(&self) -> Option<u64> {
        match self {
            Self::Upload { group, .. } => *group,
            _ => None,
        }
    }

    /// The traffic between the request and the end of its operation.
    #[must_use]
    pub fn flow(&self) -> Flow {
        self.nature().flow
    }

    /// Reports whether the request changes the root directory.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.nature().is_write
    }

    /// A word for what the request does, shown to others who have to wait for it.
    #[must_use]
    pub fn activity(&self) -> &'static str {
        self.nature().activity
    }

    /// The one table of what sessions and leases must know of a request, whatever it does.
    fn nature(&self) -> Nature {
        let of = |activity, is_write, flow| Nature { activity, is_write, flow };
        match self {
            Self::List { .. } => of("list", false, Flow::Entries),
            Self::Stat { .. } => of("stat", false, Flow::Nothing),
            Self::CreateFile { .. } => of("create-file", true, Flow::Nothing),
            Self::MakeDirectory { .. } => of("make-directory", true, Flow::Nothing),
            Self::Upload { .. } => of("upload", true, Flow::Data),
            Self::Download { credit, .. } => of("download", false, Flow::Content { credit: *credit }),
            Self::Remove { .. } => of("remove", true, Flow::Nothing),
            Self::Move { .. } => of("move", true, Flow::Nothing),
            Self::Status => of("status", false, Flow::Nothing),
            Self::Find { .. } => of("find", false, Flow::Entries),
            Self::Survey { .. } => of("survey", false, Flow::Entries),
            Self::Partials => of("list-partials", false, Flow::Entries),
            Self::ClearPartials { .. } => of("clear-partials", true, Flow::Nothing),
            Self::Hold { write, .. } => of("sync", *write, Flow::Hold),
            Self::Sign { .. } => of("sign", false, Flow::Entries),
            Self::Read { credit, .. } => of("read", false, Flow::Content { credit: *credit }),
            Self::Write { .. } => of("write", true, Flow::Data),
            // Only what becomes visible changes anything.
            Self::Stage { commit, .. } => of("write", commit.is_some(), Flow::Data),
            Self::ReadStaged { credit, .. } => of("read", false, Flow::Content { credit: *credit }),
            Self::Copy { .. } => of("copy", true, Flow::Nothing),
            Self::MakeLink { .. } => of("make-link", true, Flow::Nothing),
            Self::SetAttributes { .. } => of("set-attributes", true, Flow::Nothing),
            Self::Look { .. } => of("look", false, Flow::Nothing),
            Self::Hash { .. } => of("hash", false, Flow::Entries),
            Self::Space { .. } => of("space", false, Flow::Nothing),
        }
    }
}

/// The traffic between a request and the end of its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Nothing.
    Nothing,
    /// Entries, to the client.
    Entries,
    /// Files or a part of one, to the client.
    Content {
        /// Credit the client grants with the request, in bytes.
        credit: u64,
    },
    /// Data, to the server.
    Data,
    /// Other operations, until finish.
    Hold,
}

struct Nature {
    activity: &'static str,
    is_write: bool,
    flow: Flow,
}
