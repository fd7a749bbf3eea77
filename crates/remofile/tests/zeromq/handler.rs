//! Messages through a ROUTER socket that is not ours, without any socket; with it all of protocol 1.

mod strangers;
mod tokens;

use crate::common::{LOCALHOST, noise, remote, tree, write};
use remofile::protocol::handshake::{Refusal, ZeroMqAnswer, ZeroMqHello};
use remofile::protocol::protocol1::{Directory, ListedFile, Request, Response};
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Body, Header, OperationId, Signal};
use remofile::{Handler, Server, ServerOptions};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use zeroize::Zeroizing;

const TOKEN: &[u8] = b"my-custom-token";

struct Served {
    root: TempDir,
    server: Server,
    handler: Handler,
}

impl Served {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut ServerOptions)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let server = Server::new(root.path(), Token::parse("my-custom-token").unwrap()).unwrap();
        let mut options = server.options();
        change(&mut options);
        server.set_options(options).unwrap();
        let handler = server.handler().unwrap();
        Self { root, server, handler }
    }

    fn root(&self) -> &Path {
        self.root.path()
    }

    /// Everything that is said to one peer now. Refusals of strangers' guesses come when they are due.
    fn replies(&mut self, identity: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let mut replies = Vec::new();
        while let Some(reply) = self.handler.next_reply() {
            if !reply.identity.starts_with(b"stranger") {
                assert_eq!(reply.identity, identity);
                replies.push(reply.frames);
            }
        }
        replies
    }

    /// Returns the next reply, when it is due.
    fn awaited(&mut self) -> (Vec<u8>, Vec<Vec<u8>>) {
        while self.handler.next_timeout().is_some() {
            if let Some(reply) = self.handler.next_reply() {
                return (reply.identity, reply.frames);
            }
        }
        panic!("nothing is going to be said");
    }

    /// Waits until the disk has done what was asked for.
    fn await_disk(&self) {
        let soon = Timespec { tv_sec: 30, tv_nsec: 0 };
        assert_eq!(poll(&mut [PollFd::new(&self.handler, PollFlags::IN)], Some(&soon)), Ok(1), "nobody called");
    }

    fn answers(&mut self, frames: &[&[u8]]) -> Vec<Vec<Vec<u8>>> {
        self.handler.handle(TOKEN, frames);
        self.replies(TOKEN)
    }

    fn ask_raw(&mut self, request: &[u8]) -> Response<'static> {
        let mut replies = self.answers(&[b"", request]);
        while replies.is_empty() {
            self.await_disk();
            replies = self.replies(TOKEN);
        }
        assert_eq!(replies.len(), 1);
        assert_eq!((replies[0].len(), replies[0][0].len()), (2, 0));
        Response::decode(&replies[0][1]).unwrap().into_owned()
    }

    fn ask(&mut self, request: &Request<'_>) -> Response<'static> {
        self.ask_raw(&request.encode())
    }

    fn list(&mut self, directory: &str) -> Response<'static> {
        self.ask(&Request::ListFiles { directory: Directory::new(directory) })
    }

    fn upload(&mut self, name: &str, directory: &str, file_size: i64, chunk_size: i64) -> Response<'static> {
        let (name, directory) = (name.to_owned(), Directory::new(directory));
        self.ask(&Request::UploadFile { name, directory, file_size, chunk_size })
    }

    fn download(&mut self, name: &str, directory: &str, chunk_size: i64) -> Response<'static> {
        let (name, directory) = (name.to_owned(), Directory::new(directory));
        self.ask(&Request::DownloadFile { name, directory, chunk_size })
    }

    fn send(&mut self, data: &[u8]) -> Response<'static> {
        self.ask(&Request::SendChunk { data: data.into() })
    }

    fn create(&mut self, name: &str, directory: &str) -> Response<'static> {
        self.ask(&Request::CreateFile { name: name.to_owned(), directory: Directory::new(directory) })
    }

    fn make(&mut self, name: &str, directory: &str) -> Response<'static> {
        self.ask(&Request::MakeDirectory { name: name.to_owned(), directory: Directory::new(directory) })
    }

    fn remove(&mut self, name: &str, directory: &str) -> Response<'static> {
        self.ask(&Request::RemoveFile { name: name.to_owned(), directory: Directory::new(directory) })
    }

    fn is_idle(&mut self) -> bool {
        self.upload("probe", "/", 1, 512) == Response::TransferAccepted { file_size: None }
            && self.ask(&Request::CancelTransfer) == Response::TransferCancelled
    }
}

