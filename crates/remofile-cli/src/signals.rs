//! Signals that end the command.

use crate::exit::Exit;
use crate::failed::{Failed, Result};
use remofile::Interrupt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::thread;

/// The signals that ask for an end.
pub(crate) fn of_ending() -> Result<Signals> {
    Signals::new([SIGINT, SIGTERM]).map_err(Failed::system("cannot wait for signals"))
}

/// From now on the first signal ends the library's calls, so that what can be resumed is kept; the
/// second ends the process.
pub(crate) fn interrupt_calls(interrupt: Interrupt) -> Result<()> {
    let mut signals = of_ending()?;
    let wait = move || {
        let mut arrivals = signals.forever();
        if arrivals.next().is_some() {
            interrupt.trigger();
        }
        if arrivals.next().is_some() {
            end_now();
        }
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(wait)
        .map_err(Failed::system("cannot start a thread for signals"))?;
    Ok(())
}

/// Ends the process for a user who does not want to wait.
pub(crate) fn end_now() -> ! {
    std::process::exit(Exit::Interrupted.status().into())
}
