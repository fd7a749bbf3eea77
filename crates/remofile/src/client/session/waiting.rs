//! The function that learns that a call waits, if the call has no monitor.

use crate::monitor::{Event, Monitor};
use remofile_protocol::wire::Holder;
use std::fmt;
use std::sync::Arc;

/// A function that receives the holders of the lease that a call waits for. By default there is none.
///
/// # Examples
/// ```
/// use remofile::{OnWaiting, describe_holder};
///
/// let on_waiting = OnWaiting::new(|holders| {
///     holders.iter().for_each(|holder| eprintln!("waiting for {}", describe_holder(holder)));
/// });
/// # drop(on_waiting);
/// ```
#[derive(Clone, Default)]
pub struct OnWaiting(Option<Arc<Tell>>);

type Tell = dyn Fn(&[Holder]) + Send + Sync;

impl OnWaiting {
    /// Creates it from a function, which is called on the thread that makes the call. Keep it quick.
    pub fn new(tell: impl Fn(&[Holder]) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }
}

impl Monitor for OnWaiting {
    fn report(&mut self, event: Event<'_>) {
        if let (Event::Waiting { holders }, Some(tell)) = (event, &self.0) {
            tell(holders);
        }
    }
}

impl fmt::Debug for OnWaiting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "OnWaiting(a function)" } else { "OnWaiting(nobody)" })
    }
}