const ACCEPTED: Response<'static> = Response::TransferAccepted { file_size: None };
const COMPLETED: Response<'static> = Response::TransferCompleted { data: None };

#[test]
fn a_listing_tells_what_python_would() {
    let mut served = Served::new();
    write(served.root(), "d/file", noise(423));
    symlink("d/file", served.root().join("link")).unwrap();
    symlink("nowhere", served.root().join("dangling")).unwrap();
    symlink("/etc", served.root().join("out")).unwrap();
    let modified = |path: &str, follow: bool| {
        let path = served.root().join(path);
        let metadata = if follow { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) }.unwrap();
        // As Python reckons st_mtime.
        metadata.mtime() as f64 + 1e-9 * metadata.mtime_nsec() as f64
    };
    let file =
        |name: &str, is_directory, size, modified| ListedFile { name: name.into(), is_directory, size, modified };
    let expected = vec![
        file("d", true, 0, modified("d", true)),
        file("dangling", false, 0, modified("dangling", false)),
        file("link", false, 423, modified("link", true)),
        file("out", false, 0, modified("out", false)),
    ];
    for root in ["/", "", ".", "//", "/./"] {
        assert_eq!(served.list(root), Response::FilesListed(expected.clone()), "{root:?}");
    }
    for (directory, expected) in [("/no", Response::FileNotFound), ("/d/file", Response::NotADirectory)] {
        assert_eq!(served.list(directory), expected);
    }
}

#[test]
fn files_and_directories_are_created_and_removed() {
    let mut served = Served::new();
    assert_eq!(served.make("d", "/"), Response::DirectoryCreated);
    assert_eq!(served.create("f", "d"), Response::FileCreated);
    for again in [served.make("d", "/"), served.create("d", "/"), served.create("f", "/d")] {
        assert_eq!(again, Response::FileAlreadyExists);
    }
    assert_eq!(tree(served.root()), [("d".to_owned(), None), ("d/f".to_owned(), Some(Vec::new()))]);
    assert!(matches!(served.remove("d", "/"), Response::UnknownError(_)), "it is not empty");
    assert_eq!(served.remove("f", "/d"), Response::FileRemoved);
    assert_eq!(served.remove("f", "/d"), Response::FileNotFound);
    assert_eq!(served.remove("d", "/"), Response::FileRemoved);
    assert!(tree(served.root()).is_empty());
}

#[test]
fn names_and_directories_are_refused_with_their_reasons() {
    let mut served = Served::new();
    write(served.root(), "file", "x");
    for name in ["", ".", "..", "a\0b", "a/b", "a\\b", "a:b", "a*b", "a?b", "a<b", "a>b", "a|b", "a\"b", "a\nb"] {
        for answer in [
            served.create(name, "/"),
            served.make(name, "/"),
            served.remove(name, "/"),
            served.upload(name, "/", 1, 512),
            served.download(name, "/", 512),
        ] {
            assert_eq!(answer, Response::InvalidFileName, "{name:?}");
        }
    }
    for (directory, simple, transfer) in [
        ("/missing", Response::FileNotFound, Response::NotADirectory),
        ("/a?b", Response::FileNotFound, Response::NotADirectory),
        ("/file", Response::NotADirectory, Response::NotADirectory),
        ("/..", Response::BadRequest, Response::BadRequest),
        ("/d/../..", Response::BadRequest, Response::BadRequest),
        ("/a\0", Response::BadRequest, Response::BadRequest),
    ] {
        assert_eq!(served.create("n", directory), simple, "{directory}");
        assert_eq!(served.make("n", directory), simple, "{directory}");
        assert_eq!(served.list(directory), simple, "{directory}");
        assert_eq!(served.upload("n", directory, 1, 512), transfer, "{directory}");
        assert_eq!(served.download("n", directory, 512), transfer, "{directory}");
    }
    assert_eq!(served.download("missing", "/", 512), Response::FileNotFound);
    assert_eq!(served.upload("file", "/", 1, 512), Response::FileAlreadyExists);
    std::fs::create_dir(served.root().join("d")).unwrap();
    assert_eq!(served.download("d", "/", 512), Response::NotAFile);
    assert!(served.is_idle());
}

