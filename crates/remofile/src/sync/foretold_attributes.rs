//! The attributes that a sync is going to give, told before.

use super::attributes::{place, request, source_feed};
use super::{SyncOptions, report};
use crate::client::{KeptAttributes, Syncing, kept_attributes};
use crate::error::{Error, Result};
use crate::plan::{AttributeSteps, AttributesThere, Plan, differences};
use crate::store::Store;
use crate::transfer::{AttributesFeed, Filter, Next};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Element;
use std::sync::Arc;

/// The trees of a sync: that of this side, if it is there, and that of the server.
pub(super) struct Sides<'a> {
    pub(super) store: Option<&'a Arc<dyn Store>>,
    pub(super) remote: &'a RemotePath,
    /// Rules for what is left out of both.
    pub(super) left_out: &'a [String],
    /// The destination as the user knows it.
    pub(super) shown: &'a str,
}

/// Reports a plan, with the attributes that are going to be given if they are to be told: that plan is returned then.
pub(super) fn report_with_attributes(
    syncing: &mut Syncing<'_>,
    plan: &Plan,
    sides: &Sides<'_>,
    options: &SyncOptions,
    is_upload: bool,
) -> Result<Option<Plan>> {
    let wanted = options.send.attributes;
    let is_told = (options.dry_run || options.tells_attributes) && wanted.is_any();
    let is_told = is_told && matches!(kept_attributes(syncing.server()?, wanted, is_upload)?, KeptAttributes::All);
    let (true, Some(store)) = (is_told, sides.store) else {
        report(syncing, plan, sides.shown);
        return Ok(None);
    };
    let mut told = plan.clone();
    let mut steps = AttributeSteps::new(&mut told);
    match is_upload {
        true => of_upload(syncing, store, sides, options, &mut steps)?,
        false => of_download(syncing, &**store, sides, options, &mut steps)?,
    }
    report(syncing, &told, sides.shown);
    Ok(Some(told))
}

/// Compares the attributes of a local tree with those of a remote one, which gets them.
fn of_upload(
    syncing: &mut Syncing<'_>,
    store: &Arc<dyn Store>,
    sides: &Sides<'_>,
    options: &SyncOptions,
    steps: &mut AttributeSteps<'_>,
) -> Result<()> {
    let (wanted, mut there) = (options.send.attributes, AttributesThere::default());
    syncing.elements(request(sides.remote, sides.left_out, options), &mut |element| {
        if let Element::Attributes { name, attributes } = element {
            there.add(&name, &attributes);
        }
        Ok(())
    })?;
    let names = syncing.server()?.names;
    let mut feed = AttributesFeed::new(source_feed(store, sides.left_out, options, names)?, wanted);
    syncing.attend(|check| {
        loop {
            check()?;
            match feed.next_attributes() {
                Next::Item(Ok((path, attributes))) => steps.add(&path, there.differences(&path, &attributes, wanted)),
                // What cannot be told fails when it is given.
                Next::Item(Err(_)) | Next::Working => {}
                Next::Pending | Next::End => return Ok(()),
            }
        }
    })
}

/// Compares the attributes of a remote tree with those of a local one, which gets them.
fn of_download(
    syncing: &mut Syncing<'_>,
    store: &dyn Store,
    sides: &Sides<'_>,
    options: &SyncOptions,
    steps: &mut AttributeSteps<'_>,
) -> Result<()> {
    let wanted = options.send.attributes;
    let filter = Filter::new(sides.left_out, None, None).map_err(Error::Local)?;
    syncing.elements(request(sides.remote, sides.left_out, options), &mut |element| {
        if let Element::Attributes { name, attributes } = element {
            let path = place(&name, &attributes, &filter)?;
            // Where nothing is, it comes with its attributes.
            if let Ok(there) = store.attributes(&path, wanted) {
                steps.add(path.as_relative(), differences(&attributes, &there, wanted));
            }
        }
        Ok(())
    })
}
