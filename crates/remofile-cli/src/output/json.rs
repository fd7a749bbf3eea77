//! Objects for scripts: one a line. `docs/commands.md` describes them.

use super::summary;
use super::time::seconds_since_1970;
use crate::advice::failure_with_advice;
use crate::exit::Exit;
use crate::failed::Failed;
use remofile::protocol::path::RemotePath;
use remofile::protocol::printable::harmless_json;
use remofile::protocol::token::Origin;
use remofile::protocol::wire::{Entry, Failure, Holder, Kind, PartialEntry};
use remofile::tokens::TokenUsage;
use remofile::{Error, Removed, ServerStatus, TokenEntry, TransferReport};
use serde_json::{Value, json};
use std::fmt;
use std::time::SystemTime;

/// An object as it is printed: on one line, in which nothing is left that a terminal or a log would obey instead of
/// showing it. Nothing else is printed with `--json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object(String);

impl Object {
    /// An object that was written by hand.
    pub(crate) fn written(json: String) -> Self {
        Self(harmless_json(json))
    }
}

impl From<&Value> for Object {
    fn from(value: &Value) -> Self {
        Self::written(value.to_string())
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An entry of a listing. Written by hand because its time needs more digits than a float has.
pub(crate) fn entry(entry: &Entry) -> Object {
    let path = Value::from(entry.path.as_str());
    let name = Value::from(entry.path.names().last().unwrap_or("/"));
    let kind = kind(entry.kind);
    let mtime = seconds_since_1970(entry.modified);
    let mode = octal(entry.mode);
    let size = entry.size;
    Object::written(format!(
        r#"{{"path":{path},"name":{name},"type":"{kind}","size":{size},"mtime":{mtime},"mode":{mode}}}"#
    ))
}

/// The name of a kind.
pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Link => "link",
        Kind::Special => "special",
    }
}

/// Permissions.
pub(super) fn octal(mode: Option<u32>) -> Value {
    mode.map_or(Value::Null, |mode| Value::from(format!("{mode:04o}")))
}

/// An error that ended a command.
pub(crate) fn error(failed: &Failed) -> Object {
    let mut object = error_object(failed.kind(), failed.path(), &failed.message(), failed.exit());
    let failed = match failed {
        Failed::AtServer { failed, .. } => failed,
        failed => failed,
    };
    if let Failed::Library(Error::Conflicts(conflicts)) = failed {
        object["error"]["conflicts"] = failures(conflicts).into();
    }
    if let Failed::Library(Error::Busy(holders)) = failed {
        object["error"]["holders"] = holders.iter().map(holder).collect::<Vec<_>>().into();
    }
    Object::from(&object)
}

/// An error of one file, while the others go on.
pub(crate) fn file_error(failure: &Failure) -> Object {
    let exit = Exit::of_failures(std::slice::from_ref(failure));
    let object = error_object(failure.code.name(), failure.path.as_deref(), &failure.to_string(), exit);
    Object::from(&object)
}

/// Deletions that were too many.
pub(crate) fn too_many_deletions(message: &str) -> Object {
    Object::from(&error_object("too-many-deletions", None, message, Exit::TooManyDeletions))
}

fn error_object(kind: &str, path: Option<&str>, message: &str, exit: Exit) -> Value {
    json!({"error": {"kind": kind, "path": path, "message": message, "status": exit.status()}})
}

/// Returns the object of a transfer's report.
pub(crate) fn transfer(report: &TransferReport) -> Value {
    json!({
        "files": report.files,
        "directories": report.directories,
        "bytes": report.bytes,
        "present": report.present,
        "resumed_bytes": report.resumed_bytes,
        "sent_bytes": report.sent_bytes,
        "received_bytes": report.received_bytes,
        "retries": report.retries,
        "failed": report.failure_count(),
        "failed_by_kind": summary::kinds(&report.failures),
        "failures": failures(&report.failures),
        "failures_left_out": report.failures_left_out,
        "skipped": failures(&report.skipped),
        "skipped_left_out": report.skipped_left_out,
        "attributes": report.attributes,
    })
}

