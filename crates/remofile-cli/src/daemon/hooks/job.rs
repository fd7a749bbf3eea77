//! Messages between the server and the process that runs its hooks: a JSON object a line.

use remofile::server::StoredFile;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// The first line: what is to be done for each file.
#[derive(Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) task: Task,
    /// The directory that is served.
    pub(super) root: PathBuf,
    /// Time for one attempt.
    pub(super) timeout: Duration,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Task {
    /// A command of the shell is run.
    Command(String),
    /// An address is called.
    Webhook(String),
}

impl Task {
    /// The name of the hook, in logs and metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Command(_) => "on-upload",
            Self::Webhook(_) => "webhook",
        }
    }
}

/// A file that was stored.
#[derive(Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) token: String,
    pub(super) client: String,
    pub(super) address: String,
    /// The line of the audit log.
    pub(super) record: String,
}

impl Job {
    pub(super) fn of(file: &StoredFile<'_>) -> Self {
        let owned = str::to_owned;
        let (path, token, client, address) =
            (owned(file.path), owned(file.token), owned(file.client), owned(file.address));
        Self { path, bytes: file.bytes, token, client, address, record: file.record.to_string() }
    }

    pub(super) fn line(&self) -> String {
        // Texts and numbers can be nothing but JSON.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    Done,
    Failed,
    /// The job failed, and will be tried again.
    TriedAgain,
}

/// The report of a job.
#[derive(Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) outcome: Outcome,
    pub(super) path: String,
    pub(super) attempts: u32,
    /// The reason of the last failure.
    pub(super) why: Option<String>,
}
