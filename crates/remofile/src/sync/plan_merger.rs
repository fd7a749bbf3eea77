//! The merger that puts the steps of a plan between the files of a download.

use super::items::{EncodedStep, StepEncoder};
use crate::client::ItemMerger;
use crate::delta::Piece;
use crate::error::{Error, Result};
use crate::plan::{Plan, StepCursor};
use crate::transfer::ItemRules;
use remofile_protocol::digest::Digest;
use remofile_protocol::limits::MAX_COPY_BYTES;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Item, OnConflict, Part, Timestamp};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

/// Items that are taken at once, beside those that come.
const PORTION: usize = 512;

/// The recipe by which a file is made of the local one and of parts that come.
pub(super) struct Recipe {
    pub(super) pieces: Vec<Piece>,
    /// Size, time and digest of the version that is made.
    pub(super) size: u64,
    pub(super) modified: Timestamp,
    pub(super) digest: Digest,
}

impl Recipe {
    /// Returns the parts that have to come.
    pub(super) fn parts(&self) -> Vec<Part> {
        let literal = |piece: &Piece| match *piece {
            Piece::Literal { offset, length } => Some(Part { offset, length }),
            Piece::Copy { .. } => None,
        };
        self.pieces.iter().filter_map(literal).collect()
    }
}

/// A merger of some steps of a plan with the items of a download.
pub(super) struct PlanMerger {
    source: RemotePath,
    plan: Arc<Plan>,
    cursor: StepCursor,
    steps: Range<usize>,
    encoder: StepEncoder,
    /// Recipes by the indices of their steps.
    recipes: HashMap<usize, Recipe>,
    current: Current,
    /// Keys of the remote paths of files for which the server has sent a failure.
    told: HashSet<u128>,
}

/// The file that is coming.
enum Current {
    /// No file, or one that comes as it is.
    Plain,
    /// A file that is made of pieces. `pieces` are those that are left, in reverse order.
    Made { pieces: Vec<Piece>, digest: Digest },
    /// A file that has changed since its recipe was made: what comes of it is in vain.
    Lost(String),
}

impl ItemMerger for PlanMerger {
    fn merge(&mut self, items: Vec<Item>) -> Result<Vec<Item>> {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            self.add(item, &mut out)?;
        }
        Ok(out)
    }

    fn items_before(&mut self) -> Vec<Item> {
        self.portion()
    }

    fn items_after(&mut self) -> Vec<Item> {
        loop {
            let mut portion = self.portion();
            if portion.is_empty() {
                let Some(index) = self.steps.next() else { return portion };
                portion.extend(self.pass_over(index));
            }
            if !portion.is_empty() {
                return portion;
            }
        }
    }
}

impl PlanMerger {
    pub(super) fn new(
        source: &RemotePath,
        plan: &Arc<Plan>,
        steps: Range<usize>,
        encoder: StepEncoder,
        recipes: HashMap<usize, Recipe>,
    ) -> Self {
        let (source, plan) = (source.clone(), Arc::clone(plan));
        let (cursor, current, told) = (StepCursor::default(), Current::Plain, HashSet::new());
        Self { source, plan, cursor, steps, encoder, recipes, current, told }
    }

    /// Returns the items of some of the next steps, up to one with content.
    fn portion(&mut self) -> Vec<Item> {
        let mut out = Vec::new();
        while out.len() < PORTION {
            // Only looked at: the step of a file is taken when its content comes.
            let Some(index) = self.steps.clone().next() else { break };
            let EncodedStep::Changes(items) = self.encoder.encode(&self.plan, &mut self.cursor, index) else { break };
            self.steps.next();
            out.extend(items);
        }
        out
    }

    /// Maps the server's failure of a file that does not come: since it was asked for, the server cannot have skipped
    /// it. The path is remembered.
    fn map_failure(&mut self, item: Item) -> Item {
        let missing = |failure: Failure| match failure.code {
            ErrorCode::Skipped => Failure { code: ErrorCode::SourceChanged, ..failure },
            _ => failure,
        };
        match item {
            Item::Failed { failure } => {
                self.told.extend(failure.path.as_deref().map(ItemRules::key));
                Item::Failed { failure: missing(failure) }
            }
            Item::Abort { failure } => Item::Abort { failure: missing(failure) },
            item => item,
        }
    }

    /// Returns a failure for a step whose content did not come, unless the server has sent one.
    fn pass_over(&mut self, index: usize) -> Option<Item> {
        let path = self.source.join(&self.cursor.get(&self.plan.steps, index)?.path).ok()?;
        if self.told.remove(&ItemRules::key(path.as_str())) {
            return None;
        }
        let why = "the server was asked for it, and neither sent it nor said why";
        Some(Item::Failed { failure: Failure::new(ErrorCode::SourceChanged).at(path).because(why) })
    }