/// Returns the object of a partial, under the path that it is shown by.
pub(crate) fn partial(partial: &PartialEntry, path: &str) -> Object {
    // Written by hand because its times need more digits than a float has.
    let (path, received, size) = (Value::from(path), partial.received, partial.size);
    let (mtime, touched) = (seconds_since_1970(partial.modified), seconds_since_1970(partial.touched));
    Object::written(format!(
        r#"{{"path":{path},"received":{received},"size":{size},"mtime":{mtime},"touched":{touched}}}"#
    ))
}

/// Returns the object of a token of a server, as it is listed.
pub(crate) fn token(entry: &TokenEntry, usage: &TokenUsage) -> Object {
    let mut object = token_fields(entry);
    object["last_used"] = seconds(usage.last_used);
    object["used"] = usage.used.into();
    Object::from(&object)
}

/// Returns the object of a token that was made now; without the token itself if its holder has chosen it.
pub(crate) fn new_token(entry: &TokenEntry, token: Option<&str>) -> Object {
    let mut object = token_fields(entry);
    object["token"] = token.into();
    Object::from(&object)
}

fn token_fields(entry: &TokenEntry) -> Value {
    json!({
        "name": entry.name.as_str(),
        "rights": entry.rights.name(),
        "below": entry.below.as_str(),
        "expires": seconds(entry.expires),
        "quota": entry.quota,
        "file_size_limit": entry.file_size_limit,
        "bwlimit": entry.bwlimit,
        "sessions": entry.sessions,
        "chosen": entry.origin == Origin::Chosen,
        "previous_expires": seconds(entry.superseded.as_ref().map(|former| former.expires)),
    })
}

/// Returns a time in whole seconds since 1970.
fn seconds(time: Option<SystemTime>) -> Value {
    time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok()).map(|since| since.as_secs()).into()
}

/// Returns the object of what was removed, and what could not be.
pub(crate) fn removed(removed: Removed, failed: &[Failure]) -> Object {
    let object = json!({"files": removed.files, "directories": removed.directories, "failures": failures(failed)});
    Object::from(&object)
}

/// Returns the object of what would be removed: one entry.
pub(crate) fn would_remove(entry: &Entry) -> Object {
    let (path, size) = (entry.path.as_str(), entry.size);
    Object::from(&json!({"path": path, "type": kind(entry.kind), "size": size, "dry_run": true}))
}

/// Returns the object of what would be removed in all.
pub(crate) fn would_remove_all(removed: Removed, bytes: u64, failed: &[Failure]) -> Object {
    let Removed { files, directories } = removed;
    let failures = failures(failed);
    Object::from(
        &json!({"files": files, "directories": directories, "bytes": bytes, "failures": failures, "dry_run": true}),
    )
}

/// Returns the object of what was moved, or would be, and what could not be.
pub(crate) fn moved(moved: &[(RemotePath, RemotePath)], failed: &[Failure], is_dry_run: bool) -> Object {
    let pair = |(source, path): &(RemotePath, RemotePath)| json!({"source": source.as_str(), "path": path.as_str()});
    let moved: Vec<Value> = moved.iter().map(pair).collect();
    Object::from(&json!({"moved": moved, "failures": failures(failed), "dry_run": is_dry_run}))
}

/// Returns the object of something that would be made.
pub(crate) fn would_make(action: &str, path: &RemotePath) -> Object {
    Object::from(&json!({"action": action, "path": path.as_str(), "dry_run": true}))
}

/// Returns the object of a profile that was written, or would be.
pub(crate) fn logged_in(name: &str, file: &str, dry_run: bool) -> Object {
    Object::from(&json!({"profile": name, "file": file, "dry_run": dry_run}))
}

/// Returns the object of what was copied to a path, and what could not be.
pub(crate) fn copied(path: &RemotePath, report: &TransferReport) -> Object {
    let object = json!({
        "path": path.as_str(),
        "files": report.files,
        "directories": report.directories,
        "bytes": report.bytes,
        "failed": report.failure_count(),
        "failed_by_kind": summary::kinds(&report.failures),
        "failures": failures(&report.failures),
        "failures_left_out": report.failures_left_out,
        "skipped": failures(&report.skipped),
        "skipped_left_out": report.skipped_left_out,
    });
    Object::from(&object)
}

