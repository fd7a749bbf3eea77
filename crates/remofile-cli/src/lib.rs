//! The command line of Remofile: arguments become settings, settings a command, and what became of
//! the command an exit status.
//!
//! Invariant: only `output` writes to the terminal, and only `exit` knows exit statuses.

mod advice;
mod args;
mod commands;
mod daemon;
mod exit;
mod failed;
mod files;
mod landlock;
mod logging;
mod output;
mod secret;
mod settings;
mod signals;

use clap::Parser;
use exit::Exit;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command that the arguments of the process name.
#[must_use]
pub fn main() -> ExitCode {
    let raw: Vec<OsString> = std::env::args_os().collect();
    let arguments = match args::Arguments::try_parse_from(&raw) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error).into(),
    };
    let presentation = output::Presentation { json: arguments.command.wants_json() };
    match secret::hide_token(&raw, &arguments).and_then(|()| commands::run(arguments)) {
        Ok(exit) => exit.into(),
        Err(failed) => {
            presentation.show(&failed);
            failed.exit().into()
        }
    }
}

/// Help and version are answers; everything else that clap says is a usage error.
fn usage(error: &clap::Error) -> Exit {
    let told = error.print();
    if error.use_stderr() || told.is_err_and(|error| error.kind() != std::io::ErrorKind::BrokenPipe) {
        return Exit::Usage;
    }
    Exit::Success
}
