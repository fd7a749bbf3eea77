//! Entries that would be made for a new path, told and not done.

use crate::failed::Result;
use crate::output::{self, json};
use remofile::protocol::handshake::Right;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure, Kind};
use remofile::{Client, Error};

/// The kind of entry that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Making {
    File,
    Directory { parents: bool },
}

/// Prints what would be made, a path a line, or fails as the server would; `update` admits what is there.
pub(super) fn foretell(
    client: &mut Client,
    path: &RemotePath,
    making: Making,
    update: bool,
    is_json: bool,
) -> Result<()> {
    let refuse = |failure: Failure| Err(Error::Remote(failure).into());
    client.refuse_without(&[Right::Create], path)?;
    if making == Making::File && update {
        client.refuse_without(&[Right::Replace], path)?;
    }
    let (names, may_look) = (client.server()?.names, client.server()?.rights.has(Right::Read));
    if let Err(invalid) = path.check(names) {
        return refuse(Failure::from(invalid).at(path));
    }
    let wanted = if making == Making::File { Kind::File } else { Kind::Directory };
    let action = if making == Making::File { "create" } else { "mkdir" };
    let mut lines = Vec::new();
    match if may_look { kind(client, path)? } else { None } {
        Some(kind) if !update || kind != wanted => return refuse(Failure::new(ErrorCode::AlreadyExists).at(path)),
        Some(_) if making == Making::File => lines.push(("touch", path.clone())),
        Some(_) => {}
        // What a token may not look at is taken for free, and what it is in for there.
        None if !may_look => lines.push((action, path.clone())),
        None => {
            lines.push((action, path.clone()));
            let mut above = path.parent();
            while let Some(parent) = above {
                match (kind(client, &parent)?, making) {
                    (Some(Kind::Directory), _) => break,
                    (Some(_), _) => return refuse(Failure::new(ErrorCode::NotADirectory).at(parent)),
                    (None, Making::Directory { parents: true }) => lines.push(("mkdir", parent.clone())),
                    (None, _) => return refuse(Failure::new(ErrorCode::NotFound).at(parent)),
                }
                above = parent.parent();
            }
        }
    }
    let line = |(action, path): &(&str, RemotePath)| match is_json {
        true => format!("{}\n", json::would_make(action, path)),
        false => format!("{path}{}\n", if *action == "mkdir" { "/" } else { "" }),
    };
    output::data(&lines.iter().rev().map(line).collect::<String>())
}

/// Returns the kind of what a path leads to, if there is something.
fn kind(client: &mut Client, path: &RemotePath) -> Result<Option<Kind>> {
    match client.stat(path) {
        Ok(entry) => Ok(Some(entry.kind)),
        Err(Error::Remote(failure)) if matches!(failure.code, ErrorCode::NotFound | ErrorCode::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
