//! Entries at a server, for completion: asked for once, and forgotten if it does not come at once.

use super::refusals::Refusals;
use super::variables::LINE;
use crate::args::{Connection, ServerName};
use crate::settings;
use remofile::protocol::handshake::Refusal;
use remofile::protocol::path::RemotePath;
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Kind, Listed};
use remofile::{Client, ClientOptions, Error, Identity, OnWaiting, Wait};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The time in which an answer has to be there: who waits for a tabulator would wait for nothing else.
const LIMIT: Duration = Duration::from_millis(100);

/// The variable with another limit, for servers that are far away: milliseconds, or `1s`.
const LIMIT_VARIABLE: &str = "REMOFILE_COMPLETION_TIMEOUT";

/// The variable by which a process knows that nobody waits for it.
const BEHIND_VARIABLE: &str = "_REMOFILE_BEHIND";

/// The limit of such a process.
const LIMIT_BEHIND: &str = "10s";

/// A name in a remote directory.
pub(super) struct Name {
    pub(super) name: String,
    pub(super) is_directory: bool,
}

/// Lists a remote directory. Whatever is wrong, nothing comes.
pub(super) fn list(connection: Connection, server: Option<ServerName>, directory: &RemotePath) -> Vec<Name> {
    let limit = limit();
    let (sender, receiver) = mpsc::channel();
    let directory = directory.clone();
    // Some shells give the line as arguments, which others see for as long as a process lives.
    let shows_token = connection.token.is_some() && std::env::var_os(LINE).is_none();
    let is_stretched = Arc::new(AtomicBool::new(false));
    let was_stretched = is_stretched.clone();
    // Names of hosts are resolved by the system, in its own time: so the thread is left behind.
    thread::spawn(move || {
        let _ = sender.send(listed(&connection, server, &directory, limit, &was_stretched));
    });
    receiver
        .recv_timeout(limit)
        .unwrap_or_else(|_| {
            // The thread may not even have come to look: then nobody knows, and it is done behind.
            if !is_stretched.load(Ordering::Relaxed) && !shows_token {
                go_on_behind();
            }
            None
        })
        .unwrap_or_default()
}

/// Has another process do the same, for which nobody waits: it keeps what the token is stretched to, and the next tabulator
/// has its answer in time.
fn go_on_behind() {
    if std::env::var_os(BEHIND_VARIABLE).is_some() {
        return;
    }
    let mut command = Command::new(crate::secret::own_program());
    command.args(std::env::args_os().skip(1)).env(BEHIND_VARIABLE, "1").env(LIMIT_VARIABLE, LIMIT_BEHIND);
    // Away from what the shell reads, and from the signals of its terminal.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let _not_started = command.spawn();
}

fn listed(
    connection: &Connection,
    server: Option<ServerName>,
    directory: &RemotePath,
    limit: Duration,
    is_stretched: &AtomicBool,
) -> Option<Vec<Name>> {
    if let Some(server) = server {
        let _once = connection.server.set(server);
    }
    let token = connection.token.as_deref().map(Token::parse).transpose().ok()?;
    let options = ClientOptions {
        timeout: Some(limit),
        wait: Wait::No,
        // A client that looks for a moment has no business with what others have left.
        identity: Identity::default(),
        on_waiting: OnWaiting::default(),
        ..settings::client_options(connection, None, token).ok()?
    };
    let (refusals, server) = (Refusals::of(connection), format!("{}:{}", options.hostname, options.port));
    let token = options.token.clone();
    if refusals.has(&server, &token) {
        return None;
    }
    is_stretched.store(options.kept_keys.find(&options.token).is_some(), Ordering::Relaxed);
    let mut names = Vec::new();
    let each = &mut |listed| {
        if let Listed::Entry(entry) = listed
            && let Some(name) = entry.path.names().last()
        {
            names.push(Name { name: name.to_owned(), is_directory: entry.kind == Kind::Directory });
        }
        Ok(())
    };
    match Client::new(options).list(directory, false, each) {
        Ok(()) => Some(names),
        Err(error) => {
            let has_room = |why: &Refusal| !matches!(why, Refusal::TooMany | Refusal::ShuttingDown);
            if matches!(error.most_telling(), Error::Refused(why) if has_room(why)) {
                refusals.note(&server, &token);
            }
            None
        }
    }
}

fn limit() -> Duration {
    let told = std::env::var(LIMIT_VARIABLE).ok();
    told.and_then(|text| crate::args::values::milliseconds(&text).ok()).unwrap_or(LIMIT)
}
