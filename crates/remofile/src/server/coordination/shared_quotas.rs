//! The shared knowledge of all servers of what is used below the directories that have quotas: a record of each is a
//! value of the coordinator.

use super::coordinator::SharedValue;
use crate::store::Meters;
use remofile_protocol::path::RemotePath;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

/// The beginning of the keys of records.
const RECORDS: &str = "quotas";

/// The end of the key of a record, which no path has: so no key is the beginning of another one.
const END: &str = "/.";

/// The key of the question for what was not told yet.
pub(super) const QUESTION: &str = "tell";

/// The meters of a server among others.
#[derive(Default)]
pub(super) struct SharedQuotas {
    pub(super) meters: OnceLock<Weak<Meters>>,
    /// The revision of the last question, and of the last that was answered.
    pub(super) asked: AtomicU64,
    pub(super) answered: AtomicU64,
}

impl SharedQuotas {
    pub(super) fn meters(&self) -> Option<Arc<Meters>> {
        self.meters.get()?.upgrade()
    }

    pub(super) fn distrust_shares(&self) {
        self.meters().iter().for_each(|meters| meters.distrust_shares());
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire) > self.answered.load(Ordering::Acquire)
    }

    /// Takes note of a value that was seen.
    pub(super) fn note(&self, value: &SharedValue) {
        if value.key == QUESTION {
            self.asked.fetch_max(value.modified, Ordering::AcqRel);
        } else if let Some(directory) = directory_of_key(&value.key)
            && let Ok(record) = minicbor::decode(&value.value)
            && let Some(meters) = self.meters()
        {
            meters.see(&directory, record, value.modified);
        }
    }
}

pub(super) fn key(directory: &RemotePath) -> String {
    format!("{RECORDS}{directory}{END}")
}

fn directory_of_key(key: &str) -> Option<RemotePath> {
    key.strip_prefix(RECORDS)?.strip_suffix(END)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_directory_is_no_beginning_of_another_one() {
        for text in ["/", "/a", "/a/b", "/quotas"] {
            let directory: RemotePath = text.parse().unwrap();
            assert_eq!(directory_of_key(&key(&directory)), Some(directory.clone()), "{text}");
            for other in ["/a/c", "/ab", "/a/b/c"] {
                assert!(!key(&other.parse().unwrap()).starts_with(&key(&directory)), "{text} {other}");
            }
        }
    }
}
