//! Signatures of the blocks of files, for a client that looks for them in its own.

use super::listing::{Elements, Listing, failed};
use crate::delta::Signer;
use crate::store::{Store, StoreResult};
use crate::transfer::Next;
use remofile_protocol::limits::{MAX_SIGNED_BLOCK_BYTES, MIN_SIGNED_BLOCK_BYTES};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Element, Entry, ErrorCode, Failure, ToSign};
use std::sync::Arc;
use std::time::Duration;

/// Signatures in one element at most, in bytes.
const ELEMENT_BYTES: usize = 24 * 1024;

/// Steps after which signatures are told, some MiB each: the client searches meanwhile for what they are of.
const ELEMENT_STEPS: u32 = 4;

/// Time for which signatures wait for more of them.
const PATIENCE: Duration = Duration::from_millis(5);

/// Signatures of files, one after the other.
pub(super) struct Signing {
    store: Arc<dyn Store>,
    files: std::vec::IntoIter<ToSign>,
    current: Option<Current>,
}

struct Current {
    path: RemotePath,
    entry: Entry,
    signer: Signer,
    signatures: Vec<u8>,
    /// Steps of which the signatures are.
    steps: u32,
    is_done: bool,
}

pub(super) fn sign(store: &Arc<dyn Store>, files: Vec<ToSign>) -> Listing<Signing> {
    Listing::new(Signing { store: Arc::clone(store), files: files.into_iter(), current: None })
}

impl Current {
    /// Reports whether its signatures are worth an element.
    fn has_enough(&self) -> bool {
        self.signatures.len() >= ELEMENT_BYTES || self.steps >= ELEMENT_STEPS && !self.signatures.is_empty()
    }
}

impl Elements for Signing {
    fn patience(&self) -> Duration {
        PATIENCE
    }

    /// Beside the files that were named.
    fn memory_bytes(&self) -> u64 {
        let current = |current: &Current| current.signer.memory_bytes() + current.signatures.capacity() as u64;
        self.current.as_ref().map_or(0, current)
    }

    fn next(&mut self) -> Next<Element> {
        let Some(mut current) = self.current.take() else {
            return match self.files.next() {
                None => Next::End,
                Some(file) => {
                    let path = file.path.clone();
                    match begin(&*self.store, file) {
                        Ok(begun) => {
                            self.current = Some(begun);
                            Next::Working
                        }
                        Err(failure) => failed(failure.at(path)),
                    }
                }
            };
        };
        while !current.is_done && !current.has_enough() {
            match current.signer.step(&mut current.signatures) {
                Ok(is_done) => current.is_done = is_done,
                Err(failure) => return failed(failure.at(current.path)),
            }
            current.steps += 1;
            // A step reads some MiB: other operations have their turn before the next one.
            if !current.has_enough() && !current.is_done {
                self.current = Some(current);
                return Next::Working;
            }
        }
        current.steps = 0;
        // The entry comes last, since the digest is known only after all bytes were read.
        if current.signatures.is_empty() {
            let Current { entry, signer, .. } = current;
            return Next::Item(Element::Signed { entry, digest: signer.digest() });
        }
        // A step over small blocks makes more signatures than fit in an element.
        let rest = current.signatures.split_off(current.signatures.len().min(ELEMENT_BYTES));
        let signatures = std::mem::replace(&mut current.signatures, rest);
        self.current = Some(current);
        Next::Item(Element::Signatures(signatures))
    }
}

fn begin(store: &dyn Store, file: ToSign) -> StoreResult<Current> {
    let ToSign { path, block_bytes, seed, parts, undigested } = file;
    if !(MIN_SIGNED_BLOCK_BYTES..=MAX_SIGNED_BLOCK_BYTES).contains(&block_bytes) {
        return Err(Failure::new(ErrorCode::BadRequest).because("blocks of a size that is not signed"));
    }
    let source = store.open(&path)?;
    let entry = source.entry().clone();
    let whole = parts.is_empty();
    let mut ranges = Vec::with_capacity(parts.len().max(1));
    let mut last = 0;
    for part in parts {
        let end = part.offset.checked_add(part.length).filter(|end| *end <= entry.size);
        let Some(end) = end else { return Err(Failure::new(ErrorCode::SourceChanged).because("it became shorter")) };
        if part.offset < last {
            return Err(Failure::new(ErrorCode::BadRequest).because("parts in no sensible order"));
        }
        last = end;
        ranges.push(part.offset..end);
    }
    // The signer takes no empty range.
    if whole && entry.size > 0 {
        ranges.push(0..entry.size);
    }
    let signer = Signer::new(source, block_bytes, ranges, seed, whole && !undigested)?;
    Ok(Current { path, entry, signer, signatures: Vec::new(), steps: 0, is_done: false })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test makes a file itself")]
mod tests {
    use super::*;
    use crate::store::{LocalStore, StoreOptions};

    #[test]
    fn the_signatures_of_a_large_file_come_while_it_is_signed() {
        let root = tempfile::tempdir().unwrap();
        std::fs::File::create(root.path().join("f")).unwrap().set_len(50 << 20).unwrap();
        let store: Arc<dyn Store> = Arc::new(LocalStore::open(root.path(), StoreOptions::default()).unwrap());
        let path = "/f".parse().unwrap();
        let file = ToSign { path, block_bytes: 128 * 1024, seed: 7, parts: Vec::new(), undigested: true };
        let mut signing = Signing { store, files: vec![file].into_iter(), current: None };
        let mut come = Vec::new();
        loop {
            match signing.next() {
                Next::Item(Element::Signatures(signatures)) => come.push(signatures.len() / 12),
                Next::Item(_) => break,
                Next::Working => {}
                Next::End | Next::Pending => panic!("the file has a size"),
            }
        }
        assert_eq!(come.iter().sum::<usize>(), 400);
        assert!(come.len() > 2 && come.iter().all(|count| *count <= 128), "{come:?}");
    }
}
