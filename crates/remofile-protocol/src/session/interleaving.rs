//! Both machines under every order of events: whatever honest sides do, and however the line delays
//! them against each other, no session ends by a violation and every operation ends.

use super::*;
use crate::limits::{DEFAULT_PAYLOAD_BYTES, ITEM_CREDIT_BYTES};
use crate::wire::{Done, ErrorCode, Header, Item, OnConflict, Request, credit_bytes};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

#[derive(Debug, Clone, Copy)]
enum Event {
    Start { upload: bool },
    Cancel { pick: usize },
    SendUpload { pick: usize, bytes: u32 },
    FinishUpload { pick: usize },
    Select { pick: usize },
    Refuse { pick: usize },
    ServerSends { pick: usize, bytes: u32 },
    ServerEnds { pick: usize, well: bool },
    OpenWindow { pick: usize },
    ToServer,
    ToClient,
    Time { milliseconds: u16 },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let pick = 0..4usize;
    let one = prop_oneof![
        2 => any::<bool>().prop_map(|upload| Event::Start { upload }),
        1 => pick.clone().prop_map(|pick| Event::Cancel { pick }),
        4 => (pick.clone(), 0..1_000_000u32).prop_map(|(pick, bytes)| Event::SendUpload { pick, bytes }),
        1 => pick.clone().prop_map(|pick| Event::FinishUpload { pick }),
        1 => pick.clone().prop_map(|pick| Event::Select { pick }),
        1 => pick.clone().prop_map(|pick| Event::Refuse { pick }),
        4 => (pick.clone(), 0..1_000_000u32).prop_map(|(pick, bytes)| Event::ServerSends { pick, bytes }),
        2 => (pick.clone(), any::<bool>()).prop_map(|(pick, well)| Event::ServerEnds { pick, well }),
        2 => pick.prop_map(|pick| Event::OpenWindow { pick }),
        8 => Just(Event::ToServer),
        8 => Just(Event::ToClient),
        2 => (0..2000u16).prop_map(|milliseconds| Event::Time { milliseconds }),
    ];
    prop::collection::vec(one, 0..400)
}

/// An operation as one side knows it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Known {
    Upload,
    Finished,
    Download,
}

struct World {
    now: Duration,
    client: ClientSession,
    server: ServerSession,
    to_server: VecDeque<(Vec<u8>, usize)>,
    to_client: VecDeque<(Vec<u8>, usize)>,
    at_client: BTreeMap<OperationId, Known>,
    at_server: BTreeMap<OperationId, Known>,
}

fn nth(operations: &BTreeMap<OperationId, Known>, pick: usize, known: Known) -> Option<OperationId> {
    operations.iter().filter(|(_, is)| **is == known).map(|(id, _)| *id).nth(pick)
}

impl World {
    fn new() -> Self {
        Self {
            now: Duration::ZERO,
            client: ClientSession::new(DEFAULT_PAYLOAD_BYTES),
            server: ServerSession::new(DEFAULT_PAYLOAD_BYTES),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            at_client: BTreeMap::new(),
            at_server: BTreeMap::new(),
        }
    }

    fn post(line: &mut VecDeque<(Vec<u8>, usize)>, header: &Header, payload: usize) {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        line.push_back((bytes, payload));
    }

    fn flush(&mut self) {
        while let Some(header) = self.client.poll_header() {
            Self::post(&mut self.to_server, &header, 0);
        }
        while let Some(header) = self.server.poll_header() {
            Self::post(&mut self.to_client, &header, 0);
        }
    }

