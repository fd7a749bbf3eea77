//! The requests of a client.

use super::flag::is_false;
use super::{Selection, SendOptions, ToSign, Version};
use crate::path::RemotePath;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// Reports whether a kind is that of a request.
pub(super) fn is_request(kind: u64) -> bool {
    matches!(kind, 0..16 | 48..64)
}

/// The rule for a file that is in the way of an uploaded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// The new file fails with `already-exists`; the old one stays.
    #[default]
    Abort,
    /// The new file takes the old one's place when it is complete and checked.
    Replace,
    /// The new file is not taken (`skipped`); the old one stays.
    Skip,
    /// The new file gets a free name: `name (1).txt` in place of `name.txt`, and so on.
    Rename,
    /// As [`OnConflict::Replace`] where the old file is older than the new one, else as
    /// [`OnConflict::Skip`]. A new file without a time counts as newer.
    Newer,
}

impl<C> Encode<C> for OnConflict {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u8(match self {
            Self::Abort => 0,
            Self::Replace => 1,
            Self::Skip => 2,
            Self::Rename => 3,
            Self::Newer => 4,
        })?
        .ok()
    }
}

impl<'b, C> Decode<'b, C> for OnConflict {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        match d.u8()? {
            0 => Ok(Self::Abort),
            1 => Ok(Self::Replace),
            2 => Ok(Self::Skip),
            3 => Ok(Self::Rename),
            4 => Ok(Self::Newer),
            _ => Err(decode::Error::message("unknown conflict rule")),
        }
    }
}

