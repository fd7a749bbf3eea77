//! From a request to its operation.

use super::interface::{Operation, StartContext};
use super::{
    create, digests, download, find, hold, list, make_directory, partials, read, remove, rename, selection, sign, stat,
    survey, upload, write,
};
use remofile_protocol::wire::{ErrorCode, Failure, Request};

/// Begins the operation that a request asks for, and that has its lease.
pub(in crate::server) fn start(
    request: Request,
    context: &mut StartContext<'_>,
) -> Result<Box<dyn Operation>, Failure> {
    let store = &context.grant.store;
    Ok(match request {
        Request::List { path, recursive, rules, targets, unflushed } => {
            Box::new(list::list(store, &path, recursive, &rules, list::ListOptions { targets, unflushed })?)
        }
        Request::Find { sources, recursive, selection, digests } => {
            let selected = selection::SourceSelection::new(sources, recursive, selection);
            let feed = Box::new(selected.feed(context.grant, selected.filter()?)?);
            match digests {
                true => Box::new(digests::digests(feed)),
                false => Box::new(find::find(feed)),
            }
        }
        Request::Sign { files } => Box::new(sign::sign(store, files)),
        Request::Hold { .. } => Box::new(hold::Hold::default()),
        Request::Survey { destination, names, unflushed } => {
            Box::new(survey::survey(store, destination, names, unflushed))
        }
        Request::Partials => Box::new(partials::list(store)),
        Request::ClearPartials { paths } => Box::new(partials::clear(store, paths)),
        Request::Upload { destination, on_conflict, names, .. } => {
            Box::new(upload::Upload::new(context, destination, on_conflict, names.unwrap_or_default()))
        }
        Request::Download { sources, recursive, total, selection, send_options, .. } => {
            let selected = selection::SourceSelection::new(sources, recursive, selection);
            Box::new(download::Download::new(context, &selected, total, send_options)?)
        }
        Request::Remove { path, recursive: true } => Box::new(remove::RemoveTree::new(store, path)),
        Request::Remove { path, recursive: false } => Box::new(remove::remove(store, path)),
        Request::Stat { path } => Box::new(stat::Stat::new(store, path)),
        Request::CreateFile { path, update } => Box::new(create::create_file(store, path, update)),
        Request::MakeDirectory { path, update, parents } => {
            Box::new(make_directory::make_directory(store, path, update, parents))
        }
        Request::Move { source, destination, replace } => Box::new(rename::rename(store, source, destination, replace)),
        Request::Read { path, offset, length, version, .. } => {
            Box::new(read::Read::new(context, path, read::Part { offset, length }, version)?)
        }
        Request::Write { path, version, length, append, create } => {
            Box::new(write::Write::new(context, path, version, write::WriteOptions { length, append, create }))
        }
        // The session itself answers it.
        Request::Status => return Err(ErrorCode::BadRequest.into()),
    })
}
