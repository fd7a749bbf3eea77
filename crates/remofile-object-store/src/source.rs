//! Files of a bucket that are read: by ranges, ahead, several at once.

use super::client::Task;
use super::errors::wrong;
use super::head::{Got, Head};
use super::store::{Bucket, entry_of};
use bytes::Bytes;
use remofile::protocol::digest::digest;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Entry, ErrorCode, Version};
use remofile::store::{Extent, Source, StoreResult};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedSemaphorePermit;

/// Bytes that come with the first answer, which tells the attributes as well: most small files are read with it.
pub(crate) const FIRST_BYTES: u64 = 256 * 1024;

/// Bytes of a range, and the ranges that are under way while a file is read from one end to the other: at least, and at most. Those
/// beyond the least are counted for all files together.
const RANGE_BYTES: u64 = 8 * 1024 * 1024;
const LEAST_AHEAD: usize = 2;
const MOST_AHEAD: usize = 6;

/// A file that is read.
pub(crate) struct BucketSource {
    bucket: Arc<Bucket>,
    key: String,
    entry: Entry,
    head: Head,
    first: Bytes,
    reading: Mutex<Reading>,
}

/// The ranges that are held or come, one behind the other.
struct Reading {
    ranges: VecDeque<Held>,
    /// The place up to which was read last: whoever goes on there reads in order.
    position: u64,
}

struct Held {
    range: Range<u64>,
    state: State,
    /// Its place among the ranges of all files, if it is one beyond the least.
    permit: Option<OwnedSemaphorePermit>,
}

enum State {
    Coming(Task<Bytes>),
    Here(Bytes),
}

impl BucketSource {
    pub(crate) async fn open(bucket: &Arc<Bucket>, path: &RemotePath) -> StoreResult<Self> {
        let key = bucket.client.keys.file(path);
        let (head, first) = match bucket.client.get(&key, Some(0..FIRST_BYTES), None).await {
            Ok(Got { head, bytes }) if bytes.len() as u64 == head.size.min(FIRST_BYTES) => (head, bytes),
            Ok(_) => return Err(wrong("another part of an object than was asked for")),
            // An empty object has no range, which services tell in several ways.
            Err(failure) if matches!(failure.code, ErrorCode::BadRequest | ErrorCode::DiskFailure) => {
                let head = bucket.client.head(&key).await?.ok_or(ErrorCode::NotFound)?;
                if head.size > 0 {
                    return Err(failure);
                }
                (head, Bytes::new())
            }
            Err(failure) => return Err(failure),
        };
        let reading = Reading { ranges: VecDeque::new(), position: 0 };
        let (entry, bucket) = (entry_of(path.clone(), &head), Arc::clone(bucket));
        Ok(Self { bucket, key, entry, head, first, reading: Mutex::new(reading) })
    }

    /// Begins to open a file, beside others.
    pub(crate) fn begin_open(bucket: &Arc<Bucket>, path: &RemotePath) -> Option<Task<Self>> {
        let (shared, path) = (Arc::clone(bucket), path.clone());
        bucket.client.spawn(async move {
            let _turn = shared.turn().await;
            Self::open(&shared, &path).await
        })
    }

