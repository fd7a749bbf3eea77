//! A server that lies: it answers what a test has prepared, whatever the client asked for.

use super::raw::{Raw, listen};
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Done, Element, Header, Item, Request, Signal};
use remofile::{Client, ClientOptions, RemoteSource, Result, Silent, TransferOptions, TransferReport};
use std::path::Path;

/// The content of every file that it sends.
const CONTENT: &[u8] = b"evil";

/// Answers to every request of one client.
#[derive(Default)]
pub struct LyingServer {
    /// The answer to every look.
    pub found: Vec<Element>,
    /// The items of each message that answers a download.
    pub messages: Vec<Vec<Item>>,
}

impl LyingServer {
    pub fn finding(found: Vec<Element>) -> Self {
        Self { found, ..Self::default() }
    }

    pub fn sending_at_once(items: Vec<Item>) -> Self {
        Self { messages: vec![items], ..Self::default() }
    }

    /// Items one by one, so that what a directory is held open for is over when the next comes.
    pub fn sending_one_by_one(items: Vec<Item>) -> Self {
        Self { messages: items.into_iter().map(|item| vec![item]).collect(), ..Self::default() }
    }

    /// Serves one client, which downloads this; returns what it makes of the answers.
    pub fn download(self, sources: &[RemoteSource], into: &Path, options: &TransferOptions) -> Result<TransferReport> {
        let token = Token::generate();
        let own = token.clone();
        let (address, server) = listen(move |stream| self.answer(Raw::accept(stream, &own)));
        let mut client = Client::new(ClientOptions::new("127.0.0.1", address.port(), token));
        let result = client.download(sources, into, options, &mut Silent);
        drop(client);
        server.join().unwrap();
        result
    }

    fn answer(&self, mut raw: Raw) {
        while let Some((operation, request)) = raw.next_request() {
            if matches!(request, Request::Find { .. }) {
                let payload: Vec<u8> = self.found.iter().flat_map(|found| minicbor::to_vec(found).unwrap()).collect();
                raw.send(&Header::signal(operation, Signal::Entries), &payload);
            } else {
                for items in &self.messages {
                    raw.data(operation, items.clone(), &payload_of(items));
                }
            }
            raw.signal(operation, Signal::Done { done: Done::default() });
        }
    }
}

fn payload_of(items: &[Item]) -> Vec<u8> {
    items.iter().flat_map(|item| &CONTENT[..item.payload_bytes() as usize]).copied().collect()
}
