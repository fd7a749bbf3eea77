//! The hash request.

use crate::carrier::Produced;
use crate::client::Client;
use crate::client::download::selecting::{Chosen, Selecting};
use crate::client::listing::handler::decode;
use crate::client::listing::resumed::LastTold;
use crate::client::servers::repeated::Repeated;
use crate::client::session::handler::{Handler, OngoingCall};
use crate::error::{Error, Result};
use crate::monitor::{Event, Monitor};
use remofile_protocol::hash::HashAlgorithm;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{
    Element, Entry, ErrorCode, Failure, Holder, Links, Listed, Request, Selected, Selection,
};
use std::sync::Arc;

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
    /// Has the server hash files: no content is sent. After a lost connection it goes on behind the last one. The files come in the order of their sources, those of a directory sorted
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
        let sources: Arc<[RemotePath]> = sources.into();
        let selection = Some(Selection { one_by_one: true, links: Links::Skip, ..Selection::default() });
        let HashOptions { algorithm, recursive } = options;
        let request = Request::Hash { sources: Vec::new(), recursive, selection, algorithm };
        let (mut on_waiting, context) = (self.options.on_waiting.clone(), self.context());
        let (mut first, mut told) = (0, LastTold::default());
        let done = self.again(Repeated::Same, &context, |client, context| {
            told.begin_again();
            let selecting = Selecting::coming(chosen(Arc::clone(&sources), first));
            let mut is_stopped = false;
            let mut hand = |hashed: std::result::Result<HashedFile, Failure>| {
                let place = hashed.as_ref().ok().map(HashedFile::place);
                first = hashed.as_ref().map_or(first, |file| file.source);
                match told.is_new(place.as_deref()) {
                    true => each(hashed).inspect_err(|_| is_stopped = true),
                    false => Ok(()),
                }
            };
            let mut handler = Hashes { selecting, each: &mut hand, monitor: &mut on_waiting };
            let result = client.call_in(context, request.clone(), &mut handler);
            // The error of a caller is none of this call's connection, whatever it says.
            if is_stopped { Ok(result) } else { result.map(Ok) }
        });
        done?.map(drop)
    }
}

/// Names sources from this one on, each by its number, so that it is known again, whatever its path is.
fn chosen(sources: Arc<[RemotePath]>, first: usize) -> impl Iterator<Item = Chosen> + Send + 'static {
    (first..sources.len()).map(move |number| {
        let (path, name) = (sources[number].clone(), number.to_string());
        (Selected { path, name, known: None, as_link: false, parts: Vec::new() }, 0)
    })
}

impl HashedFile {
    /// Its place among all that are hashed, in the order of a listing.
    fn place(&self) -> String {
        format!("{:020}/{}", self.source, self.below)
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
