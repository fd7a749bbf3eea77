//! The values that C passes, checked: the only module that reads or writes by a pointer.
//!
//! Each constructor is `unsafe` and takes over the crate's contract: the pointer is null, or valid for the type and the lifetime
//! that is chosen, during the call. What is then read by the methods is told to be null, of another size or no text.

#![expect(unsafe_code, reason = "C passes pointers")]

use crate::codes::Own;
use crate::fault::Fault;
use std::ffi::{CStr, OsStr, c_char};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A text that ends with a NUL byte.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    text: Option<&'a CStr>,
    name: &'static str,
}

impl<'a> Text<'a> {
    /// # Safety
    /// See the module.
    pub(crate) unsafe fn of(pointer: *const c_char, name: &'static str) -> Self {
        // SAFETY: it is not null, and by the contract it ends with a NUL byte and stays as it is.
        let text = (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) });
        Self { text, name }
    }

    /// Returns the text.
    pub(crate) fn get(self) -> Result<&'a str, Fault> {
        self.optional()?.ok_or_else(|| Fault::null(self.name))
    }

    /// Returns the text, if there is one.
    pub(crate) fn optional(self) -> Result<Option<&'a str>, Fault> {
        let not_utf8 = |_| Fault::wrong(Own::NotUtf8, format!("{} is not UTF-8", self.name));
        self.text.map(CStr::to_str).transpose().map_err(not_utf8)
    }

    /// Returns a path of this machine, which needs not be UTF-8.
    pub(crate) fn path(self) -> Result<&'a Path, Fault> {
        let bytes = self.text.ok_or_else(|| Fault::null(self.name))?.to_bytes();
        if bytes.is_empty() {
            return Err(Fault::argument(format!("{} is empty", self.name)));
        }
        Ok(Path::new(OsStr::from_bytes(bytes)))
    }
}

/// An array of texts.
pub(crate) struct Texts<'a> {
    pointers: Option<&'a [*const c_char]>,
    name: &'static str,
}

impl<'a> Texts<'a> {
    /// # Safety
    /// See the module; so is each element.
    pub(crate) unsafe fn of(pointer: *const *const c_char, count: usize, name: &'static str) -> Self {
        // SAFETY: by the contract it has so many elements, unless it is null.
        let pointers = unsafe { slice(pointer, count) };
        Self { pointers, name }
    }

    /// Returns the texts.
    pub(crate) fn get(&self) -> Result<Vec<Text<'a>>, Fault> {
        let pointers = self.pointers.ok_or_else(|| Fault::null(self.name))?;
        // SAFETY: whoever made this took over the contract for each element.
        Ok(pointers.iter().map(|pointer| unsafe { Text::of(*pointer, self.name) }).collect())
    }
}

/// Bytes that are read.
pub(crate) struct Bytes<'a>(Option<&'a [u8]>);

impl<'a> Bytes<'a> {
    /// # Safety
    /// See the module.
    pub(crate) unsafe fn of(pointer: *const u8, length: usize) -> Self {
        // SAFETY: by the contract it has so many bytes, unless it is null.
        Self(unsafe { slice(pointer, length) })
    }

    pub(crate) fn get(&self) -> Result<&'a [u8], Fault> {
        self.0.ok_or_else(|| Fault::null("data"))
    }
}

/// A buffer that is filled.
pub(crate) struct Buffer<'a>(Option<&'a mut [u8]>);

impl<'a> Buffer<'a> {
    /// # Safety
    /// See the module. Its bytes may be of any value, and are only written.
    pub(crate) unsafe fn of(pointer: *mut u8, length: usize) -> Self {
        let is_valid = !pointer.is_null() && isize::try_from(length).is_ok();
        if length == 0 {
            return Self(Some(&mut []));
        }
        // SAFETY: by the contract it has so many bytes that nobody else uses; no slice is larger than `isize`.
        Self(is_valid.then(|| unsafe { std::slice::from_raw_parts_mut(pointer, length) }))
    }

    pub(crate) fn get(self) -> Result<&'a mut [u8], Fault> {
        self.0.ok_or_else(|| Fault::null("buffer, or it is larger than memory,"))
    }
}

