//! The call that lists.

use crate::client::session::handler::Handler;
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use minicbor::{Decode, Decoder};
use remofile_protocol::wire::{Holder, Listed};

/// The handler that hands elements on, one by one: those of a listing, or of any other answer by entries.
pub(crate) struct ListHandler<'a, T = Listed> {
    each: &'a mut dyn FnMut(T) -> Result<()>,
    monitor: &'a mut dyn Monitor,
}

impl<'a, T> ListHandler<'a, T> {
    /// Hands elements to `each`, and the holders of a lease that the call waits for to `monitor`.
    pub(crate) fn new(each: &'a mut dyn FnMut(T) -> Result<()>, monitor: &'a mut dyn Monitor) -> Self {
        Self { each, monitor }
    }
}

impl<T: for<'b> Decode<'b, ()>> Handler for ListHandler<'_, T> {
    fn entries(&mut self, payload: &[u8]) -> Result<u64> {
        decode(payload, self.each).map(|()| 0)
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.monitor.report(Event::Waiting { holders });
    }
}

/// Reads the elements of a message.
pub(crate) fn decode<T: for<'b> Decode<'b, ()>>(payload: &[u8], each: &mut dyn FnMut(T) -> Result<()>) -> Result<()> {
    let mut decoder = Decoder::new(payload);
    while decoder.position() < payload.len() {
        each(decoder.decode().map_err(|error| Error::Protocol(error.to_string()))?)?;
    }
    Ok(())
}
