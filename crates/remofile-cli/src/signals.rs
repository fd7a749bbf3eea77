//! Signals that end or stop the command, or have a server look at its files again.

use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::output::screen;
use crate::own_process::OwnProcess;
use remofile::Interrupt;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::flag::register_conditional_shutdown;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

/// The signals that a server waits for: those that ask for an end, and SIGHUP.
pub(crate) fn of_server() -> Result<Signals> {
    wait_for(&[SIGINT, SIGTERM, SIGHUP])
}

/// From now on the first signal ends the library's calls, so that what can be resumed is kept; the second ends the process.
/// A terminal that is closed is such a signal, unless the command was told to survive that. One that stops the process does
/// so when the bar is out of the way.
pub(crate) fn interrupt_calls(interrupt: Interrupt) -> Result<()> {
    let own = OwnProcess::read();
    let mut handled = vec![SIGINT, SIGTERM];
    handled.extend([SIGHUP, SIGTSTP].into_iter().filter(|signal| !own.ignores(*signal)));
    // What no shell could continue is stopped by the kernel at no key.
    handled.retain(|signal| *signal != SIGTSTP || own.is_a_job());
    let mut signals = wait_for(&handled)?;
    let wait = move || {
        let mut is_ending = false;
        for signal in signals.forever() {
            match signal {
                SIGTSTP => stop(),
                // The shell and the kernel both tell that the terminal is gone: nobody is in a hurry.
                SIGHUP => interrupt.trigger(),
                _ if is_ending => end_now(),
                _ => {
                    is_ending = true;
                    interrupt.trigger();
                }
            }
        }
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(wait)
        .map_err(Failed::system("cannot start a thread for signals"))?;
    Ok(())
}

/// From now on a signal that asks for an end ends the process.
pub(crate) fn end_at_once() -> Result<()> {
    let always = Arc::new(AtomicBool::new(true));
    for signal in [SIGINT, SIGTERM] {
        register_conditional_shutdown(signal, Exit::Interrupted.status().into(), Arc::clone(&always))
            .map_err(Failed::system("cannot wait for signals"))?;
    }
    Ok(())
}

/// Ends the process for a user who does not want to wait.
pub(crate) fn end_now() -> ! {
    screen::clear_at_the_end();
    std::process::exit(Exit::Interrupted.status().into())
}

/// Stops the process until it is continued; it draws nothing in between.
fn stop() {
    screen::above(|| {
        // A signal that cannot be sent to oneself leaves the command running, as an ignored one does.
        let _running = emulate_default_handler(SIGTSTP);
    });
}

fn wait_for(signals: &[i32]) -> Result<Signals> {
    Signals::new(signals).map_err(Failed::system("cannot wait for signals"))
}
