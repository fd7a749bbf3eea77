//! The call that lists.

use super::call::Handler;
use crate::error::{Error, Result};
use minicbor::Decoder;
use remofile_protocol::wire::{Holder, Listed};

pub(super) struct ListHandler<'a> {
    each: &'a mut dyn FnMut(Listed) -> Result<()>,
}

impl<'a> ListHandler<'a> {
    pub(super) fn new(each: &'a mut dyn FnMut(Listed) -> Result<()>) -> Self {
        Self { each }
    }
}

impl Handler for ListHandler<'_> {
    fn entries(&mut self, payload: &[u8]) -> Result<()> {
        let mut decoder = Decoder::new(payload);
        while decoder.position() < payload.len() {
            let listed = decoder.decode().map_err(|error| Error::Protocol(error.to_string()))?;
            (self.each)(listed)?;
        }
        Ok(())
    }

    fn waiting(&mut self, _holders: &[Holder]) {}
}
