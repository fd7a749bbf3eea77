//! A server in the background.
//!
//! `start` starts itself again, detached, and reads what the server says when it is ready from a pipe:
//! the announcement and, behind it, a mark. If the pipe ends without the mark the server has failed, and
//! has told why on standard error, which is the user's until then.

use super::logfile::open_log;
use super::pidfile::Pidfile;
use super::serve::{Process, serve};
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::{self, text};
use crate::secret::{self, TOKEN_DESCRIPTOR};
use crate::settings::{Reload, ServerSettings};
use remofile::protocol::token::Token;
use rustix::stdio::{dup2_stderr, dup2_stdout};
use std::ffi::OsString;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ends an announcement: the server accepts connections.
const READY: char = '\0';

/// Puts a server into the background, with the arguments of this process. Returns when it accepts
/// connections, or with the exit status of the failed server.
pub(crate) fn launch(token: Option<&Token>) -> Result<Exit> {
    let child = spawn(token)?;
    let (said, child) = listen(child)?;
    match said.strip_suffix(READY) {
        Some(announcement) => {
            output::data(announcement)?;
            Ok(Exit::Success)
        }
        None => exit_of(child),
    }
}

fn spawn(token: Option<&Token>) -> Result<Child> {
    let mut raw = std::env::args_os();
    let mut command = Command::new(secret::own_program());
    if let Some(name) = raw.next() {
        command.arg0(name);
    }
    command.arg("--background");
    let pipe = token.map(secret::pipe_with_token).transpose()?;
    if let Some(pipe) = &pipe {
        command.arg(TOKEN_DESCRIPTOR).arg(pipe.as_raw_fd().to_string());
    }
    command.args(without_descriptor(raw.collect()));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(Failed::system("cannot start the server's process"))
}

/// The arguments without the descriptor that this process itself was given, which comes first.
fn without_descriptor(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.first().is_some_and(|first| first == TOKEN_DESCRIPTOR) {
        arguments.drain(..2);
    }
    arguments
}

fn listen(mut child: Child) -> Result<(String, Child)> {
    let mut said = String::new();
    if let Some(mut pipe) = child.stdout.take() {
        pipe.read_to_string(&mut said).map_err(Failed::system("cannot read from the server's process"))?;
    }
    Ok((said, child))
}

/// The server has said why it failed.
fn exit_of(mut child: Child) -> Result<Exit> {
    let status = child.wait().map_err(Failed::system("cannot wait for the server's process"))?;
    match status.code().and_then(Exit::from_status) {
        Some(exit) if exit != Exit::Success => Ok(exit),
        _ => Err(Failed::System {
            what: "the server ended before it was ready",
            source: std::io::Error::other(status.to_string()),
        }),
    }
}

/// Serves in the process that [`launch`] has started.
pub(crate) fn serve_in_background(
    settings: ServerSettings,
    reload: Reload,
    pidfile: &Path,
    log_file: Option<&Path>,
) -> Result<()> {
    // It fails only for the leader of a session, which is detached already.
    let _ = rustix::process::setsid();
    let pidfile = Pidfile::claim(pidfile)?;
    let null = open_log(Path::new("/dev/null"))?;
    let log = log_file.map(open_log).transpose()?;
    let log_file = log_file.map(std::path::absolute).transpose().map_err(Failed::system("cannot find the log file"))?;
    std::env::set_current_dir("/").map_err(Failed::system("cannot leave the current directory"))?;
    let process = Process { removable: pidfile.path().parent(), log_file, reload };
    let is_quiet = settings.quiet;
    serve(settings, process, |announcement| {
        let process = if is_quiet { String::new() } else { background_line(&pidfile) };
        output::data(&format!("{announcement}{process}{READY}"))?;
        detach(&null, log.as_ref().unwrap_or(&null))
    })
}

fn background_line(pidfile: &Pidfile) -> String {
    let path = pidfile.path().to_string_lossy();
    let (process, word) = (std::process::id(), text::shell_word(&path));
    format!("\n# Process {process} serves in the background. To end it: remofile stop --pidfile {word}\n")
}

/// Serves in this process, on its terminal if it has one. `log_file` is where its messages go once it is ready.
pub(crate) fn serve_in_foreground(settings: ServerSettings, reload: Reload, log_file: Option<&Path>) -> Result<()> {
    let log = log_file.map(open_log).transpose()?;
    let log_file = log_file.map(std::path::absolute).transpose().map_err(Failed::system("cannot find the log file"))?;
    serve(settings, Process { removable: None, log_file, reload }, |announcement| {
        output::data(announcement)?;
        match &log {
            Some(log) => dup2_stderr(log).map_err(Failed::system("cannot write to the log file")),
            None => Ok(()),
        }
    })
}

/// Lets go of the user's terminal, and of the pipe to the process that waits for us.
fn detach(null: &OwnedFd, log: &OwnedFd) -> Result<()> {
    let what = "cannot detach from the terminal";
    dup2_stdout(null).map_err(Failed::system(what))?;
    dup2_stderr(log).map_err(Failed::system(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptor_of_the_starting_process_is_not_handed_on() {
        let arguments = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(without_descriptor(arguments("--token-fd 3 start d 0")), arguments("start d 0"));
        assert_eq!(without_descriptor(arguments("start d 0")), arguments("start d 0"));
    }
}
