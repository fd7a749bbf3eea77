//! Telling the service manager how it stands: that the server is ready, reloads, ends, and lives.
//!
//! The socket is connected before the process is confined: its path cannot be found afterwards.

use remofile::Server;
use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

/// The way to the service manager, if there is one. Clones are the same.
#[derive(Clone)]
pub(super) struct Notifier(Option<Arc<UnixDatagram>>);

/// The thread that tells the service manager that the server lives, until this is dropped.
pub(super) struct Watchdog {
    _ends_with: Sender<()>,
}

impl Notifier {
    /// The one that started this process, as `NOTIFY_SOCKET` says. One that cannot be reached is none.
    pub(super) fn of_process() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return Self(None) };
        let connected = connect(&name);
        if let Err(error) = &connected {
            tracing::warn!(%error, "the service manager cannot be told that the server is ready");
        }
        Self(connected.ok().map(Arc::new))
    }

    pub(super) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}\nMAINPID={}", std::process::id()));
    }

    /// The server reads its files again; [`Notifier::ready`] tells that it has.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let microseconds = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
    }

    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=Ending the sessions");
    }

    /// Begins to tell that the server lives, as long as its event loop turns, if the service manager watches it.
    pub(super) fn watch(&self, server: &Server) -> Option<Watchdog> {
        self.0.as_ref()?;
        let interval = interval()?;
        let (ends_with, ended) = mpsc::channel();
        let (notifier, server) = (self.clone(), server.clone());
        let watch = move || {
            let mut has_answered = false;
            while ended.recv_timeout(interval / 2) == Err(RecvTimeoutError::Timeout) {
                let answers = server.is_responsive(interval / 2);
                has_answered |= answers;
                // Otherwise the service manager ends the process, and starts another one. One that is still looking for old
                // partials, which may be many, has not begun to answer.
                if answers || !has_answered {
                    notifier.tell("WATCHDOG=1");
                }
            }
        };
        let started = std::thread::Builder::new().name("watchdog".to_owned()).spawn(watch);
        started.ok().map(|_| Watchdog { _ends_with: ends_with })
    }

    fn tell(&self, state: &str) {
        if let Some(socket) = &self.0
            && let Err(error) = socket.send(state.as_bytes())
        {
            tracing::warn!(%error, "the service manager was not told: {}", state.lines().next().unwrap_or_default());
        }
    }
}

fn connect(name: &OsStr) -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    socket.connect_addr(&address)?;
    // A service manager that reads nothing holds nobody up.
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The time within which the service manager wants a sign of life of this process.
fn interval() -> Option<Duration> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let is_other = number("WATCHDOG_PID").is_some_and(|process| process != u64::from(std::process::id()));
    number("WATCHDOG_USEC").filter(|microseconds| *microseconds > 0 && !is_other).map(Duration::from_micros)
}
