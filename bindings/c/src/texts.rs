//! Texts on their way to C.

use std::ffi::{CString, c_char};

/// Copies a text with a NUL, as much of it as there is room for: cut between two characters.
pub(crate) fn copy_text(room: &mut [c_char], text: &str) {
    let Some(most) = room.len().checked_sub(1) else { return };
    let text = text.split('\0').next().unwrap_or_default();
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    for (place, byte) in room.iter_mut().zip(text.as_bytes()[..end].iter().chain([&0])) {
        *place = c_char::from_ne_bytes([*byte]);
    }
}

/// Returns a text with a NUL at its end, up to the first that it has itself.
pub(crate) fn c_text(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}
