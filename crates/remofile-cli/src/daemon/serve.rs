//! Serving until a signal.
//!
//! The process goes behind the second wall before it has a second thread: threads share their memory, so one that
//! stayed outside would be a way out for whoever takes over another. All that is left to the process is to remove
//! files where its pidfile is.

use super::announcement::announcement;
use crate::failed::{Failed, Result};
use crate::landlock::{self, Confinement};
use crate::settings::ServerSettings;
use crate::{output, signals};
use remofile::protocol::token::Origin;
use remofile::{Bound, Server};
use signal_hook::iterator::Signals;
use signal_hook::iterator::backend::Handle;
use std::path::Path;
use std::thread::{self, JoinHandle};

/// Serves until SIGINT or SIGTERM. `announce` is called with what the user must know when clients can
/// connect. From `removable`, a directory, the process can remove files in the end. The process must have no other
/// thread yet.
pub(crate) fn serve(
    settings: ServerSettings,
    removable: Option<&Path>,
    announce: impl FnOnce(&str) -> Result<()>,
) -> Result<()> {
    if settings.token.origin() == Origin::Chosen {
        output::warn(
            "this token was not generated: whoever records a session can try to guess it offline \
             (make one that cannot be guessed with 'remofile generate-token')",
        );
    }
    raise_descriptor_limit();
    let server = Server::new(&settings.root, settings.token.clone())?;
    server.set_options(settings.options.clone())?;
    let bound = server.bind(settings.port, settings.address)?;
    let announcement = announcement(&settings, bound.addresses());
    let signals = signals::of_ending()?;
    confine(&settings.root, removable);
    let serving = Serving::begin(bound, signals.handle())?;
    drop(settings);
    let announced = announce(&announcement);
    match announced {
        Ok(()) => wait_for_end(&server, signals),
        Err(_) => terminate(&server),
    }
    serving.finish()?;
    announced
}

/// The usual limit of 1,024 descriptors is for programs that use `select`; strangers must not use it up.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it cannot be raised, the server gets by with what it has.
    let _refused = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
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

fn confine(root: &Path, removable: Option<&Path>) {
    if has_other_threads() {
        tracing::warn!("a thread of the server began before Landlock, and is not confined");
    }
    match landlock::confine(root, removable) {
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

/// The first signal ends the server, the second the process.
fn wait_for_end(server: &Server, mut signals: Signals) {
    let mut arrivals = signals.forever();
    if arrivals.next().is_none() {
        return;
    }
    terminate(server);
    if arrivals.next().is_some() {
        signals::end_now();
    }
}

fn terminate(server: &Server) {
    // It fails only if the server has ended by itself; `finish` tells why.
    let _ended = server.terminate();
}
