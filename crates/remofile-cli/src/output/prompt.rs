//! Questions to the user, who answers with a line.

use super::stderr_text;
use crate::failed::{Failed, Result};
use crate::signals::end_now;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, BufRead, IsTerminal, Stdin};
use zeroize::Zeroizing;

/// Longest answer, in bytes.
const MOST_BYTES: u64 = 4096;

/// Asks for a line. `None` if there is nobody to ask.
pub(crate) fn line(question: &str) -> Result<Option<Zeroizing<String>>> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Ok(None);
    }
    stderr_text(question);
    read(&stdin)
}

/// Asks whether something is meant; it is not if there is nobody to ask.
pub(crate) fn confirms(question: &str) -> Result<bool> {
    let answer = line(question)?;
    Ok(answer.is_some_and(|answer| ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str())))
}

/// Asks for a line that is not shown while it is typed; without a terminal it is the first line of standard input. `None`
/// if that is empty.
pub(crate) fn secret_line(question: &str) -> Result<Option<Zeroizing<String>>> {
    let stdin = io::stdin();
    let _silent = match stdin.is_terminal() {
        true => {
            // Hidden from the first letter on: who sees the question may type.
            let silence = Silence::begin(&stdin)?;
            stderr_text(question);
            Some(silence)
        }
        false => None,
    };
    read(&stdin)
}

fn read(stdin: &Stdin) -> Result<Option<Zeroizing<String>>> {
    let mut line = Zeroizing::new(String::with_capacity(MOST_BYTES as usize));
    let read = io::Read::take(stdin.lock(), MOST_BYTES).read_line(&mut line);
    read.map_err(Failed::system("cannot read the answer"))?;
    Ok(Some(line).filter(|line| !line.trim().is_empty()))
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silence<'a> {
    terminal: &'a Stdin,
    before: Termios,
}

impl<'a> Silence<'a> {
    fn begin(terminal: &'a Stdin) -> Result<Self> {
        let what = "cannot hide what is typed: use '--token-file'";
        let before = tcgetattr(terminal).map_err(Failed::system(what))?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        restore_when_interrupted(before.clone()).map_err(Failed::system(what))?;
        tcsetattr(terminal, OptionalActions::Flush, &silent).map_err(Failed::system(what))?;
        Ok(Self { terminal, before })
    }
}

/// Has the terminal show again what is typed if a signal ends the command at its question. It goes on to do so: the system's
/// own treatment of the signals does not come back.
fn restore_when_interrupted(before: Termios) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT])?;
    std::thread::Builder::new().name("prompt".to_owned()).spawn(move || {
        if signals.forever().next().is_some() {
            let _gone = tcsetattr(io::stdin(), OptionalActions::Now, &before);
            end_now();
        }
    })?;
    Ok(())
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        let _gone = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
        stderr_text("\n");
    }
}
