//! The command line of Remofile: arguments become settings, settings a command, and what became of
//! the command an exit status.
//!
//! Invariant: only `output` writes to the terminal, and only `exit` knows exit statuses.

mod advice;
mod args;
mod commands;
mod completion;
mod daemon;
mod descriptors;
mod exit;
mod failed;
mod files;
mod landlock;
mod logging;
mod output;
mod own_process;
mod secret;
mod settings;
mod signals;
mod unconfigured;
mod usage;

use exit::Exit;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command that the arguments of the process name.
#[must_use]
pub fn main() -> ExitCode {
    let raw: Vec<OsString> = std::env::args_os().collect();
    if let Some(exit) = daemon::run_hooks_if_asked(&raw).or_else(|| completion::answer(&raw)) {
        return exit.into();
    }
    let presentation = output::Presentation { json: usage::wants_json(&raw) };
    match run(raw) {
        Ok(exit) => exit.into(),
        Err(failed) => {
            presentation.show(&failed);
            failed.exit().into()
        }
    }
}

fn run(raw: Vec<OsString>) -> failed::Result<Exit> {
    let is_profile = settings::is_profile_in(&raw);
    let typed = raw.clone();
    let raw = args::in_order(raw, &is_profile)?;
    let complete = settings::complete(raw.clone())?;
    match args::parse(&complete.raw) {
        Ok(arguments) => secret::hide_token(&raw, &arguments)
            .and_then(|()| commands::run(arguments, complete.token))
            .map_err(|failed| usage::with_wait(&typed, usage::with_hint(&raw, failed))),
        Err(error) if usage::is_answer(&error) => answer(&error),
        Err(error) if usage::is_help(&error) && !usage::wants_json(&raw) => {
            let _ = error.print();
            Ok(Exit::Usage)
        }
        Err(error) => Err(usage::with_wait(&typed, usage::explain(&raw, &error))),
    }
}

/// Prints help or version. A reader that has seen enough is no failure.
fn answer(error: &clap::Error) -> failed::Result<Exit> {
    match error.print() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(failed::Failed::Output(error)),
        _ => Ok(Exit::Success),
    }
}
