//! Hints what to type next, where that depends on the command line: what an operand may have been meant for that names
//! nothing, and which option made a file be looked for.

use super::line::Line;
use crate::advice::join;
use crate::args::{Arguments, hint, looks_like_server};
use crate::failed::{Failed, without_number};
use crate::settings::is_profile;
use clap::{Command, CommandFactory};
use remofile::Error;
use remofile::protocol::wire::{ErrorCode, Failure};
use std::ffi::OsString;
use std::io;

/// The advice of a sync whose destination is in a directory that is missing.
const PARENTS: &str = "'--parents' makes it";

/// Adds to an error what the command line tells about it.
pub(crate) fn with_hint(raw: &[OsString], failed: Failed) -> Failed {
    let program = Arguments::command();
    let line = Line::of(raw, &program);
    match failed {
        Failed::Unconfigured(mut unconfigured) => {
            unconfigured.server = operands(&line).find_map(looks_like_server).map(str::to_owned);
            Failed::Unconfigured(unconfigured)
        }
        Failed::Library(Error::Remote(failure)) => {
            match of_failure(&line, &failure).filter(|hint| !is_followed(&line, hint)) {
                Some(hint) => Failed::Library(Error::Remote(with_detail(failure, &hint))),
                None => Failed::Library(Error::Remote(failure)),
            }
        }
        Failed::Library(Error::Local(failure)) => match of_local(&line, &failure) {
            Some(hint) => Failed::Library(Error::Local(with_detail(failure, &hint))),
            None => Failed::Library(Error::Local(failure)),
        },
        Failed::Library(Error::Resolve { hostname, source }) if is_profile(&hostname) => {
            let told = format!("{source}; '{hostname}:/path' is a path at the server of the profile of this name");
            Failed::Library(Error::Resolve { hostname, source: io::Error::new(source.kind(), told) })
        }
        Failed::File { path, source } => match of_file(&line, &program, &path) {
            Some(advice) => {
                let told = join(&without_number(&source.to_string()), Some(&advice));
                Failed::File { path, source: io::Error::new(source.kind(), told) }
            }
            None => Failed::File { path, source },
        },
        failed => failed,
    }
}

/// Tells which part of the line names a file.
fn of_file(line: &Line<'_>, program: &Command, path: &str) -> Option<String> {
    let is_page = || line.names.first() == Some(&"man") && program.find_subcommand(path).is_some();
    let page = || format!("it is the directory to write pages into; 'remofile help {path}' tells of the command");
    option_of(line, path).map(|option| format!("it is the FILE of '{option}'")).or_else(|| is_page().then(page))
}

fn operands<'a>(line: &Line<'a>) -> impl Iterator<Item = &'a str> {
    line.words.iter().filter_map(|word| word.to_str()).filter(|word| !word.starts_with('-'))
}

fn with_detail(failure: Failure, hint: &str) -> Failure {
    match failure.detail.clone() {
        Some(detail) => failure.because(format!("{detail}; {hint}")),
        None => failure.because(hint),
    }
}

/// Reports whether the line has the option already that a hint begins with.
fn is_followed(line: &Line<'_>, hint: &str) -> bool {
    let (letters, names): (&[char], &[&str]) = match hint.split('\'').nth(1) {
        Some("-f") => (&['f'], &["--force", "--replace", "--overwrite"]),
        // Of 'directory' it is '--parents' and '--update'.
        Some("-p") => (&['p', 'u'], &["--parents", "--update"]),
        Some("-u") => (&['u'], &["--update"]),
        _ => return false,
    };
    let is_short = |word: &str| word.starts_with('-') && !word.starts_with("--") && word.contains(letters);
    let is_it = |word: &str| names.contains(&word) || is_short(word);
    line.words.iter().take_while(|word| *word != "--").filter_map(|word| word.to_str()).any(is_it)
}

