//! The same client for programs that await.

use crate::client::{Client, ClientOptions, Interrupt};
use crate::error::{Error, Result};
use futures_channel::oneshot;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll};

type Job = Box<dyn FnOnce(&mut Client) + Send>;

/// A [`Client`] on a thread of its own. Calls are made in the order they are begun; the thread ends
/// with the last clone. It needs no particular runtime.
///
/// # Examples
/// ```no_run
/// # async fn example(options: remofile::ClientOptions) -> remofile::Result<()> {
/// let client = remofile::AsyncClient::new(options)?;
/// let entry = client.call(|client| client.stat(&"/report.pdf".parse().unwrap())).await?;
/// println!("{} bytes", entry.size);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AsyncClient {
    jobs: Sender<Job>,
    interrupt: Interrupt,
}

impl AsyncClient {
    /// Starts the thread. The client connects with its first call.
    ///
    /// # Errors
    /// [`Error::System`] if no thread can be started.
    pub fn new(options: ClientOptions) -> Result<Self> {
        let interrupt = options.interrupt.clone();
        let (jobs, receiver) = channel::<Job>();
        std::thread::Builder::new()
            .name("remofile client".to_owned())
            .spawn(move || {
                let mut client = Client::new(options);
                for job in receiver {
                    if catch_unwind(AssertUnwindSafe(|| job(&mut client))).is_err() {
                        // The session may be in the middle of anything: the next call begins with another.
                        client.disconnect();
                    }
                }
            })
            .map_err(|source| Error::System { what: "cannot start a thread", source })?;
        Ok(Self { jobs, interrupt })
    }

    /// Makes any call of [`Client`], or several as one, and returns its result when awaited. The call is made even if
    /// nothing awaits it.
    pub fn call<T: Send + 'static>(&self, body: impl FnOnce(&mut Client) -> Result<T> + Send + 'static) -> Pending<T> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |client| {
            // A caller that has gone does not want the result.
            let _gone = sender.send(body(client));
        });
        // If the thread is gone, so is the sender in the job, and the receiver tells so.
        let _gone = self.jobs.send(job);
        Pending(receiver)
    }

    /// Ends the running call and every later one with [`Error::Interrupted`].
    pub fn interrupt(&self) {
        self.interrupt.trigger();
    }
}

/// A call that is being made.
#[derive(Debug)]
pub struct Pending<T>(oneshot::Receiver<Result<T>>);

impl<T> Future for Pending<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        // The sender is lost only by a panic in the call.
        Pin::new(&mut self.0).poll(context).map(|received| received.unwrap_or(Err(Error::Interrupted)))
    }
}
