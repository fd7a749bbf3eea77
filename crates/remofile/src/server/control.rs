//! Looking at a server that runs, and changing what may change meanwhile.

use super::Server;
use super::lifetime::{Run, Stop};
use super::limits::Limits;
use super::options::{ServerOptions, check};
use super::statistics::ServerStatistics;
use crate::error::{Error, Result};
use remofile_protocol::token::Token;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Server {
    /// Reports whether the server answers: it runs, is not about to end, and its event loop turns within this time.
    #[must_use]
    pub fn is_responsive(&self, within: Duration) -> bool {
        let Some(stop) = self.running() else { return false };
        let is_felt = stop.control.get().is_some() && stop.pulse.is_felt(&stop.waker, within);
        is_felt && !stop.stopping.load(Ordering::Acquire)
    }

    /// Returns the numbers of a server that serves; `None` if it does not.
    #[must_use]
    pub fn statistics(&self) -> Option<ServerStatistics> {
        let shared = self.running()?.control.get()?.shared.upgrade()?;
        let (held, waiting) = shared.leases.count();
        let pool = shared.pool.load();
        Some(ServerStatistics {
            leases_held: held as u64,
            leases_waiting: waiting as u64,
            pool_threads: pool.threads as u64,
            pool_busy: pool.busy as u64,
            pool_waiting: pool.waiting as u64,
            open_files: shared.open_files.count() as u64,
            memory_bytes: shared.memory.used(),
        })
    }

    /// Changes the limits of a server while it runs: [`ServerOptions::file_size_limit`], [`ServerOptions::max_sessions`],
    /// [`ServerOptions::sessions_per_address`], [`ServerOptions::sessions_per_token`], [`ServerOptions::session_memory`],
    /// [`ServerOptions::idle_timeout`], [`ServerOptions::max_hold`] and [`ServerOptions::partial_expiry`]. Other options are
    /// left as they are. Sessions keep the limits that they began with.
    ///
    /// # Errors
    /// [`Error::Usage`] if the options make no sense, or while nothing is served.
    pub fn change_limits(&self, limits: &ServerOptions) -> Result<()> {
        check(limits)?;
        let taken = |options: &mut ServerOptions| {
            options.file_size_limit = limits.file_size_limit;
            options.max_sessions = limits.max_sessions;
            options.sessions_per_address = limits.sessions_per_address;
            options.sessions_per_token = limits.sessions_per_token;
            options.session_memory = limits.session_memory;
            options.idle_timeout = limits.idle_timeout;
            options.max_hold = limits.max_hold;
            options.partial_expiry = limits.partial_expiry;
        };
        let stop = self.running().ok_or(NOT_SERVING)?;
        let control = stop.control.get().ok_or(NOT_SERVING)?;
        taken(&mut self.lock().options);
        if let Some(shared) = control.shared.upgrade() {
            shared.limits.replace(Limits::of(limits));
        }
        control.roll.change(taken);
        Ok(())
    }

    /// Takes another token in place of the only one of a server, while it runs. Sessions of the former one are ended.
    ///
    /// # Errors
    /// [`Error::Usage`] if the server has tokens of many users, or while nothing is served.
    pub fn change_token(&self, token: Token) -> Result<()> {
        let stop = self.running().ok_or(NOT_SERVING)?;
        let control = stop.control.get().ok_or(NOT_SERVING)?;
        match control.roll.exchange(token) {
            true => Ok(()),
            false => Err(Error::Usage("the tokens of many users are changed where they are kept")),
        }
    }

    fn running(&self) -> Option<Arc<Stop>> {
        match &self.lock().run {
            Run::Running(stop) => Some(Arc::clone(stop)),
            Run::Idle => None,
        }
    }
}

const NOT_SERVING: Error = Error::Usage("the server is not running");