/// A request: the body of an operation's first message.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub enum Request {
    /// List a directory. Answered by entries, sorted by name from the root down, then done.
    #[n(1)]
    List {
        /// The directory.
        #[n(0)]
        path: RemotePath,
        /// True if its directories are listed too.
        #[n(1)]
        #[cbor(default)]
        recursive: bool,
        /// The rules of what is left out: lines in the notation of gitignore.
        #[n(2)]
        #[cbor(default, skip_if = "Vec::is_empty")]
        rules: Vec<String>,
        /// True if it is told what links lead to.
        #[n(3)]
        #[cbor(default, skip_if = "is_false")]
        targets: bool,
        /// True if the client knows what [`super::Entry::unflushed`] is. Otherwise such files are told with a time that
        /// is a nanosecond beside theirs, so that nobody takes them for the same as another.
        #[n(4)]
        #[cbor(default, skip_if = "is_false")]
        unflushed: bool,
    },
    /// Tell what a path names. Answered by done with an entry.
    #[n(2)]
    Stat {
        /// The path.
        #[n(0)]
        path: RemotePath,
    },
    /// Create an empty file.
    #[n(3)]
    CreateFile {
        /// The path; its directory must exist.
        #[n(0)]
        path: RemotePath,
        /// True if an existing file is no failure; its time is set to now.
        #[n(1)]
        #[cbor(default)]
        update: bool,
    },
    /// Create a directory.
    #[n(4)]
    MakeDirectory {
        /// The path.
        #[n(0)]
        path: RemotePath,
        /// True if an existing directory is no failure.
        #[n(1)]
        #[cbor(default)]
        update: bool,
        /// True if missing parents are created.
        #[n(2)]
        #[cbor(default)]
        parents: bool,
    },
    /// Receive files: data messages follow, then finish.
    #[n(5)]
    Upload {
        /// The existing directory that item paths are relative to.
        #[n(0)]
        destination: RemotePath,
        /// The rule for files in the way.
        #[n(1)]
        #[cbor(default)]
        on_conflict: OnConflict,
        /// Names in the destination that the items' paths begin with, and that must be new: if one is
        /// taken, or something was kept of a file there, the request fails with `occupied`.
        #[n(2)]
        names: Option<Vec<String>>,
        /// A number that the uploads of one client over several sessions have in common, so that they do
        /// not stand in each other's way. Chosen at random.
        #[n(3)]
        group: Option<u64>,
    },
    /// Send files: answered by data messages, then done.
    #[n(6)]
    Download {
        /// The files and directories to send. Item paths begin with the last name of each.
        #[n(0)]
        sources: Vec<RemotePath>,
        /// True if directories are sent with their contents; otherwise they fail one by one.
        #[n(1)]
        #[cbor(default)]
        recursive: bool,
        /// True if a total of files and bytes is sent before the first data.
        #[n(2)]
        #[cbor(default)]
        total: bool,
        /// Credit the client grants with the request, in bytes.
        #[n(3)]
        credit: u64,
        /// The selection of files below the sources; `None` for all, and no links.
        #[n(4)]
        selection: Option<Selection>,
        /// The options of sending them.
        #[n(5)]
        send_options: Option<SendOptions>,
    },
    /// Remove a file or directory.
    #[n(7)]
    Remove {
        /// The path.
        #[n(0)]
        path: RemotePath,
        /// True if a directory is removed with its contents.
        #[n(1)]
        #[cbor(default)]
        recursive: bool,
    },
    /// Rename a file or directory.
    #[n(8)]
    Move {
        /// The path to rename.
        #[n(0)]
        source: RemotePath,
        /// Its new path; its directory must exist.
        #[n(1)]
        destination: RemotePath,
        /// True if a file in the way is replaced.
        #[n(2)]
        #[cbor(default)]
        replace: bool,
    },
    /// Tell the server's version and who holds the lease. Needs no lease.
    #[n(9)]
    Status,
    /// Tell what a download would send, without content. Answered by entries, then done.
    #[n(10)]
    Find {
        /// As in a download.
        #[n(0)]
        sources: Vec<RemotePath>,
        /// As in a download.
        #[n(1)]
        #[cbor(default)]
        recursive: bool,
        /// As in a download.
        #[n(2)]
        selection: Option<Selection>,
        /// True if digests are told in place of what files are.
        #[n(3)]
        #[cbor(default, skip_if = "is_false")]
        digests: bool,
    },
    /// Tell what is at, below or kept of some names, for an upload to go on. Answered by entries, then
    /// done.
    #[n(11)]
    Survey {
        /// The directory of an upload.
        #[n(0)]
        destination: RemotePath,
        /// Names in it that the items' paths begin with.
        #[n(1)]
        names: Vec<String>,
        /// True if the client knows what [`super::Entry::unflushed`] is. Otherwise such files are not told.
        #[n(2)]
        #[cbor(default, skip_if = "is_false")]
        unflushed: bool,
    },
    /// List what interrupted uploads left. Answered by entries, then done.
    #[n(12)]
    Partials,
    /// Remove what interrupted uploads left. Answered by done with the number of files.
    #[n(13)]
    ClearPartials {
        /// The paths that those files were going to; none for all.
        #[n(0)]
        paths: Vec<RemotePath>,
    },
    /// Hold the lease until finish, for operations of this session that belong together.
    #[n(14)]
    Hold {
        /// True if they change anything.
        #[n(0)]
        #[cbor(default)]
        write: bool,
    },
    /// Sign blocks of files, so that what the client has of them can be found out. Answered by entries, then
    /// done.
    #[n(15)]
    Sign {
        /// The files.
        #[n(0)]
        files: Vec<ToSign>,
    },
    /// Send a part of a file: answered by bytes, then done with its entry and version.
    #[n(48)]
    Read {
        /// The file.
        #[n(0)]
        path: RemotePath,
        /// Bytes before the part.
        #[n(1)]
        offset: u64,
        /// Bytes of the part; it ends with the file if that is shorter.
        #[n(2)]
        length: u64,
        /// The version it must be; any other is `source-changed`.
        #[n(3)]
        version: Option<Version>,
        /// Credit the client grants with the request, in bytes.
        #[n(4)]
        credit: u64,
    },
    /// Change a file in place: data messages follow, then finish. Answered by done with its entry and version.
    #[n(49)]
    Write {
        /// The file.
        #[n(0)]
        path: RemotePath,
        /// The version it must be; any other is `source-changed`, and nothing is changed.
        #[n(1)]
        version: Option<Version>,
        /// The length it gets before anything is written.
        #[n(2)]
        length: Option<u64>,
        /// True if data goes to the end of the file as it is then.
        #[n(3)]
        #[cbor(default, skip_if = "is_false")]
        append: bool,
        /// True if the file is created if there is none.
        #[n(4)]
        #[cbor(default, skip_if = "is_false")]
        create: bool,
    },
}

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
            | Self::Write { path, .. } => (Some(path), None, &[]),
            Self::Move { source, destination, .. } => (Some(source), Some(destination), &[]),
            // A source may be a pattern.
            Self::Download { .. } | Self::Find { .. } | Self::Sign { .. } => (None, None, &[]),
            Self::ClearPartials { paths } => (None, None, paths),
            Self::Status | Self::Partials | Self::Hold { .. } => (None, None, &[]),
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
            Self::Hold { write } => of("sync", *write, Flow::Hold),
            Self::Sign { .. } => of("sign", false, Flow::Entries),
            Self::Read { credit, .. } => of("read", false, Flow::Content { credit: *credit }),
            Self::Write { .. } => of("write", true, Flow::Data),
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
