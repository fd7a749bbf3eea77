//! The frozen pickles in `testdata/pickles.txt`: what Python ever sent must stay readable, and what we
//! send stays as Python was seen to read it.
//!
//! Each line is a name, a colon and hexadecimal bytes; the name up to the first comma tells the message.
//! A line that is there is never changed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what went wrong by panicking")]

use remofile_protocol::pickle::PickleError;
use remofile_protocol::protocol1::{BadMessage, Directory, ListedFile, Request, Response};

const PICKLES: &str = include_str!("../../../testdata/pickles.txt");

#[derive(Debug, PartialEq)]
enum Message {
    Request(Request<'static>),
    Response(Response<'static>),
}

fn lines() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    PICKLES.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (name, hex) = line.split_once(": ").unwrap();
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (name, (0..hex.len()).step_by(2).map(byte).collect())
    })
}

fn message(name: &str) -> &str {
    name.split_once(',').map_or(name, |(message, _)| message)
}

fn directory(text: &str) -> Directory {
    Directory::new(text)
}

fn listed(name: &str, is_directory: bool, size: u64, modified: f64) -> ListedFile {
    ListedFile { name: name.into(), is_directory, size, modified }
}

fn chunk(data: &'static [u8]) -> Request<'static> {
    Request::SendChunk { data: data.into() }
}

fn upload(directory: &str, file_size: i64, chunk_size: i64) -> Request<'static> {
    Request::UploadFile { name: "qaz.bin".into(), directory: Directory::new(directory), file_size, chunk_size }
}

fn request(name: &str) -> Option<Request<'static>> {
    let file = || "qaz.bin".to_owned();
    Some(match name {
        "list files" => Request::ListFiles { directory: directory("/foo") },
        "create file" => Request::CreateFile { name: file(), directory: directory("/foo/bar") },
        "make directory" => Request::MakeDirectory { name: "été".into(), directory: directory("/") },
        "upload file" => upload("/foo", 23_735_613, 4096),
        "upload large file" => upload("/foo", 5_000_000_000, 65536),
        "upload negative size" => upload("/foo", -1, -5_000_000_000),
        "send chunk" => chunk(b"F\x8c1\xa4\xb5\xc7"),
        "send empty chunk" => chunk(b""),
        "long texts" => Request::SendChunk { data: (0..=255).chain(0..=255).collect::<Vec<u8>>().into() },
        "download file" => {
            Request::DownloadFile { name: file(), directory: directory("/foo/bar/foo"), chunk_size: 512 }
        }
        "plain numbers" => Request::DownloadFile { name: "a".into(), directory: directory("/"), chunk_size: 512 },
        "receive chunk" => Request::ReceiveChunk,
        "cancel transfer" => Request::CancelTransfer,
        "remove file" => Request::RemoveFile { name: file(), directory: directory("/foo") },
        "one name thrice" => Request::RemoveFile { name: "name".into(), directory: directory("/name/name") },
        "joined path" => Request::ListFiles { directory: directory("/baz/x") },
        "concrete path" => Request::ListFiles { directory: directory("foo/../bar") },
        "empty path" => Request::ListFiles { directory: directory(".") },
        _ => return None,
    })
}

fn response(name: &str) -> Option<Response<'static>> {
    Some(match name {
        "files listed" => Response::FilesListed(vec![
            listed("foo.bin", false, 423, 4_687_421_324.0),
            listed("bar", true, 0, 1_654_646_515.25),
            listed("big", false, 5_000_000_000, 0.0),
        ]),
        "nothing listed" => Response::FilesListed(Vec::new()),
        "one file listed" => Response::FilesListed(vec![listed("a", false, 1, 2.5)]),
        "file created" => Response::FileCreated,
        "file removed" => Response::FileRemoved,
        "refused" => Response::InvalidFileName,
        "transfer accepted" => Response::TransferAccepted { file_size: None },
        "transfer accepted with size" => Response::TransferAccepted { file_size: Some(70_000) },
        "chunk sent" => Response::ChunkSent(b"\xfa\xfb\xfc\xfd\xfe\xffabc".into()),
        "transfer completed" => Response::TransferCompleted { data: None },
        "transfer completed with chunk" => Response::TransferCompleted { data: Some(b"\0\xff".into()) },
        "bad request" => Response::BadRequest,
        "unknown error" => Response::UnknownError("disk: \u{20ac}".into()),
        "long message" => Response::UnknownError("é".repeat(200)),
        _ => return None,
    })
}