/// # Safety
/// It has so many elements that nobody changes, or is null.
unsafe fn slice<'a, T>(pointer: *const T, count: usize) -> Option<&'a [T]> {
    if count == 0 {
        return Some(&[]);
    }
    let bytes = count.checked_mul(size_of::<T>()).filter(|bytes| isize::try_from(*bytes).is_ok());
    let is_valid = !pointer.is_null() && pointer.is_aligned() && bytes.is_some();
    // SAFETY: it is not null but aligned, has so many elements by the contract, and no more than a slice may have.
    is_valid.then(|| unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// A struct that begins with its size.
pub(crate) trait Versioned: Sized {
    /// Its name in C.
    const NAME: &'static str;
}

/// A struct that was shorter in earlier versions: what it has now begins with what it had then.
pub(crate) trait Grown: Versioned + Copy {
    /// The sizes that it had.
    const EARLIER: &'static [usize];
}

/// Fails if a struct does not have the size that this version knows. It is told from that field alone, and nothing else is read.
fn check_size<T: Versioned>(pointer: *const T) -> Result<(), Fault> {
    check_sizes(pointer, &[]).map(drop)
}

/// Returns the size of a struct, and fails if it is neither that of this version nor an earlier one.
fn check_sizes<T: Versioned>(pointer: *const T, earlier: &[usize]) -> Result<usize, Fault> {
    if !pointer.is_aligned() {
        return Err(Fault::argument(format!("{} is at an address that no such struct has", T::NAME)));
    }
    // SAFETY: the pointer is not null but aligned, and every struct begins with its size: so much of it is there by the contract.
    let size = unsafe { pointer.cast::<usize>().read() };
    if size == size_of::<T>() || earlier.contains(&size) {
        return Ok(size);
    }
    let why = format!("{} has struct_size {size}, not {}: initialise it with REMOFILE_INIT", T::NAME, size_of::<T>());
    Err(Fault::wrong(Own::WrongSize, why))
}

/// A struct that is read: options.
pub(crate) struct In<'a, T>(*const T, PhantomData<&'a T>);

impl<'a, T: Versioned> In<'a, T> {
    /// # Safety
    /// See the module; at least its first field, the size, is there.
    pub(crate) unsafe fn of(pointer: *const T) -> Self {
        Self(pointer, PhantomData)
    }

    pub(crate) fn get(&self) -> Result<&'a T, Fault> {
        self.optional()?.ok_or_else(|| Fault::null(T::NAME))
    }

    pub(crate) fn optional(&self) -> Result<Option<&'a T>, Fault> {
        if self.0.is_null() {
            return Ok(None);
        }
        check_size(self.0)?;
        // SAFETY: it is not null, has the size of this version, and nobody changes it during the call.
        Ok(Some(unsafe { &*self.0 }))
    }
}

/// A place that is written to.
pub(crate) struct Out<'a, T>(*mut T, PhantomData<&'a mut T>);

impl<'a, T> Out<'a, T> {
    /// # Safety
    /// See the module: it is null, or valid to be written.
    pub(crate) unsafe fn of(pointer: *mut T) -> Self {
        Self(pointer, PhantomData)
    }

    /// A place of our own.
    #[cfg(test)]
    pub(crate) fn of_mut(place: &'a mut T) -> Self {
        Self(place, PhantomData)
    }

    /// Refuses null.
    pub(crate) fn required(self, name: &str) -> Result<Self, Fault> {
        if self.0.is_null() { Err(Fault::null(name)) } else { Ok(self) }
    }

    /// Writes a value, unless it is null.
    pub(crate) fn put(&self, value: T) {
        if !self.0.is_null() {
            // SAFETY: it is not null, and by the contract valid to be written, wherever it begins. What was there is C's.
            unsafe { self.0.write_unaligned(value) };
        }
    }
}

impl<'a, T: Versioned> Out<'a, T> {
    /// Returns the struct with a size, unless it is null.
    pub(crate) fn optional(self) -> Result<Option<&'a mut T>, Fault> {
        if self.0.is_null() {
            return Ok(None);
        }
        check_size(self.0)?;
        // SAFETY: it is not null, has the size of this version, and is the caller's alone. All of its fields take any bits.
        Ok(Some(unsafe { &mut *self.0 }))
    }

    pub(crate) fn get(self) -> Result<&'a mut T, Fault> {
        self.optional()?.ok_or_else(|| Fault::null(T::NAME))
    }
}

impl<'a, T: Grown> Out<'a, T> {
    /// Returns the struct of this version or an earlier one; null is refused.
    pub(crate) fn grown(self) -> Result<GrownOut<'a, T>, Fault> {
        let named = self.required(T::NAME)?;
        let bytes = check_sizes(named.0, T::EARLIER)?;
        Ok(GrownOut { place: named, bytes })
    }
}

/// A struct that is written to as far as the caller's version has it.
pub(crate) struct GrownOut<'a, T> {
    place: Out<'a, T>,
    /// Its size, which is at most that of this version.
    bytes: usize,
}

impl<T: Grown> GrownOut<'_, T> {
    /// Writes all but the size, which stays the caller's.
    pub(crate) fn put(&self, value: &T) {
        let (from, to) = (std::ptr::from_ref(value).cast::<MaybeUninit<u8>>(), self.place.0.cast::<MaybeUninit<u8>>());
        let (first, bytes) = (size_of::<usize>(), self.bytes.min(size_of::<T>()));
        // SAFETY: the caller's struct has so many bytes, by its own word and the contract, and is the caller's alone; the value
        // has at least as many. Both begin with their size, behind which the copy begins. Every field takes any bits.
        unsafe { std::ptr::copy_nonoverlapping(from.add(first), to.add(first), bytes.saturating_sub(first)) };
    }
}

impl<'a, const N: usize> Out<'a, [c_char; N]> {
    /// Returns the room for a text.
    pub(crate) fn room(self, name: &str) -> Result<&'a mut [c_char; N], Fault> {
        // SAFETY: it is null, or valid to be written and the caller's alone; a byte takes any bits and is at any address.
        unsafe { self.0.as_mut() }.ok_or_else(|| Fault::null(name))
    }
}
