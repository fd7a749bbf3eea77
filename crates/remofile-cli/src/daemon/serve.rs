//! Serving until a signal.
//!
//! The main thread waits for signals and stays outside the second wall, so that it can remove the
//! pidfile in the end; the thread that serves, and all it starts, are behind it.

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
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

/// Serves until SIGINT or SIGTERM. `announce` is called with what the user must know when clients can
/// connect.
pub(crate) fn serve(settings: ServerSettings, announce: impl FnOnce(&str) -> Result<()>) -> Result<()> {
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
    let serving = Serving::begin(bound, &settings.root, signals.handle())?;
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
    /// Returns when the thread is confined.
    fn begin(bound: Bound, root: &Path, signals: Handle) -> Result<Self> {
        let root = root.to_owned();
        let (confined, wait) = channel();
        let thread = thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || {
                let _ends_the_wait = CloseOnDrop(signals);
                confine(&root, &confined);
                bound.serve()
            })
            .map_err(Failed::system("cannot start the server's thread"))?;
        // It fails only if the thread has ended; `finish` tells why.
        let _ = wait.recv();
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

fn confine(root: &Path, confined: &Sender<()>) {
    match landlock::confine(root) {
        Ok(Confinement::Full) => tracing::info!("Landlock confines the server to its directory"),
        Ok(Confinement::Partial) => {
            tracing::info!("Landlock confines the server to its directory, as far as this kernel can");
        }
        Ok(Confinement::None) => tracing::info!("this kernel has no Landlock: the server relies on its own jail alone"),
        Err(error) => tracing::warn!("Landlock is not in force: {error}"),
    }
    let _ = confined.send(());
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
