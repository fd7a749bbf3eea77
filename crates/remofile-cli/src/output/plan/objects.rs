//! The steps of a plan as objects, for scripts. `docs/commands.md` describes them.

use super::Counts;
use crate::advice::reason_with_advice;
use crate::output::json::{Object, kind, octal};
use crate::output::time::seconds_since_1970;
use remofile::sync::plan::{Action, AttributeChange, Changed, Step, Withheld};
use serde_json::{Map, Value, json};

/// One step, as a line: the fields that apply to it.
pub(crate) fn step(step: &Step) -> Object {
    let mut object = fields(&step.action);
    object.retain(|_, value| !value.is_null());
    object.insert("event".to_owned(), "plan".into());
    object.insert("path".to_owned(), Value::from(&*step.path));
    let mut line = Value::Object(object).to_string();
    let modified = match &step.action {
        Action::Rename(rename) => Some(rename.modified),
        Action::Touch(touch) => touch.modified,
        _ => None,
    };
    if let Some(modified) = modified {
        // Written by hand because a time needs more digits than a float has.
        line.pop();
        line += &format!(r#","mtime":{}}}"#, seconds_since_1970(modified));
    }
    Object::written(line)
}

/// All fields of an action but its time; those that it has not are null.
fn fields(action: &Action) -> Map<String, Value> {
    let object = match action {
        Action::MakeDirectory { mode } => json!({"action": "mkdir", "mode": octal(*mode)}),
        Action::Create { size } => json!({"action": "create", "size": size}),
        Action::Update { size, old_size, delta, why } => {
            let changed = changed(*why);
            json!({"action": "update", "size": size, "old_size": old_size, "delta": delta, "changed": changed})
        }
        Action::Link { target, replaces } => json!({"action": "link", "target": target, "replaces": replaces}),
        Action::HardLink { of, replaces } => json!({"action": "hardlink", "of": of, "replaces": replaces}),
        Action::Special { file, replaces } => {
            json!({"action": "special", "mode": octal(file.mode), "replaces": replaces})
        }
        Action::Rename(rename) => {
            json!({"action": "rename", "from": rename.from, "size": rename.size, "mode": octal(rename.mode)})
        }
        Action::Touch(touch) => {
            let kind = if touch.directory { "directory" } else { "file" };
            json!({"action": "touch", "type": kind, "mode": octal(touch.mode)})
        }
        Action::Attributes(change) => {
            json!({"action": "touch", "type": kind(change.kind), "changed": given(*change)})
        }
        Action::Clear { kind: what } => json!({"action": "clear", "type": kind(*what)}),
        Action::Delete { kind: what, size } => json!({"action": "delete", "type": kind(*what), "size": size}),
        Action::Skip { reason } => json!({"action": "skip", "reason": reason_with_advice(*reason)}),
    };
    match object {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn changed(why: Changed) -> Vec<&'static str> {
    [(why.content, "content"), (why.size, "size"), (why.time, "mtime"), (why.mode, "mode")]
        .into_iter()
        .filter_map(|(differs, name)| differs.then_some(name))
        .collect()
}

fn given(change: AttributeChange) -> Vec<&'static str> {
    let AttributeChange { kind: _, time, mode, owner, group, acl, extended } = change;
    let all = [(time, "mtime"), (mode, "mode"), (owner, "owner"), (group, "group"), (acl, "acl"), (extended, "xattrs")];
    all.into_iter().filter_map(|(differs, name)| differs.then_some(name)).collect()
}

/// Returns the object of what was planned, in the summary.
pub(crate) fn counts(counts: &Counts) -> Value {
    let unchanged = counts.unchanged.unwrap_or_default();
    json!({
        "created": counts.created,
        "updated": counts.updated,
        "renamed": counts.renamed,
        "touched": counts.touched,
        "linked": counts.linked,
        "directories": counts.directories,
        "cleared": counts.cleared,
        "deleted": counts.deleted,
        "skipped": counts.skipped,
        "unchanged": unchanged.files,
        "unchanged_bytes": unchanged.bytes,
        "withheld": counts.withheld.map(withheld),
    })
}

fn withheld(withheld: Withheld) -> Value {
    match withheld {
        Withheld::Unreadable { planned } => json!({"reason": "unreadable", "planned": planned}),
        Withheld::TooMany { planned, most } => json!({"reason": "too-many", "planned": planned, "most": most}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile::protocol::wire::{Kind, Timestamp};
    use remofile::sync::plan::{Reason, Rename, Tally, Touch};

    fn object(action: Action) -> String {
        step(&Step { path: "a \"b\"".into(), action }).to_string()
    }

    #[test]
    fn each_sort_of_step_has_its_own_fields() {
        let why = Changed { content: false, size: true, time: true, mode: false };
        let modified = Timestamp::new(1, 5);
        let table = [
            (Action::MakeDirectory { mode: Some(0o750) }, r#"{"action":"mkdir","mode":"0750"}"#),
            (Action::MakeDirectory { mode: None }, r#"{"action":"mkdir"}"#),
            (Action::Create { size: 3 }, r#"{"action":"create","size":3}"#),
            (
                Action::Update { size: 3, old_size: 2, delta: true, why },
                r#"{"action":"update","size":3,"old_size":2,"delta":true,"changed":["size","mtime"]}"#,
            ),
            (
                Action::Link { target: "x".into(), replaces: false },
                r#"{"action":"link","target":"x","replaces":false}"#,
            ),
            (
                Action::Rename(Box::new(Rename { from: "x".into(), size: 3, modified, mode: None })),
                r#"{"action":"rename","from":"x","size":3,"mtime":1.000000005}"#,
            ),
            (
                Action::Touch(Box::new(Touch { modified: None, mode: Some(0o644), directory: false })),
                r#"{"action":"touch","type":"file","mode":"0644"}"#,
            ),
            (
                Action::Attributes(AttributeChange {
                    kind: Kind::Directory,
                    time: true,
                    mode: false,
                    owner: true,
                    group: false,
                    acl: true,
                    extended: true,
                }),
                r#"{"action":"touch","type":"directory","changed":["mtime","owner","acl","xattrs"]}"#,
            ),
            (Action::Clear { kind: Kind::Link }, r#"{"action":"clear","type":"link"}"#),
            (Action::Delete { kind: Kind::File, size: 3 }, r#"{"action":"delete","type":"file","size":3}"#),
        ];
        for (action, fields) in table {
            let mut expected: Value = serde_json::from_str(fields).unwrap();
            expected["event"] = "plan".into();
            expected["path"] = "a \"b\"".into();
            let told: Value = serde_json::from_str(&object(action)).unwrap();
            assert_eq!(told, expected);
        }
        let skipped: Value = serde_json::from_str(&object(Action::Skip { reason: Reason::Newer })).unwrap();
        assert_eq!(skipped["reason"], Reason::Newer.to_string());
    }

    #[test]
    fn times_keep_all_their_digits() {
        let touch =
            Action::Touch(Box::new(Touch { modified: Some(Timestamp::new(1, 5)), mode: None, directory: true }));
        let line = object(touch);
        assert_eq!(
            line,
            r#"{"action":"touch","event":"plan","path":"a \"b\"","type":"directory","mtime":1.000000005}"#
        );
    }

    #[test]
    fn the_summary_tells_why_nothing_is_deleted() {
        let unchanged = Some(Tally { files: 2, bytes: 9 });
        let told = counts(&Counts { created: 1, unchanged, ..Counts::default() });
        assert_eq!((&told["created"], &told["unchanged"], &told["unchanged_bytes"]), (&1.into(), &2.into(), &9.into()));
        assert_eq!(told["withheld"], Value::Null);
        let too_many = Some(Withheld::TooMany { planned: 3, most: 2 });
        let told = counts(&Counts { withheld: too_many, ..Counts::default() });
        assert_eq!(told["withheld"], json!({"reason": "too-many", "planned": 3, "most": 2}));
        let unreadable = Some(Withheld::Unreadable { planned: 3 });
        let told = counts(&Counts { withheld: unreadable, ..Counts::default() });
        assert_eq!(told["withheld"], json!({"reason": "unreadable", "planned": 3}));
    }
}