    fn happen(&mut self, event: Event) -> Result<(), SessionError> {
        match event {
            Event::Start { upload } if self.at_client.len() < 4 => {
                let path = "/".parse().expect("the root is a path");
                let (request, known) = if upload {
                    (
                        Request::Upload {
                            destination: path,
                            on_conflict: OnConflict::Abort,
                            names: None,
                            group: None,
                            claims: None,
                        },
                        Known::Upload,
                    )
                } else {
                    let sources = vec![path];
                    (
                        Request::Download {
                            sources,
                            recursive: true,
                            total: false,
                            credit: 1 << 21,
                            selection: None,
                            send_options: None,
                        },
                        Known::Download,
                    )
                };
                let id = self.client.start(self.now, request, 0);
                self.at_client.insert(id, known);
            }
            Event::Cancel { pick } => {
                let id = self.at_client.keys().copied().nth(pick);
                id.into_iter().for_each(|id| self.client.cancel(id));
            }
            Event::SendUpload { pick, bytes } => {
                let Some(id) = nth(&self.at_client, pick, Known::Upload) else {
                    return Ok(());
                };
                let Some(credit) = self.client.credit(id).checked_sub(ITEM_CREDIT_BYTES) else { return Ok(()) };
                let length = u32::try_from(credit).unwrap_or(u32::MAX).min(bytes);
                let header = self.client.data(id, vec![Item::Data { length }], length as usize)?;
                self.flush();
                Self::post(&mut self.to_server, &header, length as usize);
            }
            Event::Select { pick } => {
                let Some(id) = nth(&self.at_client, pick, Known::Download) else {
                    return Ok(());
                };
                let path = "/a".parse().expect("a path");
                let file = crate::wire::Selected {
                    path,
                    name: "a".to_owned(),
                    known: None,
                    as_link: false,
                    parts: Vec::new(),
                };
                if self.client.credit(id) >= file.credit_bytes() {
                    self.client.select(id, vec![file])?;
                }
            }
            Event::Refuse { pick } => {
                let id = nth(&self.at_client, pick, Known::Download);
                id.into_iter().for_each(|id| self.client.unwanted(id, "a".to_owned()));
            }
            Event::FinishUpload { pick } => {
                let Some(id) = nth(&self.at_client, pick, Known::Upload) else {
                    return Ok(());
                };
                self.client.finish(id);
                self.at_client.insert(id, Known::Finished);
            }
            Event::ServerSends { pick, bytes } => {
                let Some(id) = nth(&self.at_server, pick, Known::Download) else {
                    return Ok(());
                };
                let Some(credit) = self.server.credit(id).checked_sub(ITEM_CREDIT_BYTES) else { return Ok(()) };
                let length = u32::try_from(credit).unwrap_or(u32::MAX).min(bytes);
                let header = self.server.data(id, vec![Item::Data { length }], length as usize)?;
                self.flush();
                Self::post(&mut self.to_client, &header, length as usize);
            }
            Event::ServerEnds { pick, well } => {
                let Some(id) = self.at_server.keys().copied().nth(pick) else {
                    return Ok(());
                };
                self.end(id, well);
            }
            Event::OpenWindow { pick } => {
                let id = nth(&self.at_server, pick, Known::Upload);
                id.into_iter().for_each(|id| self.server.open_window(id));
            }
            Event::ToServer => return self.deliver_to_server(),
            Event::ToClient => return self.deliver_to_client(),
            Event::Time { milliseconds } => {
                self.now += Duration::from_millis(milliseconds.into());
                self.flush();
                // A line that delivers nothing for ever is another test's concern.
                let _silence = (self.client.handle_timeout(self.now), self.server.handle_timeout(self.now));
            }
            Event::Start { .. } => {}
        }
        Ok(())
    }

    fn end(&mut self, id: OperationId, well: bool) {
        self.at_server.remove(&id);
        let outcome = if well { Ok(Done::default()) } else { Err(ErrorCode::Cancelled.into()) };
        self.server.finish(self.now, id, outcome);
    }

    fn deliver_to_server(&mut self) -> Result<(), SessionError> {
        self.flush();
        let Some((bytes, payload)) = self.to_server.pop_front() else {
            return Ok(());
        };
        let header = Header::decode(&bytes).expect("an honest header");
        match self.server.receive(self.now, header, payload)? {
            ServerEvent::Request { operation, request, .. } => {
                let known = if request.is_write() { Known::Upload } else { Known::Download };
                self.at_server.insert(operation, known);
            }
            ServerEvent::Items(id, items) => self.server.consumed(id, credit_bytes(&items, payload)),
            ServerEvent::Finish(id) => self.end(id, true),
            ServerEvent::Cancel(id) => self.end(id, false),
            ServerEvent::Select(id, files) => {
                self.server.consumed(id, files.iter().map(crate::wire::Selected::credit_bytes).sum());
            }
            ServerEvent::None | ServerEvent::Closed | ServerEvent::Unwanted(..) => {}
        }
        Ok(())
    }

    fn deliver_to_client(&mut self) -> Result<(), SessionError> {
        self.flush();
        let Some((bytes, payload)) = self.to_client.pop_front() else {
            return Ok(());
        };
        let header = Header::decode(&bytes).expect("an honest header");
        match self.client.receive(self.now, header, payload)? {
            ClientEvent::Items(id, items) => self.client.consumed(id, credit_bytes(&items, payload)),
            ClientEvent::Finished(id, _) => {
                self.at_client.remove(&id).expect("an operation ends once");
            }
            _ => {}
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn no_order_of_honest_events_breaks_a_session(events in events()) {
        let mut world = World::new();
        for event in events {
            world.happen(event).map_err(|error| TestCaseError::fail(format!("{event:?}: {error}")))?;
        }
        let ids: Vec<OperationId> = world.at_client.keys().copied().collect();
        ids.into_iter().for_each(|id| world.client.cancel(id));
        for _ in 0..10_000 {
            world.happen(Event::ToServer).map_err(|error| TestCaseError::fail(error.to_string()))?;
            world.happen(Event::ToClient).map_err(|error| TestCaseError::fail(error.to_string()))?;
            if world.at_client.is_empty() {
                break;
            }
        }
        prop_assert!(world.at_client.is_empty(), "an operation never ends: {:?}", world.at_client);
        prop_assert_eq!(world.client.next_timeout(), None);
    }
}
