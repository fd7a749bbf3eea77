//! The steps of a plan, a line each.

use crate::advice::reason_with_advice;
use crate::settings::Direction;
use remofile::protocol::wire::{Kind, Special};
use remofile::sync::plan::{Action, AttributeChange, Changed, Step, Withheld};

/// A change, written as rsync's `--itemize-changes` writes it: eleven characters that scripts know, a space
/// and the path. Nothing for what is left as it is.
pub(crate) fn itemized(step: &Step, direction: Direction) -> Option<String> {
    let moves = match direction {
        Direction::Up => '<',
        Direction::Down => '>',
    };
    let path = &step.path;
    Some(match &step.action {
        Action::MakeDirectory { .. } => format!("cd{NEW} {path}/"),
        Action::Create { .. } => format!("{moves}f{NEW} {path}"),
        Action::Update { why, .. } => format!("{moves}f{} {path}", attributes(*why)),
        Action::Link { target, replaces: false } => format!("cL{NEW} {path} -> {target}"),
        Action::Link { target, replaces: true } => {
            let why = Changed { content: true, size: false, time: false, mode: false };
            format!("cL{} {path} -> {target}", attributes(why))
        }
        Action::HardLink { of, .. } => format!("hf{NEW} {path} => {of}"),
        Action::Special { file, .. } => format!("c{}{NEW} {path}", letter(file.special)),
        Action::Rename(rename) => format!("{:<11} {} -> {path}", "*moving", rename.from),
        Action::Touch(touch) => {
            let (time, mode) = (touch.modified.is_some(), touch.mode.is_some());
            let why = Changed { content: false, size: false, time, mode };
            let (letter, end) = if touch.directory { ('d', "/") } else { ('f', "") };
            format!(".{letter}{} {path}{end}", attributes(why))
        }
        Action::Attributes(change) => {
            let letter = match change.kind {
                Kind::File => 'f',
                Kind::Directory => 'd',
                Kind::Link => 'L',
                Kind::Special => 'S',
            };
            format!(".{letter}{} {path}{}", given(*change), end(change.kind))
        }
        Action::Clear { kind } | Action::Delete { kind, .. } => {
            format!("{:<11} {path}{}", "*deleting", end(*kind))
        }
        Action::Skip { .. } => return None,
    })
}

/// In place of the attributes of what is new.
const NEW: &str = "+++++++++";

/// The attributes `cstpoguax` of what has its content already.
fn given(change: AttributeChange) -> String {
    let AttributeChange { kind: _, time, mode, owner, group, acl, extended } = change;
    let told = |(differs, letter)| if differs { letter } else { '.' };
    let [time, mode, owner, group, acl, extended] =
        [(time, 't'), (mode, 'p'), (owner, 'o'), (group, 'g'), (acl, 'a'), (extended, 'x')].map(told);
    format!("..{time}{mode}{owner}{group}.{acl}{extended}")
}

/// The attributes `cstpoguax`: content, size, time and permissions, and five that come later.
fn attributes(why: Changed) -> String {
    let [content, size, time, mode] = [(why.content, 'c'), (why.size, 's'), (why.time, 't'), (why.mode, 'p')]
        .map(|(differs, letter)| if differs { letter } else { '.' });
    format!("{content}{size}{time}{mode}.....")
}

/// A change by its path alone, as rsync's `--verbose` names it. Nothing for what is left as it is.
pub(crate) fn named(step: &Step) -> Option<String> {
    let path = &step.path;
    Some(match &step.action {
        Action::MakeDirectory { .. } => format!("{path}/"),
        Action::Touch(touch) if touch.directory => format!("{path}/"),
        Action::Attributes(change) => format!("{path}{}", end(change.kind)),
        Action::Create { .. } | Action::Update { .. } | Action::Touch(_) => path.to_string(),
        Action::Link { target, .. } => format!("{path} -> {target}"),
        Action::HardLink { of, .. } => format!("{path} => {of}"),
        Action::Special { .. } => path.to_string(),
        Action::Rename(rename) => format!("{} -> {path}", rename.from),
        Action::Clear { kind } | Action::Delete { kind, .. } => format!("deleting {path}{}", end(*kind)),
        Action::Skip { .. } => return None,
    })
}

/// The letter of a special file: devices have one, and pipes and sockets another.
fn letter(special: Special) -> char {
    match special {
        Special::Character(_) | Special::Block(_) => 'D',
        Special::Pipe | Special::Socket => 'S',
    }
}

/// Directories are known by their last character.
fn end(kind: Kind) -> &'static str {
    if kind == Kind::Directory { "/" } else { "" }
}

/// Returns the line of a file that differs and is left as it is, with the reason.
pub(crate) fn left(step: &Step) -> Option<String> {
    match &step.action {
        Action::Skip { reason } => Some(format!("leaving {}: {}", step.path, reason_with_advice(*reason))),
        _ => None,
    }
}

