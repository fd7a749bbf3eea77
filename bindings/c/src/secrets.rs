//! Tokens and keys, and what the library tells of itself.

#![expect(unsafe_code, reason = "C calls these functions by name, and passes pointers")]

use crate::codes;
use crate::edge::call;
use crate::handles;
use crate::pointers::Out;
use crate::texts::copy_text;
use crate::types::{ErrorDetails, REMOFILE_MESSAGE_BYTES, REMOFILE_NAME_BYTES, REMOFILE_SECRET_BYTES};
use remofile::protocol::key::PrivateKey;
use remofile::protocol::token::Token;
use std::ffi::{CStr, c_char, c_int};

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

/// Returns the version of the library, as `0.1.0`. It is never released.
#[unsafe(no_mangle)]
pub extern "C" fn remofile_version() -> *const c_char {
    VERSION.as_ptr()
}

/// Returns the number of handles of the process that are open, for tests that look for leaks.
#[unsafe(no_mangle)]
pub extern "C" fn remofile_open_handles() -> usize {
    handles::count()
}

/// Tells name and meaning of a code.
/// @param name Receives the name, as `not-found`; may be NULL. Empty if there is no such code.
/// @param meaning Receives the meaning in words; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_describe_code(
    code: c_int,
    name: *mut [c_char; REMOFILE_NAME_BYTES],
    meaning: *mut [c_char; REMOFILE_MESSAGE_BYTES],
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (name, meaning, error) = unsafe { (Out::of(name), Out::of(meaning), Out::of(error)) };
    call(error, || {
        let (called, means) = match code {
            0 => ("ok", "The call did what it was to do."),
            code => codes::describe(code).unwrap_or_default(),
        };
        let (mut texts, mut words) = ([0; REMOFILE_NAME_BYTES], [0; REMOFILE_MESSAGE_BYTES]);
        copy_text(&mut texts, called);
        copy_text(&mut words, means);
        name.put(texts);
        meaning.put(words);
        Ok(())
    })
}

/// Makes a token that nobody guesses.
/// @param token Receives it, a secret: wipe it when it is not needed any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_generate_token(
    token: *mut [c_char; REMOFILE_SECRET_BYTES],
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (out, error) = unsafe { (Out::of(token), Out::of(error)) };
    call(error, || {
        // Into its place at once: no copy of the secret stays behind.
        copy_text(out.room("token")?, Token::generate().reveal());
        Ok(())
    })
}

/// Makes the keys of a server.
/// @param public_key Receives the key that clients use.
/// @param private_key Receives the key of the server, a secret: wipe it when it is not needed any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_generate_keys(
    public_key: *mut [c_char; REMOFILE_SECRET_BYTES],
    private_key: *mut [c_char; REMOFILE_SECRET_BYTES],
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (public, private, error) = unsafe { (Out::of(public_key), Out::of(private_key), Out::of(error)) };
    call(error, || {
        let (public, private) = (public.room("public_key")?, private.room("private_key")?);
        let key = PrivateKey::generate();
        copy_text(private, &key.reveal());
        copy_text(public, &key.public().to_string());
        Ok(())
    })
}
