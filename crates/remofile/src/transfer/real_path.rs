//! Paths without links.

use crate::store::{Store, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::ErrorCode;

/// Links that are followed on one way at most.
const MOST_LINKS: usize = 40;

/// Returns the path that a path leads to when every link on the way is followed.
///
/// # Errors
/// `outside-root`, `link-loop`, `not-found`, ...
pub fn real_path(store: &dyn Store, path: &RemotePath) -> StoreResult<RemotePath> {
    let mut rest: Vec<String> = path.names().map(str::to_owned).collect();
    rest.reverse();
    let (mut at, mut links) = (RemotePath::root(), 0);
    while let Some(name) = rest.pop() {
        match name.as_str() {
            "" | "." => continue,
            ".." => {
                at = at.parent().ok_or(ErrorCode::OutsideRoot)?;
                continue;
            }
            _ => {}
        }
        let next = at.join(&name)?;
        match store.read_link(&next) {
            Ok(_) if links == MOST_LINKS => return Err(ErrorCode::LinkLoop.into()),
            Ok(target) if target.starts_with('/') => return Err(ErrorCode::OutsideRoot.into()),
            Ok(target) => {
                links += 1;
                rest.extend(target.split('/').rev().map(str::to_owned));
            }
            Err(failure) if failure.code == ErrorCode::BadRequest => at = next,
            Err(failure) => return Err(failure),
        }
    }
    Ok(at)
}
