//! The process that runs a hook. It is outside of the wall around the server, and does for each job what it was ordered to
//! when it was started, whatever the server tells it later.

use super::attempts::{AttemptFailed, Attempts, attempt};
use super::command;
use super::job::{Job, Orders, Outcome, Report, Task};
use super::webhook::Caller;
use crate::exit::Exit;
use signal_hook::consts::{SIGHUP, SIGTERM};
use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The only argument of the process.
pub(super) const RUN_HOOKS: &str = "--run-hooks";

/// One attempt to do a job.
type Attempt<'a> = Box<dyn FnMut(&Job) -> Result<(), AttemptFailed> + 'a>;

/// Runs hooks, if the arguments of this process ask for that.
pub(crate) fn run_if_asked(raw: &[OsString]) -> Option<Exit> {
    let is_asked = raw.len() == 2 && raw[1] == RUN_HOOKS;
    is_asked.then(|| if run().is_ok() { Exit::Success } else { Exit::Failure })
}

fn run() -> io::Result<()> {
    // It ends with the server, which it has jobs of still: a service manager signals both.
    for signal in [SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    let mut lines = io::stdin().lock().lines();
    let Some(orders) = lines.next().transpose()? else { return Ok(()) };
    let orders: Orders = serde_json::from_str(&orders)?;
    let mut once: Attempt<'_> = match &orders.task {
        Task::Command(command) => Box::new(|job| command::run(command, &orders, job)),
        Task::Webhook(address) => {
            let caller = Caller::new(address, orders.timeout);
            Box::new(move |job| caller.call(job))
        }
    };
    for line in lines {
        let job: Job = serde_json::from_str(&line?)?;
        let pause = |attempts: u32, why: &str, pause: Duration| {
            let (path, why) = (job.path.clone(), Some(why.to_owned()));
            // Who hears it no more has ended, and gives no more jobs.
            let _unheard = tell(&Report { outcome: Outcome::TriedAgain, path, attempts, why });
            std::thread::sleep(pause);
        };
        let Attempts { is_done, count: attempts, why } = attempt(|| once(&job), pause);
        let outcome = if is_done { Outcome::Done } else { Outcome::Failed };
        tell(&Report { outcome, path: job.path, attempts, why })?;
    }
    Ok(())
}

fn tell(report: &Report) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all((serde_json::to_string(report)? + "\n").as_bytes())?;
    stdout.flush()
}
