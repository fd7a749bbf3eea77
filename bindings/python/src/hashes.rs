//! Hashes of files and the room of disks, as Python takes them.

use pyo3::PyResult;
use pyo3::exceptions::PyValueError;
use remofile::protocol::hash::{HashAlgorithm, hex};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::ErrorCode;
use remofile::{Client, Error, HashOptions};

/// Reads the name of an algorithm.
///
/// # Errors
/// `ValueError` with the names that there are.
pub(crate) fn hash_algorithm(name: &str) -> PyResult<HashAlgorithm> {
    HashAlgorithm::of_name(name).ok_or_else(|| {
        let known = HashAlgorithm::EVERY.map(HashAlgorithm::name).join(", ");
        PyValueError::new_err(format!("there is no algorithm {name:?}: choose one of {known}"))
    })
}

/// Has the server hash one file. Returns hexadecimal digits.
pub(crate) fn hash(client: &mut Client, path: &RemotePath, algorithm: HashAlgorithm) -> Result<String, Error> {
    let mut answered = Err(Error::Remote(ErrorCode::NotFound.into()));
    let options = HashOptions { algorithm, recursive: false };
    client.hash(vec![path.clone()], options, &mut |answer| {
        answered = answer.map(|file| hex(&file.hash)).map_err(Error::Remote);
        Ok(())
    })?;
    answered
}

/// Paths of files and their hashes in hexadecimal digits, and what is told of names that no path can hold.
type Hashes = (Vec<(String, String)>, Vec<String>);

/// Has the server hash all files below a path.
///
/// # Errors
/// That of the first file that cannot be read; what ends the call.
pub(crate) fn hashes(client: &mut Client, path: &RemotePath, algorithm: HashAlgorithm) -> Result<Hashes, Error> {
    let (mut hashed, mut unlisted, mut failed) = (Vec::new(), Vec::new(), None);
    client.hash(vec![path.clone()], HashOptions { algorithm, recursive: true }, &mut |answer| {
        match answer {
            Ok(file) => {
                let below = match file.below.is_empty() {
                    true => Ok(path.clone()),
                    false => path.join(&file.below),
                };
                let path = below.map_err(|why| Error::Protocol(format!("it hashed what has no path: {why}")))?;
                hashed.push((path.to_string(), hex(&file.hash)));
            }
            Err(failure) if failure.code == ErrorCode::InvalidName => unlisted.push(failure.to_string()),
            Err(failure) => failed = failed.take().or(Some(failure)),
        }
        Ok(())
    })?;
    failed.map_or(Ok((hashed, unlisted)), |failure| Err(Error::Remote(failure)))
}

/// Returns the bytes that a disk has, that are used, and that are left.
pub(crate) fn disk_usage(client: &mut Client, path: &RemotePath) -> Result<(u64, u64, u64), Error> {
    client.disk_space(path).map(|space| (space.size, space.used, space.free))
}

/// The bytes that are used, that may be, and that are left, as far as they are known.
type Usage = (Option<u64>, Option<u64>, Option<u64>);

/// Returns what is used of the room that a token has.
pub(crate) fn usage(client: &mut Client) -> Result<Usage, Error> {
    client.usage().map(|usage| (usage.used, usage.quota, usage.free()))
}
