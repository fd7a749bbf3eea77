//! From a request to its operation.

use super::interface::{Operation, StartContext};
use super::missing::Blame;
use super::{
    attributes, copy, create, digests, download, find, find_attributes, hash, hold, list, look, make_directory,
    make_link, partials, read, read_staged, remove, rename, selection, sign, space, stage, stat, survey, upload, write,
};
use crate::transfer::{CopyOptions, MoveOptions, Permit, ScanDepth};
use remofile_protocol::wire::{ErrorCode, Failure, Request};
use std::sync::Arc;

/// Begins the operation that a request asks for, and that has its lease.
pub(in crate::server) fn start(
    request: Request,
    context: &mut StartContext<'_>,
) -> Result<Box<dyn Operation>, Failure> {
    let store = &context.grant.store;
    let blame = Blame::of(context.grant);
    Ok(match request {
        Request::List { path, recursive, rules, targets, unflushed, extras } => {
            let depth = match (extras, targets) {
                (true, _) => ScanDepth::Extras,
                (false, true) => ScanDepth::Targets,
                (false, false) => ScanDepth::Entries,
            };
            Box::new(list::list(store, &path, recursive, &rules, list::ListOptions { depth, unflushed })?)
        }
        Request::Find { sources, recursive, selection, digests, attributes } => {
            let selected = selection::SourceSelection::new(sources, recursive, selection);
            let feed = selected.feed(context.grant, selected.filter()?)?;
            match digests {
                true => Box::new(digests::digests(Box::new(feed.opening_ahead()))),
                false if attributes.is_any() => Box::new(find_attributes::find(feed, attributes)),
                false => Box::new(find::find(Box::new(feed))),
            }
        }
        Request::Sign { files } => Box::new(sign::sign(store, files)),
        Request::Hold { .. } => Box::new(hold::Hold::default()),
        Request::Survey { destination, names, unflushed } => {
            let sees = match context.grant.is_blind() {
                true => survey::Sees::PartialsAlone,
                false => survey::Sees::Entries { knows_unflushed: unflushed },
            };
            Box::new(survey::survey(store, destination, names, sees))
        }
        Request::Partials => Box::new(partials::list(store)),
        Request::ClearPartials { paths } => Box::new(partials::clear(store, paths)),
        Request::Upload { destination, on_conflict, names, .. } => {
            Box::new(upload::Upload::new(context, destination, on_conflict, names.unwrap_or_default()))
        }
        Request::Download { sources, recursive, total, selection, send_options, .. } => {
            let selected = selection::SourceSelection::new(sources, recursive, selection);
            let selected = selected.sent_as(send_options.as_ref());
            Box::new(download::Download::new(context, &selected, total, send_options)?)
        }
        Request::Remove { path, recursive: true } => Box::new(remove::RemoveTree::new(store, path)),
        Request::Remove { path, recursive: false } => Box::new(remove::remove(store, path)),
        Request::Stat { path } => Box::new(stat::Stat::new(store, path)),
        Request::CreateFile { path, update } => Box::new(create::create_file(store, blame, path, update)),
        Request::MakeDirectory { path, update, parents } => {
            Box::new(make_directory::make_directory(store, blame, path, update, parents))
        }
        Request::Move { source, destination, replace } => {
            let permit = Arc::clone(&context.permit);
            let options = MoveOptions { source, destination, replace, permit };
            Box::new(rename::Rename::new(context.grant, options))
        }
        Request::Read { path, offset, length, version, growing, .. } => {
            Box::new(read::Read::new(context, path, read::Part { offset, length }, version, growing)?)
        }
        Request::Write { path, version, length, append, create } => {
            Box::new(write::Write::new(context, path, version, write::WriteOptions { length, append, create }))
        }
        Request::Stage { path, file, begin, replace, create, length, commit, version, discard } => {
            let end = match (commit, discard) {
                (Some(size), false) => stage::StageEnd::Commit { size, version },
                (None, true) => stage::StageEnd::Discard,
                (None, false) => stage::StageEnd::Open,
                (Some(_), true) => return Err(Failure::new(ErrorCode::BadRequest).at(&path)),
            };
            let begin = begin.then_some(stage::BeginOptions { replace, create });
            Box::new(stage::Stage::new(context, stage::StageOptions { path, file, begin, length, end }))
        }
        Request::ReadStaged { path, file, offset, length, .. } => {
            Box::new(read_staged::ReadStaged::new(context, path, file, read::Part { offset, length })?)
        }
        Request::Copy { source, destination, recursive, on_conflict, parents, attributes, as_they_are, devices } => {
            let (grant, permit) = (context.grant, Arc::clone(&context.permit));
            let file_size_limit = grant.principal.limits.file_size;
            Box::new(copy::Copy::new(
                grant,
                CopyOptions {
                    source,
                    follow: true,
                    destination,
                    recursive,
                    on_conflict,
                    parents,
                    file_size_limit,
                    attributes,
                    as_they_are,
                    devices,
                    permit,
                },
                context.entries.clone(),
            ))
        }
        Request::MakeLink { path, target, replace } => Box::new(make_link::make_link(store, path, target, replace)),
        Request::SetAttributes { path, mode, modified } => {
            Box::new(attributes::set_attributes(context, path, mode, modified))
        }
        Request::Look { path } => Box::new(look::Look::new(store, path)),
        Request::Hash { sources, recursive, selection, algorithm } => {
            let selected = selection::SourceSelection::new(sources, recursive, selection);
            let feed = Box::new(selected.feed(context.grant, selected.filter()?)?.opening_ahead());
            Box::new(hash::hashes(feed, algorithm, context.entries.clone()))
        }
        Request::Space { path } => Box::new(space::Space::new(store, path)),
        // The session itself answers it.
        Request::Status => return Err(ErrorCode::BadRequest.into()),
    })
}