#[test]
fn sizes_are_refused_before_anything_else() {
    let mut served = Served::with(|options| options.file_size_limit = 1000);
    write(served.root(), "large", noise(1001));
    for size in [i64::MIN, -1, 0, 1001, i64::MAX] {
        assert_eq!(served.upload("..", "/..", size, 0), Response::IncorrectFileSize);
    }
    for chunk in [i64::MIN, 0, 511, 8193, i64::MAX] {
        assert_eq!(served.upload("..", "/..", 1000, chunk), Response::IncorrectChunkSize);
        assert_eq!(served.download("..", "/..", chunk), Response::IncorrectChunkSize);
    }
    assert_eq!(served.download("large", "/", 512), Response::IncorrectFileSize);
    assert!(served.is_idle());
}

#[test]
fn files_pass_in_chunks_of_exactly_the_size() {
    for (size, chunk) in [(1, 512), (511, 512), (512, 512), (513, 512), (1024, 512), (20_000, 8192)] {
        let mut served = Served::new();
        let content = noise(size);
        assert_eq!(served.upload("f", "/", size as i64, chunk as i64), ACCEPTED);
        let chunks: Vec<&[u8]> = content.chunks(chunk).collect();
        let (last, others) = chunks.split_last().unwrap();
        for data in others {
            assert_eq!(served.send(data), Response::ChunkReceived);
            // Half a file is nobody's business.
            assert_eq!(served.list("/"), Response::FilesListed(Vec::new()));
        }
        assert_eq!(served.send(last), COMPLETED);
        assert_eq!(tree(served.root()), [("f".to_owned(), Some(content.clone()))]);
        assert_eq!(
            served.download("f", "/", chunk as i64),
            Response::TransferAccepted { file_size: Some(size as u64) }
        );
        for data in others {
            assert_eq!(served.ask(&Request::ReceiveChunk), Response::ChunkSent((*data).into()));
        }
        let completed = Response::TransferCompleted { data: Some((*last).into()) };
        assert_eq!(served.ask(&Request::ReceiveChunk), completed);
        assert_eq!(served.ask(&Request::ReceiveChunk), Response::BadRequest);
    }
}

#[test]
fn an_empty_file_is_downloaded_as_one_empty_chunk() {
    let mut served = Served::new();
    write(served.root(), "empty", "");
    assert_eq!(served.download("empty", "/", 512), Response::TransferAccepted { file_size: Some(0) });
    assert_eq!(served.ask(&Request::ReceiveChunk), Response::TransferCompleted { data: Some(b""[..].into()) });
    assert!(served.is_idle());
}

#[test]
fn wrong_chunks_end_an_upload_and_leave_nothing() {
    for wrong in [0, 1, 511, 513] {
        let mut served = Served::new();
        assert_eq!(served.upload("f", "/", 2000, 512), ACCEPTED);
        assert_eq!(served.send(&[1; 512]), Response::ChunkReceived);
        assert_eq!(served.send(&vec![1; wrong]), Response::BadRequest);
        assert_eq!(served.send(&[1; 512]), Response::BadRequest, "the upload is over");
        assert!(tree(served.root()).is_empty());
        assert!(served.is_idle());
    }
}

#[test]
fn a_file_that_changes_on_the_way_is_not_passed_for_one() {
    let mut served = Served::new();
    let path = write(served.root(), "f", noise(600));
    for content in [noise(599), vec![7; 601], noise(0)] {
        served.download("f", "/", 512);
        assert!(matches!(served.ask(&Request::ReceiveChunk), Response::ChunkSent(_)));
        std::fs::write(&path, content).unwrap();
        assert!(matches!(served.ask(&Request::ReceiveChunk), Response::UnknownError(_)));
        std::fs::write(&path, noise(600)).unwrap();
    }
    assert!(served.is_idle());
}

