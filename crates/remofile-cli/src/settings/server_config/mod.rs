//! The options of a server that its command line does not have: those of variables of the environment and of a file.
//!
//! Participants: [`Definitions`] are the options of `run` and `start` as the parser knows them; [`file`] and [`variables`]
//! read [`Given`](given::Given) options by these; [`merge`] takes each from where it counts most, and [`complete`] writes a command line
//! with all of them. Goals: each option that `run` has, or will have, can be in the file and in a variable without being
//! named here; what is wrong is told with its place. Invariant: a token is never on the command line that is written.

mod definitions;
mod file;
mod given;
mod merge;
mod variables;

use crate::args;
use crate::failed::{Failed, Result};
use definitions::{Definitions, RUN, START};
use merge::Merged;
use remofile::protocol::token::Token;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The command that serves what a file says.
const SERVER_CONFIG: &str = "server-config";

/// A command line that is complete.
pub(crate) struct Completed {
    /// The words, the program first.
    pub(crate) raw: Vec<OsString>,
    /// The token that a variable or the file had.
    pub(crate) token: Option<Token>,
}

/// Completes the command line of a command that serves. Others, and those that the parser refuses, stay as they are.
///
/// # Errors
/// [`Failed::Configuration`] with the place of what is wrong, and what to write.
pub(crate) fn complete(raw: Vec<OsString>) -> Result<Completed> {
    complete_with(raw, None, &mut std::env::vars_os())
}

/// Completes the command line once more, with the file that it named at first.
pub(super) fn complete_again(raw: Vec<OsString>, file: Option<&Path>) -> Result<Completed> {
    complete_with(raw, file, &mut std::env::vars_os())
}

fn complete_with(
    raw: Vec<OsString>,
    file: Option<&Path>,
    variables: &mut dyn Iterator<Item = (OsString, OsString)>,
) -> Result<Completed> {
    let unchanged = |raw| Ok(Completed { raw, token: None });
    // To define all commands is most of what a short command computes, so those that do not serve are parsed but once.
    let serves = |word: &OsString| [RUN, START, SERVER_CONFIG].iter().any(|name| word == name);
    if !raw.iter().skip(1).any(serves) {
        return unchanged(raw);
    }
    let Ok(matches) = definitions::lenient(args::command()).try_get_matches_from(&raw) else { return unchanged(raw) };
    let Some((name, line)) = matches.subcommand() else { return unchanged(raw) };
    let (command, base) = match name {
        RUN | START => (name, raw.clone()),
        SERVER_CONFIG => (RUN, as_run(&raw)),
        _ => return unchanged(raw),
    };
    let definitions = Definitions::of(command);
    let variables = variables::read(&definitions, variables)?;
    let named = file.map(Path::to_owned);
    let named =
        named.or_else(|| line.get_one::<PathBuf>(if name == SERVER_CONFIG { "file" } else { "config" }).cloned());
    let named = named.or(variables.config).map(std::path::absolute).transpose();
    let named = named.map_err(Failed::system("cannot find the file of the server's options"))?;
    let file = named.as_deref().map(|path| file::read(path, &definitions)).transpose()?.unwrap_or_default();
    if name != SERVER_CONFIG && named.is_none() && variables.given.is_empty() {
        return unchanged(raw);
    }
    let Merged { options, positionals, token } = merge::merge(&definitions, line, variables.given, file)?;
    Ok(Completed { raw: written(&base, named.as_deref(), options, positionals), token })
}

/// Writes `run` for `server-config FILE`.
fn as_run(raw: &[OsString]) -> Vec<OsString> {
    // What remains beside the file are options that `run` has as well.
    let mut words: Vec<OsString> =
        raw.iter().skip(2).filter(|word| word.as_encoded_bytes().starts_with(b"-")).cloned().collect();
    words.retain(|word| word != "--");
    [raw.first().cloned().unwrap_or_default(), RUN.into()].into_iter().chain(words).collect()
}

fn written(
    base: &[OsString],
    file: Option<&Path>,
    options: Vec<OsString>,
    positionals: Vec<OsString>,
) -> Vec<OsString> {
    let (begin, rest) = base.split_at(base.len().min(2));
    let has_file = rest.iter().any(|word| word.as_encoded_bytes().starts_with(b"--config"));
    let file = file.filter(|_| !has_file).map(|path| OsString::from_iter(["--config=".as_ref(), path.as_os_str()]));
    [begin.to_vec(), file.into_iter().collect(), options, rest.to_vec(), positionals].concat()
}
