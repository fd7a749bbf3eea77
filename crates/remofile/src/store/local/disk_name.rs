//! Names as the disk has them. In a store that encodes names, the names of paths stand for others: see
//! [`remofile_protocol::path::encode_name`].

use crate::store::StoreResult;
use remofile_protocol::path::{FileName, NameRule, RemotePath, decode_name, to_encoded_name};
use remofile_protocol::wire::Failure;
use std::borrow::Cow;

/// A name in a directory of the disk, and the name that paths have for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DiskName {
    name: FileName,
    /// The name on the disk, if that is another.
    bytes: Option<Box<[u8]>>,
}

/// The encoding of a store's names; `None` where all names are what they are.
pub(super) type Encoding = Option<NameRule>;

impl DiskName {
    /// Returns what a name of a path is on the disk.
    ///
    /// # Errors
    /// `invalid-name` if names are encoded and nothing encodes to it.
    pub(super) fn of(name: FileName, encoding: Encoding) -> StoreResult<Self> {
        let bytes = match encoding {
            None => None,
            Some(_) => match decode_name(&name)? {
                Cow::Borrowed(_) => None,
                Cow::Owned(bytes) => Some(bytes.into()),
            },
        };
        Ok(Self { name, bytes })
    }

    /// Returns a name that is read from the disk.
    ///
    /// # Errors
    /// `invalid-name` if paths cannot hold it, or not encoded.
    pub(super) fn read(bytes: &[u8], encoding: Encoding) -> StoreResult<Self> {
        let Some(rule) = encoding else { return Ok(Self { name: FileName::from_bytes(bytes)?, bytes: None }) };
        let name = to_encoded_name(bytes, rule)?;
        let bytes = (name.as_str().as_bytes() != bytes).then(|| bytes.into());
        Ok(Self { name, bytes })
    }

    /// Returns the name on the disk.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or(self.name.as_str().as_bytes())
    }

    /// Returns the name that paths have for it.
    pub(super) fn in_paths(&self) -> &FileName {
        &self.name
    }
}

/// Returns the names of a path below a directory as they are on the disk, with slashes between them.
///
/// # Errors
/// `invalid-name` as [`DiskName::of`].
pub(super) fn disk_path(below: &str, encoding: Encoding) -> StoreResult<Cow<'_, [u8]>> {
    if encoding.is_none() || below.is_empty() {
        return Ok(Cow::Borrowed(below.as_bytes()));
    }
    let names = RemotePath::root().join(below).map_err(Failure::from)?;
    let mut bytes = Vec::with_capacity(below.len());
    let mut is_same = true;
    for name in names.names() {
        let name = DiskName::of(FileName::parse(name, NameRule::Posix)?, encoding)?;
        is_same &= name.bytes.is_none();
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name.bytes());
    }
    Ok(if is_same { Cow::Borrowed(below.as_bytes()) } else { Cow::Owned(bytes) })
}