#[test]
fn each_state_has_its_requests_and_no_others() {
    let mut served = Served::new();
    write(served.root(), "f", noise(2000));
    for stray in [Request::SendChunk { data: b"x"[..].into() }, Request::ReceiveChunk, Request::CancelTransfer] {
        assert_eq!(served.ask(&stray), Response::BadRequest);
    }
    for is_upload in [true, false] {
        let begun = if is_upload { served.upload("u", "/", 600, 512) } else { served.download("f", "/", 512) };
        assert!(matches!(begun, Response::TransferAccepted { .. }));
        let misfit = if is_upload { Request::ReceiveChunk } else { Request::SendChunk { data: b"x"[..].into() } };
        assert_eq!(served.ask(&misfit), Response::BadRequest);
        for answer in [
            served.create("n", "/"),
            served.make("n", "/"),
            served.remove("f", "/"),
            served.upload("n", "/", 600, 512),
            served.download("f", "/", 512),
        ] {
            assert_eq!(answer, Response::BadRequest);
        }
        assert!(matches!(served.list("/"), Response::FilesListed(_)));
        // It is as it was.
        let next = if is_upload { Request::SendChunk { data: vec![1; 512].into() } } else { Request::ReceiveChunk };
        assert!(matches!(served.ask(&next), Response::ChunkReceived | Response::ChunkSent(_)));
        assert_eq!(served.ask(&Request::CancelTransfer), Response::TransferCancelled);
        assert_eq!(served.ask(&Request::CancelTransfer), Response::BadRequest);
    }
    assert_eq!(tree(served.root()).len(), 1);
}

#[test]
fn a_download_may_be_cancelled_when_its_last_chunk_has_come() {
    let mut served = Served::new();
    write(served.root(), "f", "x");
    served.download("f", "/", 512);
    assert!(matches!(served.ask(&Request::ReceiveChunk), Response::TransferCompleted { .. }));
    assert_eq!(served.ask(&Request::CancelTransfer), Response::TransferCancelled);
    assert_eq!(served.ask(&Request::CancelTransfer), Response::BadRequest);
}

#[test]
fn an_abandoned_transfer_ends_and_the_next_client_is_served() {
    let mut served = Served::with(|options| options.idle_timeout = Duration::from_millis(1));
    assert_eq!(served.upload("f", "/", 600, 512), ACCEPTED);
    // Until its time is over, which it may be already.
    while served.handler.next_timeout().is_some() {
        assert!(served.handler.next_reply().is_none());
    }
    assert_eq!(served.send(&[1; 512]), Response::BadRequest);
    assert!(tree(served.root()).is_empty());
    served
        .handler
        .handle(b"other", &[&ZeroMqHello::new("a", "b", Some(Zeroizing::new("my-custom-token".into()))).encode()]);
    assert!(served.handler.next_reply().is_some());
}

#[test]
fn a_read_only_server_changes_nothing() {
    let mut served = Served::with(|options| options.read_only = true);
    write(served.root(), "f", "x");
    for answer in
        [served.create("n", "/"), served.make("n", "/"), served.remove("f", "/"), served.upload("n", "/", 1, 512)]
    {
        assert!(matches!(answer, Response::UnknownError(message) if message.contains("read-only")));
    }
    assert!(matches!(served.download("f", "/", 512), Response::TransferAccepted { .. }));
    assert_eq!(tree(served.root()).len(), 1);
}

