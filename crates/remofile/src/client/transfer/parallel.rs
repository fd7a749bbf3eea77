//! One transfer over several connections at once.

use crate::client::Client;
use crate::client::transfer::deferred_event::Relay;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::error::{Error, Result};
use std::sync::mpsc::sync_channel;

/// Events that may be on their way to the monitor. A thread with more to report waits.
const EVENTS: usize = 4096;

/// Does each part on a client and a thread of its own, the first on `client`. All events are reported to `recorder`
/// on this thread. When a part fails, `stop` has to make the others end soon.
///
/// # Errors
/// That of the first part that failed.
pub(crate) fn together<P: Send, T: Send>(
    client: &mut Client,
    recorder: &mut ProgressRecorder<'_>,
    parts: Vec<P>,
    work: impl Fn(&mut Client, P, &mut ProgressRecorder<'_>) -> Result<T> + Sync,
    stop: impl Fn() + Sync,
) -> Result<Vec<T>> {
    together_noticing(client, recorder, parts, work, stop, || {})
}

/// The same, which calls `notice` whenever a part has got on.
pub(crate) fn together_noticing<P: Send, T: Send>(
    client: &mut Client,
    recorder: &mut ProgressRecorder<'_>,
    parts: Vec<P>,
    work: impl Fn(&mut Client, P, &mut ProgressRecorder<'_>) -> Result<T> + Sync,
    stop: impl Fn() + Sync,
    notice: impl Fn(),
) -> Result<Vec<T>> {
    let (sender, receiver) = sync_channel(EVENTS);
    let (is_upload, full_disk) = (recorder.is_upload, recorder.full_disk());
    let mut others: Vec<Client> = parts.iter().skip(1).map(|_| Client::new(client.options.clone())).collect();
    let results: Vec<Result<T>> = std::thread::scope(|scope| {
        let clients = std::iter::once(&mut *client).chain(&mut others);
        let mut threads = Vec::new();
        for (client, part) in clients.zip(parts) {
            let (sender, work, stop, full_disk) = (sender.clone(), &work, &stop, full_disk.clone());
            let body = move || {
                let mut relay = Relay(sender);
                let mut recorder = ProgressRecorder::of_part(&mut relay, is_upload, full_disk);
                let result = work(client, part, &mut recorder);
                // Without this part the transfer fails, so the others need not go on.
                if result.is_err() {
                    stop();
                }
                result
            };
            threads.push(std::thread::Builder::new().name("transfer".to_owned()).spawn_scoped(scope, body));
        }
        // The loop below ends when the last sender is gone.
        drop(sender);
        for event in receiver {
            recorder.tell(event);
            notice();
        }
        let join = |thread: std::io::Result<std::thread::ScopedJoinHandle<'_, Result<T>>>| {
            let thread = thread.map_err(|source| Error::System { what: "cannot start a thread", source })?;
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    });
    for other in others {
        client.traffic = client.traffic + other.traffic;
    }
    results.into_iter().collect()
}
