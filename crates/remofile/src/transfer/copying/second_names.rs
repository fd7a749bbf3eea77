//! The names of files that have several, in a copy: the file is copied once, and the copy gets the others when everything is
//! copied, since it may wait to become visible until then.

use crate::transfer::memory::ALLOCATION_BYTES;
use remofile_protocol::path::RemotePath;
use std::collections::{HashMap, VecDeque};

/// Files with several names that were copied, and the names that their copies are to get.
#[derive(Default)]
pub(super) struct SecondNames {
    /// The copies by the numbers that the names of their sources share.
    copies: HashMap<u128, RemotePath>,
    later: VecDeque<SecondName>,
    bytes: usize,
}

/// Another name of a copy.
pub(super) struct SecondName {
    /// The name that the source has.
    pub(super) from: RemotePath,
    pub(super) of: RemotePath,
    pub(super) path: RemotePath,
}

impl SecondNames {
    /// Takes the path of another name of a file that is copied already; whether there is one.
    pub(super) fn takes(&mut self, number: u128, from: &RemotePath, path: &RemotePath) -> bool {
        let Some(of) = self.copies.get(&number) else { return false };
        let texts = from.as_str().len() + of.as_str().len() + path.as_str().len();
        self.bytes += size_of::<SecondName>() + texts + 3 * ALLOCATION_BYTES;
        self.later.push_back(SecondName { from: from.clone(), of: of.clone(), path: path.clone() });
        true
    }

    /// Adds the copy of a file.
    pub(super) fn add(&mut self, number: u128, copy: &RemotePath) {
        self.bytes += size_of::<(u128, RemotePath)>() + copy.as_str().len() + ALLOCATION_BYTES;
        self.copies.insert(number, copy.clone());
    }

    /// Gives the next name that a copy is to get.
    pub(super) fn next(&mut self) -> Option<SecondName> {
        self.later.pop_front()
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        self.bytes as u64
    }
}