#[test]
fn what_is_no_request_is_a_bad_request_and_hurts_nobody() {
    let mut served = Served::new();
    assert_eq!(served.list("/"), Response::FilesListed(Vec::new()));
    for request in [
        &b""[..],
        b"garbage",
        // os.system("touch ...") in protocols 0 and 2.
        b"cos\nsystem\n(S'touch /tmp/owned'\ntR.",
        b"\x80\x02cos\nsystem\nX\x09\0\0\0touch /xx\x85R.",
        // (99, "/")
        b"\x80\x04K\x63\x8c\x01/\x86.",
        // (Request.LIST_FILES,) in a tuple that is too short.
        b"\x80\x02K\x01\x85.",
        // A length of 4 GiB.
        b"\x80\x04\x8e\xff\xff\xff\xff\x01\0\0\0x.",
    ] {
        assert_eq!(served.ask_raw(request), Response::BadRequest, "{request:?}");
    }
    // Envelopes of all kinds come back as they were.
    for (frames, envelope) in [
        (&[&b""[..], b"a", b"b"][..], 1),
        (&[b"id", b"", b"x"], 2),
        (&[b""], 1),
        (&[b"\x80\x04K\x01\x8c\x01/\x86."], 0),
    ] {
        let replies = served.answers(frames);
        assert_eq!(replies.len(), 1);
        assert_eq!(replies[0].len(), envelope + 1);
        assert_eq!(replies[0][..envelope], frames[..envelope]);
        assert_eq!(Response::decode(&replies[0][envelope]).unwrap(), Response::BadRequest);
    }
    assert!(served.is_idle());
}

#[test]
fn a_one_frame_message_is_answered_whatever_is_in_it() {
    let mut served = Served::new();
    for frame in [&b""[..], b"x", b"\x80\x04K\x01\x8c\x01/\x86."] {
        assert_eq!(served.answers(&[frame]).len(), 1, "{frame:?}");
    }
    assert_eq!(served.list("/"), Response::FilesListed(Vec::new()));
}

#[test]
fn two_sessions_of_protocol_2_take_turns() {
    let mut served = Served::new();
    write(served.root(), "f", noise(5_000_000));
    let hello = |name| ZeroMqHello::new("a", name, Some(Zeroizing::new("my-custom-token".into()))).encode();
    let request = remofile::protocol::wire::Request::Download {
        sources: vec![remote("/f")],
        recursive: false,
        total: false,
        credit: 1 << 30,
        selection: None,
        send_options: None,
    };
    let mut header = Vec::new();
    Header { operation: OperationId(1), body: Body::Request(request), wait_milliseconds: 0 }.encode(&mut header);
    for identity in [b"one", b"two"] {
        served.handler.handle(identity, &[&hello("me")]);
        served.handler.handle(identity, &[&header]);
    }
    let mut order = Vec::new();
    let mut bytes = 0;
    while let Some(reply) = served.handler.next_reply() {
        bytes += reply.frames.get(1).map_or(0, Vec::len);
        order.push(reply.identity);
    }
    assert_eq!(bytes, 10_000_000);
    let switches = order.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(switches > 8, "{switches} of {}", order.len());
}

#[test]
fn a_broken_protocol_ends_one_session_and_says_so() {
    let mut served = Served::new();
    let hello = ZeroMqHello::new("a", "b", None).encode();
    for broken in [&[&[0xff; 9][..]][..], &[b"a", b"b", b"c"]] {
        assert_eq!(served.answers(&[&hello]).len(), 1);
        let malformed = vec![ZeroMqAnswer::Refused(Refusal::Malformed).encode()];
        assert_eq!(served.answers(broken), [malformed]);
        // Nothing is known of it any more.
        let no_session = vec![ZeroMqAnswer::Refused(Refusal::NoSession).encode()];
        let mut ping = Vec::new();
        Header::signal(OperationId::SESSION, Signal::Ping).encode(&mut ping);
        assert_eq!(served.answers(&[&ping]), [no_session]);
    }
}

#[test]
fn a_server_that_is_terminated_says_farewell() {
    let mut served = Served::new();
    assert!(matches!(served.server.handler(), Err(remofile::Error::Usage(_))), "it is running");
    served.answers(&[&ZeroMqHello::new("a", "b", None).encode()]);
    served.handler.handle(b"other", &[&b""[..], b"x"]);
    served.server.terminate().unwrap();
    assert!(!served.handler.is_stopped());
    let mut goodbyes = 0;
    while let Some(reply) = served.handler.next_reply() {
        goodbyes += usize::from(Header::decode(&reply.frames[0]).is_ok());
    }
    assert!(served.handler.is_stopped());
    assert_eq!(goodbyes, 1);
    let Served { server, handler, .. } = served;
    drop(handler);
    server.handler().unwrap();
}