fn expected(name: &str) -> Message {
    let name = message(name);
    request(name).map(Message::Request).or_else(|| response(name).map(Message::Response)).unwrap()
}

#[test]
fn what_python_sent_is_read() {
    for (name, bytes) in lines() {
        match expected(name) {
            Message::Request(request) => assert_eq!(Request::decode(&bytes), Ok(request), "{name}"),
            Message::Response(response) => assert_eq!(Response::decode(&bytes), Ok(response), "{name}"),
        }
    }
}

#[test]
fn what_we_send_is_what_python_was_seen_to_read() {
    let frozen: Vec<_> = lines().filter(|(name, _)| name.ends_with(", ours")).collect();
    assert!(!frozen.is_empty());
    for (name, bytes) in frozen {
        let found = match expected(name) {
            Message::Request(request) => request.encode(),
            Message::Response(response) => response.encode(),
        };
        assert_eq!(found, bytes, "{name}");
    }
}

#[test]
fn chunks_are_borrowed_but_from_protocol_2() {
    for (name, bytes) in lines().filter(|(name, _)| message(name) == "send chunk") {
        let Ok(Request::SendChunk { data }) = Request::decode(&bytes) else { panic!("{name}") };
        let is_borrowed = matches!(data, std::borrow::Cow::Borrowed(_));
        assert_eq!(is_borrowed, !name.contains("protocol 2"), "{name}");
    }
}

#[test]
fn a_request_is_no_response_and_the_other_way_round() {
    for (name, bytes) in lines().filter(|(name, _)| message(name) != "plain numbers") {
        match expected(name) {
            Message::Request(_) => assert_eq!(Response::decode(&bytes), Err(BadMessage::Shape), "{name}"),
            Message::Response(_) => assert_eq!(Request::decode(&bytes), Err(BadMessage::Shape), "{name}"),
        }
    }
}

#[test]
fn a_pickle_that_is_cut_off_is_an_error() {
    for (name, bytes) in lines() {
        for end in 0..bytes.len() {
            let error = Err(BadMessage::Pickle(PickleError::Truncated));
            assert_eq!(Request::decode(&bytes[..end]).map(drop), error, "{name} up to {end}");
            assert_eq!(Response::decode(&bytes[..end]).map(drop), error, "{name} up to {end}");
        }
    }
}

#[test]
fn a_pickle_with_bytes_behind_it_is_an_error() {
    for (name, mut bytes) in lines() {
        bytes.push(b'.');
        let error = Err(BadMessage::Pickle(PickleError::TrailingBytes));
        assert_eq!(Request::decode(&bytes).map(drop), error, "{name}");
    }
}

/// Whatever a message says, our own form of it says the same.
fn check(bytes: &[u8]) {
    if let Ok(request) = Request::decode(bytes) {
        assert_eq!(Request::decode(&request.encode()), Ok(request));
    }
    if let Ok(response) = Response::decode(bytes) {
        assert_eq!(Response::decode(&response.encode()), Ok(response));
    }
}

#[test]
fn no_changed_byte_does_harm() {
    let all = |name: &str| name.ends_with("3.11.2") || name.contains("protocol 2") || name.contains("protocol 5");
    for (_, mut bytes) in lines().filter(|(name, _)| all(name)) {
        for at in 0..bytes.len() {
            let before = bytes[at];
            // Every byte that means something to the reader, and some that do not.
            for changed in
                b".N\x88\x89JKM\x8aGX\x8c\x8dBC\x8e()t\x85\x86\x87}suc\x93R\x94qrhj\x95\x80\x00\x01\xffQbiao0".iter()
            {
                bytes[at] = *changed;
                check(&bytes);
            }
            bytes[at] = before ^ 1;
            check(&bytes);
            bytes[at] = before;
        }
    }
}
