//! The targets of symbolic links.

use super::result::StoreResult;
use remofile_protocol::wire::{ErrorCode, Failure};

/// Longest target that one system call takes, without its final NUL, in bytes.
const MOST_TARGET_BYTES: usize = 4095;

pub(super) fn refuse_malformed(target: &str) -> StoreResult<()> {
    let problem = match target {
        "" => "the target of a symbolic link cannot be empty",
        _ if target.len() > MOST_TARGET_BYTES => "the target of the symbolic link is longer than 4095 bytes",
        _ if target.chars().any(char::is_control) => "the target of the symbolic link has control characters",
        _ => return Ok(()),
    };
    Err(Failure::new(ErrorCode::InvalidName).because(problem))
}

/// Refuses a target that leads out of the root or scope, or to what is the store's own. `names` lead to the
/// directory that the link is in, itself no link anywhere on the way; `is_staging` tells of a name at the place where they
/// begin. A target that uses `..` after a name gets anywhere if that name is a link or becomes one: so all `..` have to
/// come first.
pub(super) fn refuse_leading_out(
    is_staging: &dyn Fn(&[u8]) -> bool,
    is_in_scope: bool,
    names: &[u8],
    target: &str,
) -> StoreResult<()> {
    let outside = |why: &str| Err(Failure::new(ErrorCode::OutsideRoot).because(why));
    if target.starts_with('/') {
        return outside("its target is an absolute path: make it a relative one at the source, or leave links out");
    }
    let mut place: Vec<&[u8]> = names.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).collect();
    let mut goes_down = false;
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." if goes_down => {
                return outside(
                    "its target uses '..' after a name, which could become a link and so lead out: shorten the target at \
                     the source, or leave links out",
                );
            }
            ".." if place.pop().is_none() => {
                return outside(if is_in_scope {
                    "its target is not in what was asked for: ask for a directory that both are in, or leave links out"
                } else {
                    "its target is not in that directory"
                });
            }
            ".." => {}
            _ if place.is_empty() && is_staging(name.as_bytes()) => {
                return outside("its target is the directory of unfinished transfers");
            }
            _ => {
                goes_down = true;
                place.push(name.as_bytes());
            }
        }
    }
    Ok(())
}
