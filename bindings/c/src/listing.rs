//! Listings.

#![expect(unsafe_code, reason = "C calls these functions by name, and passes pointers")]

use crate::client::with;
use crate::codes::of_failure;
use crate::edge::call;
use crate::entries::{metadata, no_metadata, remote};
use crate::fault::Fault;
use crate::flags::{REMOFILE_RECURSIVE, check};
use crate::pointers::{Out, Text};
use crate::texts::c_text;
use crate::types::{Client, Entry, ErrorDetails, Metadata, OnEntry};
use remofile::Error;
use remofile::protocol::wire::{Element, Failure, Listed};
use std::ffi::{CString, c_char, c_int, c_void};

/// Lists a directory, an element at a time, sorted by name.
/// @param flags REMOFILE_RECURSIVE: every directory is followed by what is in it.
/// @param on_entry Called with each element, and with what could not be listed.
/// @param user What that function gets as its first argument.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_list(
    client: *mut Client,
    path: *const c_char,
    flags: u32,
    on_entry: OnEntry,
    user: *mut c_void,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (path, error) = unsafe { (Text::of(path, "path"), Out::of(error)) };
    call(error, || {
        let (path, flags) = (remote(path.get()?)?, check(flags, REMOFILE_RECURSIVE)?);
        let on_entry = on_entry.ok_or_else(|| Fault::null("on_entry"))?;
        let mut each = |element: Element| {
            let Some(told) = EntryTexts::of(element) else { return Ok(()) };
            let entry = told.entry();
            // SAFETY: the function is the caller's, and by its contract may be called with these.
            let answer = unsafe { on_entry(user, &raw const entry) };
            if answer == 0 { Ok(()) } else { Err(Error::Stopped) }
        };
        with(client, |client, _| Ok(client.list_with_targets(&path, flags.has(REMOFILE_RECURSIVE), &mut each)?))
    })
}

/// An element with its texts.
struct EntryTexts {
    path: CString,
    target: Option<CString>,
    failure: Option<(c_int, CString)>,
    metadata: Metadata,
}

impl EntryTexts {
    fn of(element: Element) -> Option<Self> {
        let (entry, target) = match element {
            Element::Listed(Listed::Entry(entry)) => (entry, None),
            Element::Link(entry, target) => (entry, Some(c_text(&target))),
            Element::Listed(Listed::Failed(failure)) => return Some(Self::failed(&failure)),
            // Nothing else is told of a listing.
            _ => return None,
        };
        Some(Self { path: c_text(entry.path.as_str()), target, failure: None, metadata: metadata(&entry) })
    }

    fn failed(failure: &Failure) -> Self {
        Self {
            path: c_text(failure.path.as_deref().unwrap_or_default()),
            target: None,
            failure: Some((of_failure(failure.code), c_text(&failure.to_string()))),
            metadata: no_metadata(),
        }
    }

    /// The element as C sees it, as long as this is there.
    fn entry(&self) -> Entry {
        let pointer = |text: &CString| text.as_ptr();
        Entry {
            struct_size: size_of::<Entry>(),
            path: self.path.as_ptr(),
            target: self.target.as_ref().map_or(std::ptr::null(), pointer),
            code: self.failure.as_ref().map_or(0, |(code, _)| *code),
            message: self.failure.as_ref().map_or(std::ptr::null(), |(_, text)| text.as_ptr()),
            metadata: self.metadata,
        }
    }
}
