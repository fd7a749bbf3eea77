//! The attributes of a relay, which come when all content is there: the source tells those of what it would send, and the
//! destination gives them to what it has.

use super::adapting::Names;
use super::call::Relaying;
use super::end::{OfSide, RelayEnd, RelaySide, labelled};
use super::passing::{Passing, Relayed, Shared};
use super::pipe::Pipe;
use crate::carrier::{Produced, Waker};
use crate::client::abilities::{KeptAttributes, kept_attributes};
use crate::client::download::attributes::place;
use crate::client::download::plan::DownloadPlan;
use crate::client::download::selecting::Selecting;
use crate::client::listing::handler::decode;
use crate::client::session::context::CallContext;
use crate::client::session::handler::{Handler, OngoingCall};
use crate::client::session::lane_choice::LaneChoice;
use crate::client::transfer::attempts::Attempts;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::error::{Error, Result};
use crate::transfer::Portion;
use remofile_protocol::wire::{AttributeSet, Element, Failure, Holder, Item, Listed};

impl Relaying<'_> {
    /// Finds out which attributes both servers keep. The reason why some that came with others are left out is returned as well.
    pub(super) fn kept_attributes(&mut self, context: &CallContext) -> Relayed<(AttributeSet, Option<Failure>)> {
        let wanted = self.options.send.attributes;
        let ends = [(&mut self.source, RelaySide::Source), (&mut self.destination, RelaySide::Destination)];
        for (RelayEnd { client, label }, side) in ends {
            let session = client.session(context).of(side, label)?;
            let is_upload = side == RelaySide::Destination;
            match kept_attributes(session.hello(), wanted, is_upload).of(side, label)? {
                KeptAttributes::All => {}
                KeptAttributes::None => return Ok((AttributeSet::NONE, None)),
                KeptAttributes::Told(failure) => {
                    let failure = labelled(label, failure.at("/"));
                    return Ok((AttributeSet::NONE, Some(failure)));
                }
            }
        }
        Ok((wanted, None))
    }

    /// Gives what has passed, and what was there already, the attributes that it is to have.
    pub(super) fn pass_attributes(
        &mut self,
        wanted: AttributeSet,
        claims: Option<Vec<String>>,
        attempts: &Attempts,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Relayed<()> {
        let (plan, names) = (self.plan, self.names);
        let (request, selecting) = (plan.find_request(wanted), plan.selecting());
        let shared = Shared {
            labels: [&self.source.label, &self.destination.label],
            directory: self.directory,
            on_conflict: self.options.on_conflict,
            claims,
            group: None,
            lanes: LaneChoice::One,
        };
        let (source, label, context) = (&mut *self.source.client, self.source.label.as_str(), &attempts.context);
        let fetch = |pipe: &Pipe| {
            let mut telling = TellingAttributes { pipe, label, plan, names, selecting };
            source.call_in(context, request, &mut telling).map(|_| 0)
        };
        let passing = Passing { leading: Vec::new(), rules: std::collections::HashMap::new() };
        shared.pass(self.destination.client, passing, context, recorder, fetch).map(drop)
    }
}

/// Puts the attributes that are told into a pipe.
struct TellingAttributes<'a> {
    pipe: &'a Pipe,
    label: &'a str,
    plan: &'a DownloadPlan<'a>,
    names: Names,
    selecting: Selecting,
}

impl TellingAttributes<'_> {
    fn item(&self, element: Element) -> Result<Item> {
        match element {
            Element::Attributes { name, attributes } => {
                // Before anything is passed on: a server must not choose which files of another one are changed.
                place(self.plan, &name, &attributes)?;
                Ok(Item::Attributes { path: self.names.path(&name).into_owned(), attributes })
            }
            Element::Listed(Listed::Failed(failure)) => Ok(Item::Failed { failure: labelled(self.label, failure) }),
            _ => Err(Error::Protocol("elements that were not asked for".to_owned())),
        }
    }
}

impl Handler for TellingAttributes<'_> {
    fn entries(&mut self, payload: &[u8]) -> Result<u64> {
        let mut items = Vec::new();
        decode(payload, &mut |element| {
            items.push(self.item(element)?);
            Ok(())
        })?;
        let held = payload.len() as u64;
        self.pipe.put(Portion::of(items, held));
        Ok(held)
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.pipe.wait_for(holders);
    }

    fn produce(&mut self, call: &mut OngoingCall<'_>) -> Result<Produced> {
        if self.pipe.is_closed() {
            return Err(Error::Stopped);
        }
        match self.pipe.take_released() {
            0 => self.selecting.produce(call),
            released => {
                call.machine.consumed(call.operation, released);
                Ok(Produced::Work)
            }
        }
    }

    fn waker(&self) -> Option<&Waker> {
        Some(self.pipe.to_source())
    }
}