/// Returns the object of a copy that would be made.
pub(crate) fn copy_plan(source: &str, path: &str) -> Object {
    Object::from(&json!({"source": source, "path": path, "dry_run": true}))
}

fn failures(failures: &[Failure]) -> Vec<Value> {
    failures.iter().map(failure).collect()
}

/// Returns the object of a failure.
pub(crate) fn failure(failure: &Failure) -> Value {
    json!({"kind": failure.code.name(), "path": failure.path, "message": failure_with_advice(failure)})
}

/// The state of a server.
pub(crate) fn status(status: &ServerStatus) -> Object {
    Object::from(&json!({
        "address": status.address.to_string(),
        "round_trip_ms": status.round_trip.as_secs_f64() * 1000.0,
        "version": status.report.agent,
        "cipher": status.cipher,
        "uptime_ms": status.report.uptime_milliseconds,
        "holders": status.report.holders.iter().map(holder).collect::<Vec<_>>(),
        "waiting": status.report.waiting,
        "token": status.report.token,
        "used": status.report.used,
        "quota": status.report.quota,
        "hides_others": status.report.hides_others,
    }))
}

/// Whom a command waits for.
pub(crate) fn waiting(holders: &[Holder]) -> Value {
    json!({"event": "waiting", "holders": holders.iter().map(holder).collect::<Vec<_>>()})
}

/// Returns the object of a client that holds the lease.
pub(crate) fn holder(holder: &Holder) -> Value {
    json!({
        "client": holder.client,
        "address": holder.address,
        "activity": holder.activity,
        "held_ms": holder.held_milliseconds,
        "path": holder.path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile::protocol::wire::{ErrorCode, Timestamp};

    #[test]
    fn an_entry_is_an_object_with_every_field() {
        let shown = entry(&Entry {
            path: "/a/b \"c\"".parse().unwrap(),
            kind: Kind::File,
            size: 3,
            modified: Timestamp::new(1, 5),
            mode: Some(0o640),
            unflushed: false,
        });
        assert_eq!(
            shown.to_string(),
            r#"{"path":"/a/b \"c\"","name":"b \"c\"","type":"file","size":3,"mtime":1.000000005,"mode":"0640"}"#
        );
        assert!(serde_json::from_str::<Value>(&shown.to_string()).is_ok());
    }

    #[test]
    fn what_was_kept_is_an_object() {
        let kept = PartialEntry {
            path: "/a".parse().unwrap(),
            size: 9,
            modified: Timestamp::new(1, 5),
            received: 4,
            touched: Timestamp::new(2, 0),
            marks: Vec::new(),
        };
        let expected = r#"{"path":"x/a","received":4,"size":9,"mtime":1.000000005,"touched":2.000000000}"#;
        assert_eq!(partial(&kept, "x/a").to_string(), expected);
    }

    #[test]
    fn files_in_the_way_are_listed_in_their_error() {
        let conflicts = ["/a", "/b"].map(|path| Failure::new(ErrorCode::AlreadyExists).at(path)).to_vec();
        let failed = Failed::Library(Error::Conflicts(conflicts));
        let shown: Value = serde_json::from_str(&error(&failed).to_string()).unwrap();
        assert_eq!(shown["error"]["kind"], "conflicts");
        assert_eq!(shown["error"]["conflicts"][1]["path"], "/b");
    }

    #[test]
    fn an_error_tells_kind_path_message_and_status() {
        let failure = Failure::new(ErrorCode::NotFound).at("/x");
        let shown: Value = serde_json::from_str(&error(&Failed::Library(failure.into())).to_string()).unwrap();
        assert_eq!(shown["error"]["kind"], "not-found");
        assert_eq!(shown["error"]["path"], "/x");
        assert_eq!(shown["error"]["status"], 1);
        assert!(shown["error"]["message"].as_str().unwrap().contains("no such file"));
    }
}
