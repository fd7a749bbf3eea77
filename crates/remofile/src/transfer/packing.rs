//! The options, the outcome and the monitor of packing.

use super::compress::CompressLevel;
use super::trouble::Stop;
use crate::store::StoreResult;
use remofile_protocol::digest::DigestKind;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Item, SendOptions, Version};
use std::num::NonZeroU32;

/// The outcome of filling a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Packed {
    /// These items, whose bytes are in the message.
    Items(Vec<Item>),
    /// Nothing yet, but there is more to do.
    Working,
    /// More credit is needed, or more sources.
    Blocked,
    /// The monitor wanted no more.
    Stopped,
    /// Everything was sent.
    Finished,
}

/// A monitor of a packer, which learns what is packed, as it is packed.
pub trait PackerMonitor {
    /// Learns that a file begins, which the receiver has up to `offset`.
    fn started(&mut self, _path: &str, _size: u64, _offset: u64) {}
    /// Learns the path in its store of a file whose content is packed from now on.
    fn opened(&mut self, _path: &RemotePath) {}
    /// Learns that bytes of its content were packed.
    fn packed(&mut self, _bytes: u64) {}
    /// Learns that the file was packed completely.
    fn finished(&mut self, _path: &str, _size: u64) {}
    /// Learns that a file will not be sent.
    fn failed(&mut self, _failure: &Failure) {}
    /// Learns that a file is at the destination already.
    fn present(&mut self, _path: &str, _size: u64) {}
    /// Learns that a directory was packed.
    fn directory(&mut self) {}
    /// Learns that a change without content was packed.
    fn changed(&mut self, _item: &Item) {}
    /// Returns the size of the chunks that it wants to see, in bytes; `None` for none.
    fn chunk_size(&self) -> Option<NonZeroU32> {
        None
    }
    /// Sees a chunk that is about to be packed.
    ///
    /// # Errors
    /// [`Stop`], to end the transfer.
    fn chunk(&mut self, _chunk: &[u8], _remaining: u64, _size: u64, _path: &str) -> Result<(), Stop> {
        Ok(())
    }
}

/// Options of a packer.
#[derive(Debug, Clone, Copy)]
pub struct PackerOptions {
    /// Largest file, in bytes. Larger files fail.
    pub file_size_limit: u64,
    /// As the receiver wants them.
    pub send: SendOptions,
    /// Its level of compression, which zstd has.
    pub(super) level: Option<CompressLevel>,
    /// True if directories are sent with their permissions, if permissions are kept.
    pub directory_modes: bool,
    /// The digest that ends files.
    pub digest: DigestKind,
    /// The version of the file that must be replaced, in an upload of one file in place of a certain version.
    pub replaces: Option<Version>,
}

impl PackerOptions {
    /// As a client asked for, be it of itself or of a server.
    ///
    /// # Errors
    /// `bad-request` if it asked for a level that zstd does not have.
    pub fn of(send: SendOptions, file_size_limit: u64, digest: DigestKind) -> StoreResult<Self> {
        let level = |level| {
            let unknown = || Failure::new(ErrorCode::BadRequest).because("there is no such level of compression");
            CompressLevel::new(level).ok_or_else(unknown)
        };
        let level = send.compress_level.map(level).transpose()?;
        Ok(Self { file_size_limit, send, level, directory_modes: true, digest, replaces: None })
    }
}
