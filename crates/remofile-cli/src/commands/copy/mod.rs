//! `remofile copy`: which way the files go, and the command of that way.

mod between;
mod ends;
mod route;
mod target;
mod within;

use super::{Context, download, paths, upload};
use crate::args::{Copy, Download, OnConflict, ServerName, Transfer, Upload};
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use crate::settings;
use between::Ends;
use remofile::protocol::handshake::Capability;
use remofile::protocol::wire::Links;
use route::Route;
use std::path::{Path, PathBuf};

pub(super) fn run(mut copy: Copy, context: Context) -> Result<Exit> {
    let route = Route::of(&copy, &settings::is_profile)?;
    copy.transfer.relative_directory = route.base;
    let (source, destination) = (route.source, route.destination);
    match (source, destination) {
        (None, Some(server)) => {
            ends::choose(&copy.connection, server)?;
            upload::run(upload_of(copy, route.paths)?, context)
        }
        (Some(server), None) => {
            ends::choose(&copy.connection, server)?;
            let Copy { transfer, receive, connection, .. } = copy;
            download::run(Download { paths: route.paths, transfer, receive, connection }, context)
        }
        (Some(source), Some(destination)) if source != destination => {
            let ends = Ends::of(&copy.connection, source, destination, &context)?;
            between::run(&copy, route.paths, ends, &context, !needs_client(&copy))
        }
        (server, _) => {
            if let Some(server) = server.filter(|server| *server != ServerName::Default) {
                ends::choose(&copy.connection, server)?;
            }
            if needs_client(&copy) {
                let ends = Ends::of_one(&copy.connection, context.duplicate())?;
                return between::run(&copy, route.paths, ends, &context, false);
            }
            let mut client = context.duplicate().connect_interruptible(&copy.connection, None)?;
            let hello = client.server()?;
            if hello.capabilities.has(Capability::Copies) && (hello.whole_copies || !needs_whole_copies(&copy)) {
                return within::run(&copy, route.paths, client);
            }
            let ends = Ends::of_one(&copy.connection, context.duplicate())?;
            between::run(&copy, route.paths, ends, &context, false)
        }
    }
}

/// The upload that a copy to a server is. Standard input gets the name of the destination.
fn upload_of(copy: Copy, mut paths: Vec<PathBuf>) -> Result<Upload> {
    let Copy { transfer, connection, .. } = copy;
    let mut name = None;
    if let [source, destination] = &mut paths[..]
        && source == Path::new("-")
    {
        let text = paths::text(destination)?.to_owned();
        let (parent, own) = text.rsplit_once("/").unwrap_or(("", &text));
        if own.is_empty() {
            return Err(Failed::usage("standard input has no name: write the path of the copy, such as ':/notes.txt'"));
        }
        name = Some(own.to_owned());
        *destination = format!("{parent}/").into();
    }
    Ok(Upload { paths, transfer, name, connection })
}

/// Reports whether a copy is asked by name to keep what only a server keeps whose copies are whole.
fn needs_whole_copies(copy: &Copy) -> bool {
    let Transfer { attributes, fidelity, .. } = &copy.transfer;
    attributes.owner || attributes.xattrs || fidelity.hard_links || fidelity.devices
}

/// Reports whether a copy has options that a server which copies within itself does not know: then the files pass through
/// this client.
fn needs_client(copy: &Copy) -> bool {
    let transfer = &copy.transfer;
    let links: Links = transfer.links.into();
    let chooses = !transfer.rules.0.is_empty() || transfer.min_size.is_some() || transfer.max_size.is_some();
    let links_to_earlier = transfer.fidelity.link_dest.is_some();
    chooses
        || links_to_earlier
        || links == Links::Follow
        || transfer.on_conflict == OnConflict::Ask
        || transfer.files_from.is_some()
}
