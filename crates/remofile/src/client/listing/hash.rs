//! The hash request.

use crate::carrier::Produced;
use crate::client::Client;
use crate::client::download::selecting::Selecting;
use crate::client::listing::handler::decode;
use crate::client::session::call::{Handler, OngoingCall};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use remofile_protocol::hash::HashAlgorithm;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{
    Element, Entry, ErrorCode, Failure, Holder, Links, Listed, Request, Selected, Selection,
};

/// The options of [`Client::hash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HashOptions {
    /// The algorithm.
    pub algorithm: HashAlgorithm,
    /// True if directories are hashed with what is in them; otherwise they fail.
    pub recursive: bool,
}

/// A file that was hashed at the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedFile {
    /// The place of its source among those that were asked for.
    pub source: usize,
    /// Its path below that source; empty if it is the source.
    pub below: String,
    /// Its entry when it was opened.
    pub entry: Entry,
    /// The hash of its content.
    pub hash: Vec<u8>,
}

impl Client {
    /// Has the server hash files: no content is sent. The files come in the order of their sources, those of a directory sorted
    /// as in a listing; links in a directory are left out. What cannot be hashed is a failure, and the others go on.
    ///
    /// # Errors
    /// The callback's error, which ends the call; `unsupported` by a server that does not know it, ...
    pub fn hash(
        &mut self,
        sources: Vec<RemotePath>,
        options: HashOptions,
        each: &mut dyn FnMut(std::result::Result<HashedFile, Failure>) -> Result<()>,
    ) -> Result<()> {
        if !self.server()?.hashes_files {
            let why = "the server's version does not hash files: download them to compare";
            return Err(Error::Remote(Failure::new(ErrorCode::Unsupported).because(why)));
        }
        // Each is named by its number, so that it is known again, whatever its path is.
        let chosen = sources.into_iter().enumerate().map(|(number, path)| {
            let name = number.to_string();
            (Selected { path, name, known: None, as_link: false, parts: Vec::new() }, 0)
        });
        let mut told = self.options.on_waiting.clone();
        let mut handler = Hashes { selecting: Selecting::coming(chosen), each, monitor: &mut told };
        let selection = Some(Selection { one_by_one: true, links: Links::Skip, ..Selection::default() });
        let HashOptions { algorithm, recursive } = options;
        self.call(Request::Hash { sources: Vec::new(), recursive, selection, algorithm }, &mut handler).map(drop)
    }
}

/// The handler that names sources and hands on the hashes of their files.
struct Hashes<'a> {
    selecting: Selecting,
    each: &'a mut dyn FnMut(std::result::Result<HashedFile, Failure>) -> Result<()>,
    monitor: &'a mut dyn Monitor,
}

impl Handler for Hashes<'_> {
    fn entries(&mut self, payload: &[u8]) -> Result<u64> {
        let each = &mut self.each;
        decode(payload, &mut |element| each(hashed(element)?)).map(|()| 0)
    }

    fn waiting(&mut self, holders: &[Holder]) {
        self.monitor.report(Event::Waiting { holders });
    }

    fn produce(&mut self, call: &mut OngoingCall<'_>) -> Result<Produced> {
        self.selecting.produce(call)
    }
}

fn hashed(element: Element) -> Result<std::result::Result<HashedFile, Failure>> {
    match element {
        Element::Hash { name, entry, hash } => {
            let (number, below) = name.split_once('/').unwrap_or((&name, ""));
            let source =
                number.parse().map_err(|_| Error::Protocol(format!("a hash of {name:?}, which was not asked for")))?;
            Ok(Ok(HashedFile { source, below: below.to_owned(), entry, hash }))
        }
        Element::Listed(Listed::Failed(failure)) => Ok(Err(failure)),
        _ => Err(Error::Protocol("an element that is no hash".to_owned())),
    }
}
