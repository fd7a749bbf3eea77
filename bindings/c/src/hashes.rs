//! Hashes that the server makes: no content is sent.

#![expect(unsafe_code, reason = "C calls these functions by name, and passes pointers")]

use crate::client::{asking, with};
use crate::codes::of_failure;
use crate::edge::call;
use crate::entries::{metadata, no_metadata, remote};
use crate::fault::Fault;
use crate::flags::hash_algorithm;
use crate::pointers::{Out, Text};
use crate::texts::{c_text, copy_text};
use crate::types::{Client, ErrorDetails, Hashed, Metadata, OnHash, REMOFILE_HASH_BYTES};
use remofile::protocol::hash::hex;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::{Error, HashOptions, HashedFile};
use std::ffi::{CString, c_char, c_int, c_void};

/// Has the server hash a file.
/// @param algorithm A REMOFILE_HASH_ constant.
/// @param hash Receives the hash in hexadecimal digits.
/// @return REMOFILE_UNSUPPORTED by a server that cannot.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_hash(
    client: *mut Client,
    path: *const c_char,
    algorithm: u32,
    hash: *mut [c_char; REMOFILE_HASH_BYTES],
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (path, hash, error) = unsafe { (Text::of(path, "path"), Out::of(hash), Out::of(error)) };
    call(error, || {
        let (path, room) = (remote(path.get()?)?, hash.room("hash")?);
        let options = HashOptions { algorithm: hash_algorithm(algorithm)?, recursive: false };
        let hashed = asking(client, |client| {
            let mut answered = Err(Error::Remote(Failure::from(ErrorCode::NotFound).at(path.as_str())));
            client.hash(vec![path.clone()], options, &mut |answer| {
                answered = answer.map_err(Error::Remote);
                Ok(())
            })?;
            answered
        })?;
        copy_text(room, &hex(&hashed.hash));
        Ok(())
    })
}

/// Has the server hash a file, or all files below a directory, one after the other as they are sorted in a listing.
/// @param algorithm A REMOFILE_HASH_ constant.
/// @param on_hash Called with each file, and with what could not be hashed.
/// @param user What that function gets as its first argument.
/// @return The code of what ended the call, or of the first file that could not be hashed; the others are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_hashes(
    client: *mut Client,
    path: *const c_char,
    algorithm: u32,
    on_hash: OnHash,
    user: *mut c_void,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (path, error) = unsafe { (Text::of(path, "path"), Out::of(error)) };
    call(error, || {
        let (path, on_hash) = (remote(path.get()?)?, on_hash.ok_or_else(|| Fault::null("on_hash"))?);
        let options = HashOptions { algorithm: hash_algorithm(algorithm)?, recursive: true };
        let mut failed = None;
        let mut each = |answer: Result<HashedFile, Failure>| {
            let told = HashedTexts::of(&path, &answer);
            if let Err(failure) = answer {
                failed.get_or_insert(failure);
            }
            let hashed = told.hashed();
            // SAFETY: the function is the caller's, and by its contract may be called with these.
            let answer = unsafe { on_hash(user, &raw const hashed) };
            if answer == 0 { Ok(()) } else { Err(Error::Stopped) }
        };
        with(client, |client, _| Ok(client.hash(vec![path.clone()], options, &mut each)?))?;
        failed.map_or(Ok(()), |failure| Err(Error::Remote(failure).into()))
    })
}

/// A hashed file with its texts.
struct HashedTexts {
    path: CString,
    hash: Option<CString>,
    failure: Option<(c_int, CString)>,
    metadata: Metadata,
}

impl HashedTexts {
    fn of(source: &RemotePath, answer: &Result<HashedFile, Failure>) -> Self {
        match answer {
            Ok(file) => Self {
                path: c_text(&path_of(source, &file.below)),
                hash: Some(c_text(&hex(&file.hash))),
                failure: None,
                metadata: metadata(&file.entry),
            },
            Err(failure) => Self {
                path: c_text(failure.path.as_deref().unwrap_or_default()),
                hash: None,
                failure: Some((of_failure(failure.code), c_text(&failure.to_string()))),
                metadata: no_metadata(),
            },
        }
    }

    /// The file as C sees it, as long as this is there.
    fn hashed(&self) -> Hashed {
        Hashed {
            struct_size: size_of::<Hashed>(),
            path: self.path.as_ptr(),
            hash: self.hash.as_ref().map_or(std::ptr::null(), |text| text.as_ptr()),
            code: self.failure.as_ref().map_or(0, |(code, _)| *code),
            message: self.failure.as_ref().map_or(std::ptr::null(), |(_, text)| text.as_ptr()),
            metadata: self.metadata,
        }
    }
}

/// The path of what is below a source.
fn path_of(source: &RemotePath, below: &str) -> String {
    match below {
        "" => source.to_string(),
        below => source.join(below).map_or_else(|_| below.to_owned(), |path| path.to_string()),
    }
}