fn of_failure(line: &Line<'_>, failure: &Failure) -> Option<String> {
    let path = failure.path.as_deref()?;
    if failure.detail.as_deref().is_some_and(|detail| detail.contains("--parents")) {
        return None;
    }
    let is_it = |operand: &&str| path.strip_prefix('/') == Some(operand.trim_end_matches('/'));
    let is_missing = matches!(failure.code, ErrorCode::NotFound | ErrorCode::InvalidName);
    if let Some(hint) = operands(line).find(is_it).and_then(hint).filter(|_| is_missing) {
        return Some(hint);
    }
    // Of `nas:a/b` the path is `/a/b`.
    let is_it_at_server =
        |operand: &str| operand.split_once(':').is_some_and(|(_, rest)| path.strip_prefix('/') == Some(rest));
    let is_operand = operands(line).any(|operand| operand.ends_with(path) || is_it_at_server(operand));
    match (line.names.first().copied()?, failure.code) {
        ("directory", ErrorCode::NotFound) => Some("'-p' makes the directories on the way, too".to_owned()),
        ("directory", ErrorCode::AlreadyExists) => Some("'-p' takes it as it is".to_owned()),
        ("file", ErrorCode::AlreadyExists) => Some("'-u' gives it the time of now".to_owned()),
        ("move", ErrorCode::AlreadyExists) => Some("'-f' replaces a file".to_owned()),
        ("copy", ErrorCode::AlreadyExists) if failure.detail.is_none() => Some("'-f' replaces files".to_owned()),
        // A file that is missing would be made.
        ("edit", ErrorCode::NotFound) if !is_operand => Some(making(path)),
        ("edit", ErrorCode::NotFound) => path.rsplit_once('/').map(|(parent, _)| making(parent)),
        ("cat" | "edit", ErrorCode::NotAFile) => Some(format!("'remofile list {path}' shows what is in a directory")),
        ("upload" | "file", ErrorCode::NotFound) => Some(making(path)),
        ("move", ErrorCode::NotFound) if !is_operand => Some(making(path)),
        ("move", ErrorCode::CrossDevice) => Some(
            "'remofile copy -a' copies it there, and 'remofile remove -r' removes what it was copied from".to_owned(),
        ),
        ("sync", ErrorCode::NotFound) if line.names.get(1) == Some(&"local") => Some(PARENTS.to_owned()),
        (
            "list" | "stat" | "cat" | "remove" | "move" | "du" | "find" | "tree" | "sync" | "download" | "hash"
            | "copy",
            ErrorCode::NotFound,
        ) => {
            if let Some(name) = path.strip_prefix('/').filter(|name| is_profile(name)) {
                return Some(format!("'{name}:' is the server of the profile"));
            }
            let (parent, _) = path.rsplit_once('/')?;
            let parent = if parent.is_empty() { "/" } else { parent };
            Some(format!("'remofile list {parent}' shows what is there"))
        }
        _ => None,
    }
}

/// Tells how a local directory is made that a download goes into.
fn of_local(line: &Line<'_>, failure: &Failure) -> Option<String> {
    let path = failure.path.as_deref()?;
    let name = line.names.first().copied()?;
    if failure.code == ErrorCode::NotADirectory && name == "sync" {
        return Some(format!("a sync is of directories: 'remofile copy {path} :/' sends a file"));
    }
    if failure.code == ErrorCode::NotFound && name == "sync" && line.names.get(1) == Some(&"remote") {
        return Some(PARENTS.to_owned());
    }
    let has_advice = failure.detail.as_deref().is_some_and(|detail| detail.contains("--parents"));
    let is_destination = name == "download" && failure.code == ErrorCode::NotFound && !has_advice;
    is_destination.then(|| format!("'mkdir -p {path}' makes it"))
}

fn making(path: &str) -> String {
    format!("'remofile directory -p {path}' makes it")
}

/// Returns the option whose value a path is.
fn option_of<'a>(line: &Line<'a>, path: &str) -> Option<&'a str> {
    let with_equals = line.words.iter().filter_map(|word| word.to_str()?.split_once('='));
    let mut with_equals = with_equals.filter(|(option, value)| option.starts_with("--") && *value == path);
    if let Some((option, _)) = with_equals.next() {
        return Some(option);
    }
    let at = line.words.iter().position(|word| word == path)?;
    line.words.get(at.checked_sub(1)?)?.to_str().filter(|option| option.starts_with("--") && option.len() > 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str, path: &str) -> String {
        let raw: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        with_hint(&raw, Failed::Library(Failure::new(ErrorCode::NotFound).at(path).into())).message()
    }

    #[test]
    fn an_operand_that_looks_like_a_server_is_told_how_to_be_written() {
        assert!(told("rmf ls nas.local:6768", "/nas.local:6768").contains("remofile://nas.local:6768/"));
        assert!(told("rmf ls -l host::m/x", "/host::m/x").contains("remofile://host/m/x"));
        assert!(!told("rmf ls notes.txt", "/notes.txt").contains("remofile://"));
        assert!(!told("rmf ls localhost", "/other").contains("remofile://"));
    }

    #[test]
    fn what_is_missing_is_told_with_what_makes_or_shows_it() {
        for (line, path, part) in [
            ("rmf mkdir /a/b", "/a", "'-p'"),
            ("rmf upload f /a/b/", "/a/b", "'remofile directory -p /a/b'"),
            ("rmf mv /f /a/b", "/a", "'remofile directory -p /a'"),
            ("rmf mv /a/f /b", "/a/f", "'remofile list /a'"),
            ("rmf mv nas:a/f nas:a/g", "/a/f", "'remofile list /a'"),
            ("rmf cat /f", "/f", "'remofile list /'"),
        ] {
            let message = told(line, path);
            assert!(message.contains(part), "{line}: {message}");
        }
    }

    #[test]
    fn what_cannot_be_renamed_to_another_disk_is_told_with_what_moves_it() {
        let raw: Vec<OsString> = ["rmf", "mv", "/a", "/disk/a"].map(OsString::from).to_vec();
        let failed = Failed::Library(Failure::new(ErrorCode::CrossDevice).at("/disk/a").into());
        let message = with_hint(&raw, failed).message();
        assert!(message.contains("'remofile copy -a'") && message.contains("'remofile remove -r'"), "{message}");
    }

    #[test]
    fn a_file_that_an_option_names_is_told_with_the_option() {
        for line in ["rmf ls --token-file none", "rmf ls --token-file=none"] {
            let raw: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let failed = Failed::File { path: "none".to_owned(), source: io::ErrorKind::NotFound.into() };
            assert!(with_hint(&raw, failed).message().contains("'--token-file'"), "{line}");
        }
    }
}
