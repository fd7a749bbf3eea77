//! The requests of a client.

use super::flag::is_false;
use super::on_conflict::OnConflict;
use super::{AttributeSet, Growing, Selection, SendOptions, StagedFileId, Timestamp, ToSign, Version};
use crate::hash::HashAlgorithm;
use crate::path::RemotePath;
use minicbor::{Decode, Encode};

/// Reports whether a kind is that of a request.
pub(super) fn is_request(kind: u64) -> bool {
    matches!(kind, 0..16 | 48..64)
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
        #[cbor(n(1), default)]
        recursive: bool,
        /// The rules of what is left out: lines in the notation of gitignore.
        #[cbor(n(2), default, skip_if = "Vec::is_empty")]
        rules: Vec<String>,
        /// True if it is told what links lead to.
        #[cbor(n(3), default, skip_if = "is_false")]
        targets: bool,
        /// True if the client knows what [`super::Entry::unflushed`] is. Otherwise such files are told with a time that
        /// is a nanosecond beside theirs, so that nobody takes them for the same as another.
        #[cbor(n(4), default, skip_if = "is_false")]
        unflushed: bool,
        /// True if links are told with their targets whatever they lead to, and files that have several names, and special
        /// files, by [`super::Element::Extra`]. Of meaning where the server's hello says that it keeps files as they are.
        #[cbor(n(24), default, skip_if = "is_false")]
        extras: bool,
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
        #[cbor(n(1), default)]
        update: bool,
    },
    /// Create a directory.
    #[n(4)]
    MakeDirectory {
        /// The path.
        #[n(0)]
        path: RemotePath,
        /// True if an existing directory is no failure.
        #[cbor(n(1), default)]
        update: bool,
        /// True if missing parents are created.
        #[cbor(n(2), default)]
        parents: bool,
    },
    /// Receive files: data messages follow, then finish.
    #[n(5)]
    Upload {
        /// The existing directory that item paths are relative to.
        #[n(0)]
        destination: RemotePath,
        /// The rule for files in the way.
        #[cbor(n(1), default)]
        on_conflict: OnConflict,
        /// Names in the destination that the items' paths begin with, and that must be new: if one is
        /// taken, or something was kept of a file there, the request fails with `occupied`.
        #[n(2)]
        names: Option<Vec<String>>,
        /// A number that the uploads of one client over several sessions have in common, so that they do
        /// not stand in each other's way. Chosen at random.
        #[n(3)]
        group: Option<u64>,
        /// Names in the destination that the items' paths begin with, new or not, so that only those are kept from
        /// others. Without them they are [`Request::Upload::names`], and without these all that is in the
        /// destination.
        #[n(4)]
        claims: Option<Vec<String>>,
    },
    /// Send files: answered by data messages, then done.
    #[n(6)]
    Download {
        /// The files and directories to send. Item paths begin with the last name of each.
        #[n(0)]
        sources: Vec<RemotePath>,
        /// True if directories are sent with their contents; otherwise they fail one by one.
        #[cbor(n(1), default)]
        recursive: bool,
        /// True if a total of files and bytes is sent before the first data.
        #[cbor(n(2), default)]
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
        #[cbor(n(1), default)]
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
        #[cbor(n(2), default)]
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
        #[cbor(n(1), default)]
        recursive: bool,
        /// As in a download.
        #[n(2)]
        selection: Option<Selection>,
        /// True if digests are told in place of what files are.
        #[cbor(n(3), default, skip_if = "is_false")]
        digests: bool,
        /// The attributes that are told in place of what files are, if any are.
        #[cbor(n(16), default, skip_if = "AttributeSet::is_none")]
        attributes: AttributeSet,
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
        #[cbor(n(2), default, skip_if = "is_false")]
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
    /// Hold leases until finish, for operations of this session that belong together.
    #[n(14)]
    Hold {
        /// True if they change anything.
        #[cbor(n(0), default)]
        write: bool,
        /// The directories and files that they are about, with all below. Empty: the root directory.
        #[cbor(n(1), default, skip_if = "Vec::is_empty")]
        paths: Vec<RemotePath>,
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
        /// The file as the client knows it, if it may be written to while it is read; otherwise any change is
        /// `source-changed`.
        #[n(5)]
        growing: Option<Growing>,
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
        #[cbor(n(3), default, skip_if = "is_false")]
        append: bool,
        /// True if the file is created if there is none.
        #[cbor(n(4), default, skip_if = "is_false")]
        create: bool,
    },
    /// Copy a file, or a directory with what is in it, to another path. Answered by done with the numbers of what was
    /// made; what could not be copied is told as items that failed.
    #[n(52)]
    Copy {
        /// The file or directory.
        #[n(0)]
        source: RemotePath,
        /// The path of the copy; its directory must exist.
        #[n(1)]
        destination: RemotePath,
        /// True if a directory is copied with what is in it; otherwise it is `not-a-file`.
        #[cbor(n(2), default, skip_if = "is_false")]
        recursive: bool,
        /// The rule for files in the way. With [`OnConflict::Abort`] a copied directory must be new, too.
        #[cbor(n(3), default)]
        on_conflict: OnConflict,
        /// True if missing parents of the destination are created.
        #[cbor(n(4), default, skip_if = "is_false")]
        parents: bool,
        /// The attributes that the copy has of its source as well. Of meaning, as what follows, where the server's hello says that
        /// its copies are whole.
        #[cbor(n(5), default, skip_if = "AttributeSet::is_none")]
        attributes: AttributeSet,
        /// True if links are copied whatever they lead to, and the names of one file are names of one copy.
        #[cbor(n(6), default, skip_if = "is_false")]
        as_they_are: bool,
        /// True if special files are copied, too.
        #[cbor(n(7), default, skip_if = "is_false")]
        devices: bool,
    },
    /// Make a symbolic link.
    #[n(53)]
    MakeLink {
        /// The path of the link; its directory must exist.
        #[n(0)]
        path: RemotePath,
        /// The path that it leads to, seen from its directory.
        #[n(1)]
        target: String,
        /// True if a file or link in the way is replaced.
        #[cbor(n(2), default, skip_if = "is_false")]
        replace: bool,
    },
    /// Set permission bits and time of a file or directory; links are followed.
    #[n(54)]
    SetAttributes {
        /// The path.
        #[n(0)]
        path: RemotePath,
        /// Permission bits, 0 to 0o777, if they are set.
        #[n(1)]
        mode: Option<u32>,
        /// The time of last modification, if it is set.
        #[n(2)]
        modified: Option<Timestamp>,
    },
    /// Tell what a path names, a link as what it is. Answered by done with an entry, and the target of a link.
    #[n(55)]
    Look {
        /// The path.
        #[n(0)]
        path: RemotePath,
    },
    /// Write to a staged file, which nobody sees before it is committed: data messages follow, then finish. Answered by
    /// done.
    #[n(56)]
    Stage {
        /// The path that it is for.
        #[n(0)]
        path: RemotePath,
        /// The name of the staged file.
        #[n(1)]
        file: StagedFileId,
        /// True if it begins with this request. One that has begun is begun no other time.
        #[cbor(n(2), default, skip_if = "is_false")]
        begin: bool,
        /// True if it takes the place of a file that is there.
        #[cbor(n(3), default, skip_if = "is_false")]
        replace: bool,
        /// True if there need not be a file whose place it takes.
        #[cbor(n(4), default, skip_if = "is_false")]
        create: bool,
        /// The length it gets before anything is written.
        #[n(5)]
        length: Option<u64>,
        /// The size it must have in the end, if it becomes visible then.
        #[n(6)]
        commit: Option<u64>,
        /// The version of the file whose place it takes; with any other there, or none, nothing becomes visible.
        #[n(7)]
        version: Option<Version>,
        /// True if nothing is to be left of it.
        #[cbor(n(8), default, skip_if = "is_false")]
        discard: bool,
    },
    /// Send a part of a staged file: answered by bytes, then done.
    #[n(57)]
    ReadStaged {
        /// The path that it is for.
        #[n(0)]
        path: RemotePath,
        /// The name of the staged file.
        #[n(1)]
        file: StagedFileId,
        /// Bytes before the part.
        #[n(2)]
        offset: u64,
        /// Bytes of the part; it ends with the file if that is shorter.
        #[n(3)]
        length: u64,
        /// Credit the client grants with the request, in bytes.
        #[n(4)]
        credit: u64,
    },
    /// Hash files. Answered by entries, then done.
    #[n(62)]
    Hash {
        /// As in a download.
        #[n(0)]
        sources: Vec<RemotePath>,
        /// True if directories are hashed with what is in them; otherwise they fail one by one.
        #[cbor(n(1), default)]
        recursive: bool,
        /// As in a download.
        #[n(2)]
        selection: Option<Selection>,
        /// The algorithm.
        #[cbor(n(3), default)]
        algorithm: HashAlgorithm,
    },
    /// Tell the room of the disk that a path is on. Answered by done with it.
    #[n(63)]
    Space {
        /// The path.
        #[n(0)]
        path: RemotePath,
    },
}
