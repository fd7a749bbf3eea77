//! Completion: what a shell asks for when its user presses the tabulator.
//!
//! A shell calls the program with `COMPLETE=SHELL` and the words of the line; the engine of `clap_complete` knows commands, options
//! and local files, and `candidates` what is at servers. Files: `words` divides a line, `line` is what is known of it, `bash`, `zsh` and
//! `fish` speak with these shells.
//!
//! Invariants: nothing is asked of the user but by what keeps the token, nothing is written but candidates, kept keys and refusals, and a
//! server has a tenth of a second.

mod bash;
mod candidates;
mod fish;
mod line;
mod refusals;
mod remote;
mod variables;
mod words;
mod zsh;

use crate::args::Arguments;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::Data;
use bash::Bash;
use candidates::with_candidates;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_complete::env::{Elvish, EnvCompleter, Powershell};
use fish::Fish;
use line::Line;
use std::ffi::OsString;
use std::path::Path;
use variables::{INDEX, LINE, VARIABLE};
use words::Words;
use zsh::Zsh;

/// The names of the program.
const NAMES: [&str; 2] = ["remofile", "rmf"];

/// Gives a shell the candidates that it asks for; `None` if this is no shell that asks.
pub(crate) fn answer(raw: &[OsString]) -> Option<Exit> {
    let shell = std::env::var_os(VARIABLE).filter(|name| !name.is_empty() && name != "0")?;
    let name = Path::new(&shell).file_stem().unwrap_or(&shell).to_string_lossy().into_owned();
    let shells = [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh];
    let Some(shell) = shells.into_iter().find(|shell| completer(*shell).is_some_and(|completer| completer.is(&name)))
    else {
        return Some(Exit::Usage);
    };
    let words = raw.iter().position(|word| word == "--").and_then(|at| raw.get(at + 1..)).unwrap_or_default();
    let answered = match asked(words) {
        Some(asked) => complete(shell, asked),
        None => registration(shell).and_then(|script| print(script.as_bytes())),
    };
    // A shell has no use for an error.
    Some(if answered.is_ok() { Exit::Success } else { Exit::Failure })
}

/// Returns the script by which a shell learns to ask, for both names of the program.
///
/// # Errors
/// [`Failed::Usage`] if there is none for the shell.
pub(crate) fn registration(shell: Shell) -> Result<String> {
    let Some(completer) = completer(shell) else {
        return Err(Failed::usage(format!("there is no completion for {shell}")));
    };
    let mut script = Vec::new();
    // One function of zsh is for both, since a file of such has the name of one.
    let both = NAMES.join(" ");
    let names =
        if shell == Shell::Zsh { vec![(NAMES[0], both.as_str())] } else { NAMES.map(|name| (name, name)).into() };
    for (name, bin) in names {
        let written = completer.write_registration(VARIABLE, name, bin, name, &mut script);
        written.map_err(Failed::system("cannot write the script"))?;
    }
    String::from_utf8(script).map_err(|error| Failed::usage(error.to_string()))
}

fn completer(shell: Shell) -> Option<&'static dyn EnvCompleter> {
    match shell {
        Shell::Bash => Some(&Bash),
        Shell::Elvish => Some(&Elvish),
        Shell::Fish => Some(&Fish),
        Shell::PowerShell => Some(&Powershell),
        Shell::Zsh => Some(&Zsh),
        _ => None,
    }
}

/// Returns the words of the line up to the one that the user is at; `None` if there is no line.
fn asked(words: &[OsString]) -> Option<Vec<OsString>> {
    if let Ok(line) = std::env::var(LINE) {
        return Some(Words::of(&line).words.into_iter().map(OsString::from).collect());
    }
    let last = words.len().checked_sub(1)?;
    let index = std::env::var(INDEX).ok().and_then(|index| index.parse().ok()).unwrap_or(last);
    let mut asked: Vec<OsString> = words.iter().take(index + 1).cloned().collect();
    // Some shells leave an empty word out.
    asked.resize(asked.len().max(index.min(words.len()) + 1), OsString::new());
    Some(asked)
}

/// Prints the candidates for the word that the user is at.
fn complete(shell: Shell, asked: Vec<OsString>) -> Result<()> {
    silence();
    let line = Line::of(asked);
    let (mut command, words) = (with_candidates(Arguments::command(), &line), line.words);
    let mut candidates = Vec::new();
    let directory = std::env::current_dir().ok();
    if let Some(completer) = completer(shell) {
        let written = completer.write_complete(&mut command, words, directory.as_deref(), &mut candidates);
        written.map_err(Failed::system("cannot complete"))?;
    }
    print(&candidates)
}

/// Sends to nowhere what would be told on standard error, which is the user's line.
fn silence() {
    if let Ok(nowhere) = crate::files::open_to_write(Path::new("/dev/null")) {
        let _ = rustix::stdio::dup2_stderr(&nowhere);
    }
}

fn print(bytes: &[u8]) -> Result<()> {
    let mut data = Data::lock();
    data.bytes(bytes)?;
    data.flush()
}
