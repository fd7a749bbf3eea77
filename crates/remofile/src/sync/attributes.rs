//! The attributes that a sync gives when its plan is carried out.

use super::SyncOptions;
use crate::client::{LocalDestination, Syncing, kept_attributes};
use crate::error::{Error, Result};
use crate::store::Store;
use crate::transfer::{AttributesFeed, Feed, FeedOptions, Filter, InStore};
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::{Attributes, Element, Kind, Listed, Request, Selection};
use std::sync::Arc;

/// Reports whether all permission bits are given at the end of a sync.
///
/// # Errors
/// `unsupported` if attributes that are asked for by name cannot be kept.
pub(super) fn follow(syncing: &mut Syncing<'_>, options: &SyncOptions, is_upload: bool) -> Result<bool> {
    let wanted = options.send.attributes;
    Ok(kept_attributes(syncing.server()?, wanted, is_upload)?.sets_modes(wanted))
}

/// Gives a remote tree the attributes of a local one; `left_out` are the rules of both.
pub(super) fn give(
    syncing: &mut Syncing<'_>,
    store: &Arc<dyn Store>,
    destination: &RemotePath,
    left_out: &[String],
    options: &SyncOptions,
) -> Result<()> {
    let wanted = options.send.attributes;
    if !syncing.keeps_attributes(wanted, true, destination)? {
        return Ok(());
    }
    let names = syncing.server()?.names;
    let feed = source_feed(store, left_out, options, names)?;
    syncing.send(AttributesFeed::new(feed, wanted), destination, &options.transfer())
}

/// Returns the feed that finds what the attributes of a local tree are of.
pub(super) fn source_feed(
    store: &Arc<dyn Store>,
    left_out: &[String],
    options: &SyncOptions,
    names: NameRule,
) -> Result<Feed> {
    let filter = Filter::new(left_out, None, None).map_err(Error::Local)?;
    let origins = InStore::new(Arc::clone(store), vec![RemotePath::root()], false).nameless();
    let (permit, links, devices) = (Arc::new(names), options.selection.links, options.selection.devices);
    let feed_options = FeedOptions { recursive: true, permit, filter, links, devices, hard_links: false };
    Ok(Feed::new(Box::new(origins), feed_options))
}

/// Returns the request for the attributes of a remote tree.
pub(super) fn request(top: &RemotePath, left_out: &[String], options: &SyncOptions) -> Request {
    let (rules, links, devices) = (left_out.to_vec(), options.selection.links, options.selection.devices);
    let selection = Some(Selection { rules, links, devices, contents: true, ..Selection::default() });
    let (sources, attributes) = (vec![top.clone()], options.send.attributes);
    Request::Find { sources, recursive: true, selection, digests: false, attributes }
}

/// Gives a local tree the attributes of a remote one.
pub(super) fn take(
    syncing: &mut Syncing<'_>,
    source: &RemotePath,
    destination: LocalDestination<'_>,
    left_out: &[String],
    options: &SyncOptions,
) -> Result<()> {
    let wanted = options.send.attributes;
    if !syncing.keeps_attributes(wanted, false, destination.path.display())? {
        return Ok(());
    }
    let filter = Filter::new(left_out, None, None).map_err(Error::Local)?;
    let request = request(source, left_out, options);
    syncing.take_attributes(request, destination, wanted, |element, taking| {
        match element {
            Element::Attributes { name, attributes } => taking.take(&place(&name, &attributes, &filter)?, &attributes),
            Element::Listed(Listed::Failed(failure)) => taking.fail(failure),
            _ => {}
        }
        Ok(())
    })
}

/// Returns the path that attributes are for. A server must not get past the rules of this side.
pub(super) fn place(name: &str, attributes: &Attributes, rules: &Filter) -> Result<RemotePath> {
    if name.is_empty() && attributes.kind == Kind::Directory {
        return Ok(RemotePath::root());
    }
    let unexpected = || Error::Protocol(format!("it told attributes of {name:?}, which the rules leave out"));
    let path = RemotePath::root().join(name).map_err(|_| unexpected())?;
    path.check(NameRule::Posix).map_err(|_| unexpected())?;
    let is_entered = name.match_indices('/').all(|(end, _)| rules.admits_directory(&name[..end]));
    let is_admitted = match attributes.kind {
        Kind::Directory => rules.admits_directory(name),
        Kind::File => rules.admits_file(name, attributes.size.unwrap_or(0)),
        Kind::Link | Kind::Special => rules.admits_link(name),
    };
    if is_entered && is_admitted { Ok(path) } else { Err(unexpected()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_what_the_rules_leave_out_or_that_are_elsewhere_are_not_taken() {
        let rules = Filter::new(&["secret/".to_owned(), "*.key".to_owned()], None, None).unwrap();
        let placed = |name: &str, kind| place(name, &Attributes::of(kind), &rules).ok();
        assert_eq!(placed("", Kind::Directory), Some(RemotePath::root()));
        assert_eq!(placed("a/b", Kind::File), RemotePath::parse("/a/b").ok());
        let (file, directory) = (Kind::File, Kind::Directory);
        for (name, kind) in [
            ("", file),
            ("secret", directory),
            ("secret/f", file),
            ("a.key", file),
            ("../f", file),
            ("/f", file),
            ("a//b", file),
        ] {
            assert_eq!(placed(name, kind), None, "{name}");
        }
    }
}
