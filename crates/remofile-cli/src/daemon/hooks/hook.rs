//! One hook on the server's side: its queue, and the process that runs it.

use super::job::{Orders, Outcome, Report};
use super::runner::RUN_HOOKS;
use crate::daemon::status::{HookOutcome, Metrics};
use crate::failed::{Failed, Result};
use crate::secret;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Jobs that wait at most, and their bytes.
const MOST_JOBS: usize = 10_000;
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Bytes of a report at most.
const MOST_REPORT_BYTES: u64 = 64 * 1024;

/// The time for which the server, when it ends, waits for jobs to be done.
pub(super) const ENDING: Duration = Duration::from_secs(10);

/// Least time between two complaints that jobs are lost.
const COMPLAINING: Duration = Duration::from_secs(60);

/// One hook.
pub(super) struct Hook(Arc<Shared>);

struct Shared {
    name: &'static str,
    process: Mutex<Option<Process>>,
    state: Mutex<State>,
    /// Called when there is another job, or none will come, and when the process has ended.
    changed: Condvar,
    metrics: Option<Arc<Metrics>>,
}

/// The process before it is fed.
struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<String>,
    bytes: usize,
    /// Jobs that the process has, and has not reported.
    under_way: u64,
    /// The process group, while there is one.
    group: Option<Pid>,
    is_closed: bool,
    is_over: bool,
    lost: u64,
    complained: Option<Instant>,
}

impl Hook {
    /// Starts the process, which gets its orders on standard input: what is called may be a secret.
    pub(super) fn start(orders: &Orders, metrics: Option<Arc<Metrics>>) -> Result<Self> {
        let name = orders.task.name();
        let what = "cannot start the process that runs hooks";
        let mut command = Command::new(secret::own_program());
        command.arg(RUN_HOOKS).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Neither Ctrl-C nor what only a server has to know is for it.
        command.process_group(0);
        for (variable, _) in std::env::vars_os() {
            let is_own =
                variable.to_str().is_none_or(|variable| OF_THE_SERVER.iter().any(|own| variable.starts_with(own)));
            if is_own || SERVICE_MANAGER.iter().any(|other| variable == *other) {
                command.env_remove(variable);
            }
        }
        let mut child = command.spawn().map_err(Failed::system(what))?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failed::System { what, source: io::ErrorKind::BrokenPipe.into() });
        };
        let line = serde_json::to_string(orders).map_err(|error| Failed::System { what, source: error.into() })?;
        stdin.write_all((line + "\n").as_bytes()).map_err(Failed::system(what))?;
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or_default());
        let state = Mutex::new(State { group, ..State::default() });
        let process = Mutex::new(Some(Process { child, stdin, stdout }));
        Ok(Self(Arc::new(Shared { name, process, state, changed: Condvar::new(), metrics })))
    }

    /// Begins to feed the process, and to hear what became of its jobs.
    pub(super) fn begin(&self) -> Result<()> {
        let Some(Process { child, stdin, stdout }) = lock(&self.0.process).take() else { return Ok(()) };
        let (feeding, hearing) = (Arc::clone(&self.0), Arc::clone(&self.0));
        let what = "cannot start a thread for hooks";
        thread::Builder::new()
            .name("hooks".to_owned())
            .spawn(move || feeding.feed(stdin))
            .map_err(Failed::system(what))?;
        let hear = move || hearing.hear(child, stdout);
        thread::Builder::new().name("hook reports".to_owned()).spawn(hear).map_err(Failed::system(what))?;
        Ok(())
    }

    /// Adds a job, unless too many wait.
    pub(super) fn add(&self, job: &str) {
        let mut state = self.0.lock();
        if state.is_over || state.is_closed || state.jobs.len() >= MOST_JOBS || state.bytes + job.len() > MOST_BYTES {
            let is_over = state.is_over || state.is_closed;
            let why =
                if is_over { "the process that runs it has ended, or is ending" } else { "too many files wait for it" };
            return self.0.lose(state, 1, false, why);
        }
        state.bytes += job.len();
        state.jobs.push_back(job.to_owned());
        drop(state);
        self.0.metrics.as_ref().inspect(|metrics| metrics.hook_waits());
        self.0.changed.notify_all();
    }

    /// Takes no more jobs.
    pub(super) fn close(&self) {
        self.0.lock().is_closed = true;
        self.0.changed.notify_all();
    }

    /// Waits until all jobs are done, but not beyond a time, and ends the process.
    pub(super) fn finish(&self, until: Instant) {
        let state = self.0.lock();
        let left = until.saturating_duration_since(Instant::now());
        let waited = self.0.changed.wait_timeout_while(state, left, |state| !state.is_over);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let group = state.group.filter(|_| !state.is_over);
        drop(state);
        if let Some(group) = group {
            let _gone_already = kill_process_group(group, Signal::KILL);
            let waited = self.0.changed.wait_timeout_while(self.0.lock(), ENDING, |state| !state.is_over);
            drop(waited);
        }
    }
}