    /// Reports whether it is a file of this bucket.
    pub(crate) fn is_in(&self, bucket: &Arc<Bucket>) -> bool {
        Arc::ptr_eq(&self.bucket, bucket)
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    /// Returns the number of an object that tells it from any other.
    pub(crate) fn version_of(head: &Head) -> Version {
        Version(digest(format!("{} {} {}", head.etag, head.size, head.stored.seconds()).as_bytes()))
    }

    /// Begins to read a range.
    fn begin(&self, range: Range<u64>, permit: Option<OwnedSemaphorePermit>) -> StoreResult<Held> {
        let (bucket, key, etag, wanted) =
            (Arc::clone(&self.bucket), self.key.clone(), self.head.etag.clone(), range.clone());
        let task = self.bucket.client.spawn(async move {
            let bytes = bucket.client.get(&key, Some(wanted.clone()), Some(&etag)).await.map_err(gone)?.bytes;
            match bytes.len() as u64 == wanted.end - wanted.start {
                true => Ok(bytes),
                false => Err(wrong("fewer bytes of an object than it has")),
            }
        });
        Ok(Held { range, state: State::Coming(task.ok_or(ErrorCode::ShuttingDown)?), permit })
    }

    /// Reads some bytes that are not among the first.
    fn read_some(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let is_in_order = offset == reading.position;
        reading.ranges.retain(|held| held.range.end > offset && (is_in_order || held.range.contains(&offset)));
        if !reading.ranges.front().is_some_and(|held| held.range.contains(&offset)) {
            reading.ranges.clear();
        }
        let (ahead, least) = match is_in_order {
            true => (MOST_AHEAD, RANGE_BYTES),
            // Who reads here and there is given what was asked for.
            false => (1, buffer.len() as u64),
        };
        let mut begin = reading.ranges.back().map_or(offset, |held| held.range.end);
        while reading.ranges.len() < ahead && begin < self.head.size {
            let end = begin.saturating_add(least).min(self.head.size);
            let free = reading.ranges.iter().filter(|held| held.permit.is_none()).count();
            let permit = match free < LEAST_AHEAD {
                true => None,
                false => match Arc::clone(&self.bucket.ranges).try_acquire_owned() {
                    Ok(permit) => Some(permit),
                    // Others read as well.
                    Err(_) => break,
                },
            };
            let held = self.begin(begin..end, permit)?;
            reading.ranges.push_back(held);
            begin = end;
        }
        let Some(held) = reading.ranges.front_mut() else { return Ok(0) };
        if let State::Coming(task) = &mut held.state {
            let come = self.bucket.client.wait(task.outcome());
            match come {
                Ok(bytes) => held.state = State::Here(bytes),
                Err(failure) => {
                    reading.ranges.clear();
                    return Err(failure);
                }
            }
        }
        let State::Here(bytes) = &held.state else { return Ok(0) };
        let from = usize::try_from(offset - held.range.start).unwrap_or(usize::MAX);
        let copied = copy(bytes, from, buffer);
        reading.position = offset + copied as u64;
        Ok(copied)
    }
}

/// Copies what there is from a place on.
fn copy(bytes: &[u8], from: usize, buffer: &mut [u8]) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let count = rest.len().min(buffer.len());
    if let (Some(target), Some(source)) = (buffer.get_mut(..count), rest.get(..count)) {
        target.copy_from_slice(source);
    }
    count
}

/// An object that is not the one that was opened any more.
fn gone(failure: remofile::protocol::wire::Failure) -> remofile::protocol::wire::Failure {
    match failure.code {
        ErrorCode::NotFound => ErrorCode::SourceChanged.into(),
        _ => failure,
    }
}

impl Source for BucketSource {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize> {
        let mut done = 0;
        while done < buffer.len() {
            let place = offset + done as u64;
            let Some(rest) = buffer.get_mut(done..) else { break };
            let count = match usize::try_from(place).ok().filter(|place| *place < self.first.len()) {
                Some(from) => {
                    let count = copy(&self.first, from, rest);
                    self.reading.lock().unwrap_or_else(PoisonError::into_inner).position = place + count as u64;
                    count
                }
                None if place >= self.head.size => break,
                None => self.read_some(rest, place)?,
            };
            if count == 0 {
                break;
            }
            done += count;
        }
        Ok(done)
    }

    fn extent_at(&self, offset: u64) -> StoreResult<Extent> {
        Ok(Extent::Data(self.head.size.saturating_sub(offset)))
    }

    fn is_unchanged(&self) -> StoreResult<bool> {
        // An object is replaced and never changed, and this one is here as a whole.
        if self.first.len() as u64 == self.head.size {
            return Ok(true);
        }
        let client = &self.bucket.client;
        let now = client.wait(client.head(&self.key))?;
        Ok(now.is_some_and(|now| Self::version_of(&now) == Self::version_of(&self.head)))
    }

    fn has_left(&self) -> StoreResult<bool> {
        Ok(!self.is_unchanged()?)
    }

    fn as_any(&self) -> Option<&dyn std::any::Any> {
        Some(self)
    }

    fn version(&self) -> Version {
        Self::version_of(&self.head)
    }
}
