//! Objects for scripts: one a line. `docs/commands.md` describes them.

use super::time::seconds_since_1970;
use crate::advice::failure_with_advice;
use crate::exit::Exit;
use crate::failed::Failed;
use remofile::protocol::printable::harmless_json;
use remofile::protocol::wire::{Entry, Failure, Holder, Kind, PartialEntry};
use remofile::{Error, Removed, ServerStatus, TransferReport};
use serde_json::{Value, json};
use std::fmt;

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
    if let Failed::Library(Error::Conflicts(conflicts)) = failed {
        object["error"]["conflicts"] = failures(conflicts).into();
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
        "failures": failures(&report.failures),
        "failures_left_out": report.failures_left_out,
        "skipped": failures(&report.skipped),
        "skipped_left_out": report.skipped_left_out,
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

/// Returns the object of what was removed, and what could not be.
pub(crate) fn removed(removed: Removed, failed: &[Failure]) -> Object {
    let object = json!({"files": removed.files, "directories": removed.directories, "failures": failures(failed)});
    Object::from(&object)
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
