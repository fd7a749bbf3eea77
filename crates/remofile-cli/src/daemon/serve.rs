//! Serving until a signal.
//!
//! The process goes behind the second wall before it has a second thread: threads share their memory, so one that
//! stayed outside would be a way out for whoever takes over another. All that is left to the process is to remove
//! files where its pidfile is, to append to files where its logs are, and to read files where its tokens file is.

use super::activation;
use super::announcement::announcement;
use super::coordinator;
use super::hang_up::Terminal;
use super::logs::Logs;
use super::names;
use super::notify::Notifier;
use super::observers::Observers;
use super::reloading::LookedAtAgain;
use super::users::Users;
use crate::descriptors;
use crate::failed::{Failed, Result};
use crate::landlock::{self, Beyond, Confinement};
use crate::settings::{Reload, ServerSettings};
use crate::signals;
use remofile::{Bound, Server, ServerOptions};
use signal_hook::consts::SIGHUP;
use signal_hook::iterator::Signals;
use signal_hook::iterator::backend::Handle;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The files of the process that serves, beside those that it serves.
pub(crate) struct Process<'a> {
    /// The directory that its pidfile is in, from which it removes that in the end.
    pub(super) removable: Option<&'a Path>,
    /// The absolute path of the file that its standard error is.
    pub(super) log_file: Option<PathBuf>,
    /// Those that options are read from again.
    pub(super) reload: Reload,
}

/// Serves until SIGINT or SIGTERM, or until its terminal is gone. `announce` is called with what the user must know when
/// clients can connect. The process must have no other thread yet.
pub(crate) fn serve(
    settings: ServerSettings,
    process: Process<'_>,
    announce: impl FnOnce(&str) -> Result<()>,
) -> Result<()> {
    let users = Users::of(&settings.tokens, settings.coordinator.is_some())?;
    descriptors::raise_limit();
    let (passed, notifier) = (activation::listeners()?, Notifier::of_process());
    let coordinated = coordinator::open(settings.coordinator.as_deref(), settings.shared_name())?;
    let server = users.server(&settings, coordinated.as_ref())?;
    let logs = Logs::open(process.log_file, settings.audit_log.clone())?;
    let observers = Observers::open(&settings)?;
    let (audit, observer) = (logs.audit(), observers.option());
    let calls_machines = coordinated.is_some() || observers.call_machines();
    let names = if calls_machines { names::files() } else { Vec::new() };
    let options = ServerOptions { audit, observer, coordinator: coordinated, ..settings.options.clone() };
    server.set_options(options)?;
    let bound =
        if passed.is_empty() { server.bind(settings.port, settings.address)? } else { server.bind_to(passed)? };
    let announcement = announcement(&settings, bound.addresses(), observers.address());
    let status = status_of(bound.addresses());
    let terminal = Terminal::of_process();
    let signals = signals::of_server()?;
    let (appendable, readable) = (logs.directories(), [users.directories(), process.reload.readable(), names].concat());
    let replaceable = if settings.coordinator.is_some() { users.directories() } else { Vec::new() };
    let (removable, appendable, readable) = (process.removable, &*appendable, &*readable);
    match &settings.bucket {
        None => confine(&settings.root, &Beyond { removable, appendable, readable, replaceable: &replaceable }),
        // The connections to the service need files of the system, and threads that are there already.
        Some(_) => tracing::info!("no directory of this machine is served, so Landlock confines the server to none"),
    }
    let watch = users.watch()?;
    let running = observers.begin(&server)?;
    let serving = Serving::begin(bound, signals.handle())?;
    let (reload, key) = (process.reload, settings.options.private_key);
    let announced = announce(&announcement);
    match announced {
        Ok(()) => {
            notifier.ready(&status);
            let watchdog = notifier.watch(&server);
            let (tokens, notifier) = (watch.as_ref(), &notifier);
            let again =
                LookedAtAgain { server: &server, logs: &logs, tokens, reload: &reload, key, notifier, status: &status };
            wait_for_end(signals, &terminal, &again);
            drop(watchdog);
        }
        Err(_) => terminate(&server),
    }
    let served = serving.finish();
    // Hooks and the last spans may take a while: whoever does not want to wait for them ends the process.
    signals::end_at_once()?;
    running.finish();
    // The last use of the tokens is written down.
    drop(watch);
    served.and(announced)
}

/// The server in a few words, for the service manager.
fn status_of(addresses: &[SocketAddr]) -> String {
    let listening: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    format!("Serving on {}", listening.join(" and "))
}

/// The thread that serves.
struct Serving {
    thread: JoinHandle<remofile::Result<()>>,
}

impl Serving {
    fn begin(bound: Bound, signals: Handle) -> Result<Self> {
        let thread = thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || {
                let _ends_the_wait = CloseOnDrop(signals);
                bound.serve()
            })
            .map_err(Failed::system("cannot start the server's thread"))?;
        Ok(Self { thread })
    }

    fn finish(self) -> Result<()> {
        match self.thread.join() {
            Ok(served) => Ok(served?),
            Err(_) => Err(Failed::System {
                what: "the server ended",
                source: std::io::Error::other("an internal error (see the message above)"),
            }),
        }
    }
}

/// Time for which threads that are about to end are waited for: one that has looked up the name of a coordinator, for example.
const ENDING: Duration = Duration::from_secs(1);

fn confine(root: &Path, beyond: &Beyond<'_>) {
    let deadline = Instant::now() + ENDING;
    while has_other_threads() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    if has_other_threads() {
        tracing::warn!("a thread of the server began before Landlock, and is not confined");
    }
    match landlock::confine(root, beyond) {
        Ok(Confinement::Full) => tracing::info!("Landlock confines the server to its directory"),
        Ok(Confinement::Partial) => {
            tracing::info!("Landlock confines the server to its directory, as far as this kernel can");
        }
        Ok(Confinement::None) => tracing::info!("this kernel has no Landlock: the server relies on its own jail alone"),
        Err(error) => tracing::warn!("Landlock is not in force: {error}"),
    }
}

/// Reports whether this process has threads beside the calling one, where the system tells.
fn has_other_threads() -> bool {
    // A directory has two links, and one more for each directory in it, of which every thread has one here.
    rustix::fs::stat("/proc/self/task").is_ok_and(|tasks| tasks.st_nlink > 3)
}

/// Wakes the thread that waits for signals, however the server ends.
struct CloseOnDrop(Handle);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The first signal ends the server, the second the process. SIGHUP does so only if the terminal is gone, and is sent more
/// than once then; otherwise the server looks at its files again.
fn wait_for_end(mut signals: Signals, terminal: &Terminal, files: &LookedAtAgain<'_>) {
    let mut is_ending = false;
    for signal in signals.forever() {
        match signal {
            SIGHUP if is_ending => {}
            SIGHUP if !terminal.is_gone() => files.look(),
            _ if is_ending => signals::end_now(),
            _ => {
                is_ending = true;
                files.notifier.stopping();
                terminate(files.server);
            }
        }
    }
}

fn terminate(server: &Server) {
    // It fails only if the server has ended by itself; `finish` tells why.
    let _ended = server.terminate();
}
