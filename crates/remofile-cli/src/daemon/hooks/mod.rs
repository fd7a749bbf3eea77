//! Hooks: a command that is run, and an address that is called, for each file that a client has stored.
//!
//! Participants: [`Hooks`] observes the server and puts a [`Job`] into the queue of each [`Hook`]; a thread of the hook's own
//! feeds them to a [`runner`], a process that was started before this one was confined, and which runs and calls what it was
//! told to at its beginning, one job after the other. Goals: nothing that serves waits for a hook; jobs are done in the order
//! in which files were stored, tried again where that may help, and counted where they are lost. Invariant: no name, which
//! clients choose, is ever a part of a command line.

mod attempts;
mod command;
mod hook;
mod job;
mod runner;
#[cfg(feature = "https")]
mod tls;
mod webhook;

pub(crate) use runner::run_if_asked;
#[cfg(all(feature = "https", feature = "coordinator"))]
pub(super) use tls::BUNDLES;
pub(crate) use webhook::address as webhook_address;
#[cfg(feature = "opentelemetry")]
pub(super) use webhook::agent;

use super::status::Metrics;
use crate::failed::Result;
use crate::settings::HookSettings;
use hook::{ENDING, Hook};
use job::{Job, Orders, Task};
use remofile::server::{ServerEvent, ServerObserver};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// The hooks of a server. Clones are the same.
#[derive(Clone)]
pub(super) struct Hooks(Arc<[Hook]>);

impl Hooks {
    /// Starts the processes of the hooks, before this one is confined.
    pub(super) fn start(settings: &HookSettings, root: &Path, metrics: Option<&Arc<Metrics>>) -> Result<Self> {
        let command = settings.on_upload.clone().map(Task::Command);
        let webhook = settings.webhook.clone().map(Task::Webhook);
        let start = |task: Task| {
            let orders = Orders { task, root: root.to_owned(), timeout: settings.timeout };
            Hook::start(&orders, metrics.cloned())
        };
        command.into_iter().chain(webhook).map(start).collect::<Result<Vec<_>>>().map(|hooks| Self(hooks.into()))
    }

    /// Begins to feed them, when this process is confined.
    pub(super) fn begin(&self) -> Result<()> {
        self.0.iter().try_for_each(Hook::begin)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets them do what waits, for a while, and ends them.
    pub(super) fn finish(&self) {
        self.0.iter().for_each(Hook::close);
        let until = Instant::now() + ENDING;
        self.0.iter().for_each(|hook| hook.finish(until));
    }
}

impl ServerObserver for Hooks {
    fn observe(&self, event: &ServerEvent<'_>) {
        if let ServerEvent::Stored(file) = event {
            let line = Job::of(file).line();
            self.0.iter().for_each(|hook| hook.add(&line));
        }
    }
}