    fn add(&mut self, item: Item, out: &mut Vec<Item>) -> Result<()> {
        let item = self.map_failure(item);
        match (&mut self.current, item) {
            (Current::Plain, Item::Begin { path, size, modified, mode, offset, .. }) => {
                let (recipe, rule) = self.reach(&path, out)?;
                let rule = Some(rule);
                // A recipe makes the version that it was made for. A file that has grown since still begins with it, which
                // the digest at its end proves.
                let is_there = recipe.as_ref().is_none_or(|recipe| size >= Some(recipe.size));
                let made = recipe.as_ref().filter(|_| is_there);
                let (size, modified) = made.map_or((size, modified), |made| (Some(made.size), Some(made.modified)));
                out.push(Item::Begin { path: path.clone(), size, modified, mode, rule, offset, replaces: None });
                match recipe {
                    None => {}
                    Some(_) if !is_there => self.current = Current::Lost(path),
                    Some(Recipe { mut pieces, digest, .. }) => {
                        out.push(Item::Base { path });
                        // The next piece is the last, where it is cheap to take.
                        pieces.reverse();
                        self.current = Current::Made { pieces, digest };
                        self.copies(out);
                    }
                }
            }
            (
                Current::Plain,
                Item::Directory { .. }
                | Item::Link { .. }
                | Item::KeptLink { .. }
                | Item::HardLink { .. }
                | Item::Special { .. },
            ) => return Err(misfit()),
            (Current::Plain, item) => out.push(item),
            // Only parts of the new version came, so it cannot be made.
            (Current::Lost(path), Item::End { .. }) => {
                out.push(Item::Abort { failure: Failure::new(ErrorCode::SourceChanged).at(path.as_str()) });
                self.current = Current::Plain;
            }
            (Current::Lost(_), item @ Item::Abort { .. }) => {
                out.push(item);
                self.current = Current::Plain;
            }
            (Current::Lost(_), item) => out.push(item),
            (Current::Made { .. }, Item::Data { length }) => self.data(length, out)?,
            (Current::Made { .. }, item @ (Item::Compressed { .. } | Item::Hole { .. })) => {
                let content = match &item {
                    Item::Compressed { size, .. } => u64::from(*size),
                    Item::Hole { length } => *length,
                    _ => 0,
                };
                self.literal(content)?;
                out.push(item);
                self.copies(out);
            }
            (Current::Made { pieces, digest }, Item::End { .. }) => {
                if !pieces.is_empty() {
                    return Err(misfit());
                }
                out.push(Item::End { digest: *digest });
                self.current = Current::Plain;
            }
            (Current::Made { .. }, item @ Item::Abort { .. }) => {
                out.push(item);
                self.current = Current::Plain;
            }
            (Current::Made { .. }, _) => return Err(misfit()),
        }
        Ok(())
    }

    /// Adds the items of all steps before that of a file, and those that its own step needs before its content.
    /// Returns the file's recipe, and the rule for a file in its way.
    fn reach(&mut self, path: &str, out: &mut Vec<Item>) -> Result<(Option<Recipe>, OnConflict)> {
        while let Some(index) = self.steps.next() {
            match self.encoder.encode(&self.plan, &mut self.cursor, index) {
                EncodedStep::Changes(items) => out.extend(items),
                EncodedStep::Content { place, before, rule } if place == path => {
                    out.extend(before);
                    return Ok((self.recipes.remove(&index), rule));
                }
                EncodedStep::Content { .. } => out.extend(self.pass_over(index)),
            }
        }
        Err(Error::Protocol(format!("it sent {path:?} out of order")))
    }

    /// Adds the copies of local pieces that come before the next piece from the server.
    fn copies(&mut self, out: &mut Vec<Item>) {
        let Current::Made { pieces, .. } = &mut self.current else { return };
        while let Some(&Piece::Copy { offset, length }) = pieces.last() {
            let length_now = length.min(MAX_COPY_BYTES);
            out.push(Item::Copy { offset, length: length_now });
            pieces.pop();
            if length > length_now {
                pieces.push(Piece::Copy { offset: offset + length_now, length: length - length_now });
            }
        }
    }

    /// Takes bytes of the piece that comes from the server.
    fn literal(&mut self, bytes: u64) -> Result<()> {
        let Current::Made { pieces, .. } = &mut self.current else { return Err(misfit()) };
        match pieces.pop() {
            Some(Piece::Literal { offset, length }) if bytes <= length => {
                if bytes < length {
                    pieces.push(Piece::Literal { offset: offset + bytes, length: length - bytes });
                }
                Ok(())
            }
            _ => Err(misfit()),
        }
    }

    fn data(&mut self, length: u32, out: &mut Vec<Item>) -> Result<()> {
        let mut left = length;
        while left > 0 {
            let Current::Made { pieces, .. } = &self.current else { return Err(misfit()) };
            let Some(Piece::Literal { length, .. }) = pieces.last() else { return Err(misfit()) };
            let now = u32::try_from(*length).unwrap_or(u32::MAX).min(left);
            self.literal(now.into())?;
            out.push(Item::Data { length: now });
            self.copies(out);
            left -= now;
        }
        Ok(())
    }
}

fn misfit() -> Error {
    Error::Protocol("it sent other parts of a file than were asked for".to_owned())
}
