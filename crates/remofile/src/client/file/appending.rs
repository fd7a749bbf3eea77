//! Bytes appended to a file, once each: also where the answer is lost, and another server is asked.
//!
//! An append names the version that the file has. So the same request can be made again: if the first was done, the file has
//! another version, and what stands at its former end tells whose bytes came there.

use super::parts::{Change, Changed, KnownFile, Remote, Writing};
use crate::client::servers::again::uncertain;
use crate::client::servers::repeated::{Repeated, is_lost, is_not_begun};
use crate::error::{Error, Result};
use remofile_protocol::wire::{Entry, ErrorCode};
use std::io;

/// Times that an append begins anew because other programs appended first.
const MOST_TIMES: usize = 8;

/// The content where bytes were to be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// This many of them.
    Ours(usize),
    /// Those of another program, which came first.
    Others,
    /// Nobody can tell.
    Unknown,
}

impl Remote {
    /// Appends bytes, wherever the file ends by then.
    ///
    /// # Errors
    /// [`Error::ConnectionLost`] if nobody can tell whether they were appended.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<Changed> {
        let mut may_be_there = false;
        self.append_noting(bytes, &mut may_be_there).map_err(|error| match error {
            // An attempt before was lost, though nothing was begun with the last one.
            error if may_be_there && (is_not_begun(&error) || is_lost(&error)) => uncertain(error),
            error => error,
        })
    }

    /// Appends bytes, and notes whether an attempt may have been made that nobody has confirmed.
    fn append_noting(&mut self, bytes: &[u8], may_be_there: &mut bool) -> Result<Changed> {
        let (mut rest, mut was_another) = (bytes, false);
        for _ in 0..MOST_TIMES {
            let (before, identity) = (self.size, self.identity());
            let (result, is_unsure) = self.append_if(rest);
            *may_be_there |= is_unsure;
            match result {
                Ok(entry) => return Ok(Changed { entry, was_another }),
                Err(Error::Remote(failure)) if failure.code == ErrorCode::SourceChanged => {
                    // No answer was lost, so nothing was done, and what was sent is not there to be found.
                    let sought = if is_unsure { rest } else { &[] };
                    let (entry, found) = self.look_at_end(before, identity, sought)?;
                    match if is_unsure { found } else { Found::Ours(0) } {
                        Found::Ours(count) if count == rest.len() => {
                            was_another |= entry.size != before + count as u64;
                            return Ok(Changed { entry, was_another });
                        }
                        Found::Ours(count) => {
                            was_another |= !is_unsure;
                            rest = &rest[count..];
                        }
                        Found::Others => was_another = true,
                        Found::Unknown => return Err(unknown("another program has changed the file since")),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        // Others append all the time. Now it is done whatever version there is, and not again.
        self.version = None;
        let (result, is_unsure) = self.append_if(rest);
        *may_be_there |= is_unsure;
        result.map(|entry| Changed { entry, was_another: true })
    }

    /// Appends to the version that is known. Returns as well whether the answer of an attempt was lost.
    fn append_if(&mut self, bytes: &[u8]) -> (Result<Entry>, bool) {
        let change = Change { pieces: &[(0, bytes)], append: true, ..Change::default() };
        let (request, mut on_waiting, mut is_unsure) = (self.write_request(change), self.on_waiting(), false);
        let repeated = if self.version.is_some() { Repeated::Same } else { Repeated::Different };
        let context = self.client.context();
        let done = self.client.again(repeated, &context, |client, context| {
            let asked = client.asked;
            let result = client.call_in(context, request.clone(), &mut Writing::new(change, &mut on_waiting));
            is_unsure |= result.as_ref().is_err_and(|error| client.may_be_done(asked, error));
            result
        });
        self.client.lend();
        (done.and_then(|done| self.learn(done)), is_unsure)
    }

    /// Looks at what stands behind the former end of the file, and takes over its version.
    fn look_at_end(&mut self, end: u64, identity: Option<u64>, bytes: &[u8]) -> Result<(Entry, Found)> {
        let known = KnownFile { version: None, growing: None };
        let mut looks = 1;
        let (entry, there) = loop {
            match self.read_known(end, bytes.len() as u64, known, Vec::new()) {
                // Others append meanwhile.
                Err(Error::Remote(failure)) if failure.code == ErrorCode::SourceChanged && looks < MOST_TIMES => {
                    looks += 1;
                }
                read => break read?,
            }
        };
        let is_same_file = match (identity, self.identity()) {
            (Some(before), Some(now)) => before == now,
            _ => true,
        };
        let found = if is_same_file && entry.size >= end { compare(&there, bytes) } else { Found::Unknown };
        Ok((entry, found))
    }
}

/// Compares what stands at the end of the file with what was to be appended.
fn compare(there: &[u8], ours: &[u8]) -> Found {
    let common = there.iter().zip(ours).take_while(|(one, other)| one == other).count();
    match common {
        // All of ours, or as much of them as the server had written when it died.
        common if common == there.len() => Found::Ours(common),
        0 => Found::Others,
        _ => Found::Unknown,
    }
}

fn unknown(why: &str) -> Error {
    Error::outcome_unknown(io::ErrorKind::Other, why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_at_the_end_tells_whose_bytes_came_there() {
        for (there, found) in [
            ("", Found::Ours(0)),
            ("li", Found::Ours(2)),
            ("line", Found::Ours(4)),
            ("other", Found::Others),
            ("lion", Found::Unknown),
        ] {
            assert_eq!(compare(there.as_bytes(), b"line"), found, "{there}");
        }
    }
}