/// Returns the line on links and special files that are not copied, and how to see them.
pub(crate) fn left_out(count: u64) -> String {
    match count {
        1 => "1 link or special file was left out (see which with '-vv')".to_owned(),
        _ => format!("{count} links and special files were left out (see which with '-vv')"),
    }
}

/// Returns the reason nothing is deleted, and what to do.
pub(crate) fn withheld(withheld: Withheld) -> String {
    match withheld {
        Withheld::TooMany { planned, most } => {
            let are = if planned == 1 { "1 deletion was" } else { &format!("{planned} deletions were") };
            format!(
                "{are} planned, and at most {most} allowed: nothing was deleted; raise '--max-delete', or leave it \
                 out and look with '--dry-run'"
            )
        }
        Withheld::Unreadable { .. } => "nothing was deleted, because something could not be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile::protocol::wire::Timestamp;
    use remofile::sync::plan::{Reason, Rename, Touch};

    fn step(path: &str, action: Action) -> Step {
        Step { path: path.into(), action }
    }

    fn update(letters: &str) -> Action {
        let has = |letter| letters.contains(letter);
        let why = Changed { content: has('c'), size: has('s'), time: has('t'), mode: has('p') };
        Action::Update { size: 2, old_size: 1, delta: false, why }
    }

    fn given(letters: &str, kind: Kind) -> AttributeChange {
        let has = |letter| letters.contains(letter);
        AttributeChange {
            kind,
            time: has('t'),
            mode: has('p'),
            owner: has('o'),
            group: has('g'),
            acl: has('a'),
            extended: has('x'),
        }
    }

    /// A step of each sort, its itemized line without the path's direction, and its name.
    fn table() -> Vec<(Step, &'static str, &'static str)> {
        let modified = Some(Timestamp::new(1, 0));
        let link = |replaces| Action::Link { target: "a".into(), replaces };
        vec![
            (step("a/new", Action::Create { size: 1 }), "<f+++++++++ a/new", "a/new"),
            (step("a/changed", update("st")), "<f.st...... a/changed", "a/changed"),
            (step("same-size", update("ctp")), "<fc.tp..... same-size", "same-size"),
            (step("dir", Action::MakeDirectory { mode: None }), "cd+++++++++ dir/", "dir/"),
            (step("link", link(false)), "cL+++++++++ link -> a", "link -> a"),
            (step("link", link(true)), "cLc........ link -> a", "link -> a"),
            (
                step("touched", Action::Touch(Box::new(Touch { modified, mode: None, directory: false }))),
                ".f..t...... touched",
                "touched",
            ),
            (
                step("dir", Action::Touch(Box::new(Touch { modified: None, mode: Some(0o750), directory: true }))),
                ".d...p..... dir/",
                "dir/",
            ),
            (
                step(
                    "new",
                    Action::Rename(Box::new(Rename {
                        from: "old".into(),
                        size: 1,
                        modified: Timestamp::new(1, 0),
                        mode: None,
                    })),
                ),
                "*moving     old -> new",
                "old -> new",
            ),
            (step("given", Action::Attributes(given("pogax", Kind::File))), ".f...pog.ax given", "given"),
            (step("given", Action::Attributes(given("t", Kind::Directory))), ".d..t...... given/", "given/"),
            (step("given", Action::Attributes(given("to", Kind::Link))), ".L..t.o.... given", "given"),
            (step("old", Action::Delete { kind: Kind::File, size: 1 }), "*deleting   old", "deleting old"),
            (step("old", Action::Delete { kind: Kind::Directory, size: 0 }), "*deleting   old/", "deleting old/"),
            (step("way", Action::Clear { kind: Kind::Link }), "*deleting   way", "deleting way"),
        ]
    }

    #[test]
    fn changes_are_lines_as_rsync_writes_them() {
        for (step, line, _) in table() {
            assert_eq!(itemized(&step, Direction::Up).as_deref(), Some(line));
            let down = line.replacen('<', ">", 1);
            assert_eq!(itemized(&step, Direction::Down), Some(down));
        }
    }

    #[test]
    fn changes_have_names() {
        for (step, _, name) in table() {
            assert_eq!(named(&step).as_deref(), Some(name));
            assert_eq!(left(&step), None);
        }
    }

    #[test]
    fn what_is_left_is_no_change_and_has_a_reason() {
        let step = step("a", Action::Skip { reason: Reason::Newer });
        assert_eq!((itemized(&step, Direction::Up), named(&step)), (None, None));
        assert_eq!(left(&step), Some(format!("leaving a: {}", Reason::Newer)));
    }

    #[test]
    fn withheld_deletions_are_counted_and_it_is_said_what_to_do() {
        let told = withheld(Withheld::TooMany { planned: 12, most: 5 });
        assert!(told.starts_with("12 deletions were planned, and at most 5 allowed: nothing was deleted;"), "{told}");
        assert!(withheld(Withheld::TooMany { planned: 1, most: 0 }).starts_with("1 deletion was planned"));
        assert!(withheld(Withheld::Unreadable { planned: 1 }).starts_with("nothing was deleted"));
    }
}