/// Beginnings of the variables that only the server has to know. Those for its collector may have a password in them.
const OF_THE_SERVER: &[&str] = &[
    "REMOFILE_",
    "AWS_",
    "AZURE_",
    "IDENTITY_HEADER",
    "ETCDCTL_",
    #[cfg(feature = "opentelemetry")]
    "OTEL_EXPORTER_",
];

/// Variables by which a service manager talks to the server alone.
const SERVICE_MANAGER: [&str; 7] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "CREDENTIALS_DIRECTORY",
];

impl Shared {
    /// Gives jobs to the process until none will come.
    fn feed(&self, mut stdin: ChildStdin) {
        loop {
            let state = self.lock();
            let waits = |state: &mut State| state.jobs.is_empty() && !state.is_closed && !state.is_over;
            let mut state = self.changed.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner);
            let Some(job) = state.jobs.pop_front().filter(|_| !state.is_over) else { return };
            state.bytes -= job.len();
            state.under_way += 1;
            drop(state);
            // Whoever hears that the process has ended counts what it had.
            if stdin.write_all(job.as_bytes()).is_err() {
                return;
            }
        }
    }

    /// Hears what became of jobs until the process has ended.
    fn hear(&self, mut child: Child, stdout: ChildStdout) {
        let mut reports = BufReader::new(stdout);
        loop {
            let mut line = String::new();
            match reports.by_ref().take(MOST_REPORT_BYTES).read_line(&mut line) {
                Ok(0) | Err(_) => break,
                Ok(_) => self.take_report(&line),
            }
        }
        let _ended = child.wait();
        let mut state = self.lock();
        (state.is_over, state.group) = (true, None);
        let left = state.jobs.len() as u64 + std::mem::take(&mut state.under_way);
        state.jobs.clear();
        if left > 0 {
            self.lose(state, left, true, "the process that runs it has ended");
        } else if !state.is_closed {
            tracing::error!(
                hook = self.name,
                "the process that runs hooks has ended: start the server again to have hooks run"
            );
        }
        self.changed.notify_all();
    }

    fn take_report(&self, line: &str) {
        let Ok(Report { outcome, path, attempts, why }) = serde_json::from_str(line) else { return };
        let (hook, why) = (self.name, why.unwrap_or_default());
        let outcome = match outcome {
            Outcome::TriedAgain => {
                return tracing::warn!(hook, path, attempts, why, "a hook failed, and is tried again");
            }
            Outcome::Done if attempts > 1 => {
                tracing::warn!(hook, path, attempts, "a hook succeeded late");
                HookOutcome::Done
            }
            Outcome::Done => {
                tracing::debug!(hook, path, "a hook was run");
                HookOutcome::Done
            }
            Outcome::Failed => {
                tracing::error!(hook, path, attempts, why, "a hook failed");
                HookOutcome::Failed
            }
        };
        let mut state = self.lock();
        state.under_way = state.under_way.saturating_sub(1);
        drop(state);
        self.metrics.as_ref().inspect(|metrics| metrics.hook_ended(hook, outcome, true));
    }

    /// Counts jobs that are not done, and tells of them once a minute, and at the end.
    fn lose(&self, mut state: MutexGuard<'_, State>, jobs: u64, waited: bool, why: &str) {
        state.lost += jobs;
        let is_due = state.complained.is_none_or(|at| at.elapsed() >= COMPLAINING);
        let lost = if is_due || waited { std::mem::take(&mut state.lost) } else { 0 };
        if lost > 0 {
            state.complained = Some(Instant::now());
        }
        drop(state);
        if lost > 0 {
            tracing::error!(hook = self.name, files = lost, "a hook is not run: {why}");
        }
        if let Some(metrics) = &self.metrics {
            (0..jobs).for_each(|_| metrics.hook_ended(self.name, HookOutcome::Dropped, waited));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is complete before it can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
