//! Machines of several servers over one order of changes: rules by examples, and histories at random.

mod history;
mod rules;

use super::coordinator::{Change, Event, SharedValue, Snapshot, Term};
use super::machine::{Machine, Outcome};
use crate::server::leases::{Access, Claim, Claimant, ClientKey, Reach, Settled, StorePath, View};
use remofile_protocol::handshake::ClientIdentity;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Holder, OperationId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The order of all changes, and what is there.
#[derive(Default)]
struct Log {
    revision: u64,
    values: BTreeMap<String, (SharedValue, Option<Term>)>,
    events: Vec<Event>,
    ended: Vec<Term>,
}

impl Log {
    /// Makes changes as one; false if a term has ended.
    fn write(&mut self, changes: &[Change]) -> bool {
        let is_over =
            |change: &Change| matches!(change, Change::Put { term: Some(term), .. } if self.ended.contains(term));
        if changes.iter().any(is_over) {
            return false;
        }
        self.revision += 1;
        for change in changes {
            match change {
                Change::Put { key, value, term } => {
                    let created = self.values.get(key).map_or(self.revision, |(former, _)| former.created);
                    let value =
                        SharedValue { key: key.clone(), value: value.clone(), created, modified: self.revision };
                    self.events.push(Event::Put(value.clone()));
                    self.values.insert(key.clone(), (value, *term));
                }
                Change::Delete { key } => {
                    if self.values.remove(key).is_some() {
                        self.events.push(Event::Delete { key: key.clone(), revision: self.revision });
                    }
                }
            }
        }
        true
    }

    fn end(&mut self, term: Term) {
        self.ended.push(term);
        let of_term = self.values.iter().filter(|(_, (_, of))| *of == Some(term));
        let changes: Vec<Change> = of_term.map(|(key, _)| Change::Delete { key: key.clone() }).collect();
        self.write(&changes);
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot { revision: self.revision, values: self.values.values().map(|(value, _)| value.clone()).collect() }
    }

    /// The events behind a revision, as far as another one.
    fn between(&self, after: u64, to: u64) -> Vec<Event> {
        let is_meant = |event: &&Event| event.revision() > after && event.revision() <= to;
        self.events.iter().filter(is_meant).cloned().collect()
    }
}

fn machine(server: u64, log: &Log) -> Machine {
    let mut machine = Machine::new(server, super::unreachable());
    machine.join(Term(i64::try_from(server).unwrap()), &log.snapshot(), Duration::ZERO, 0);
    machine
}

fn claimant(session: u64) -> Claimant {
    Claimant {
        session,
        operation: OperationId(1),
        client: ClientKey::of_session(session),
        group: None,
        is_hold: false,
        is_brief: false,
        waits: true,
        root: RemotePath::root(),
        sees_names: true,
        name: format!("client {session}"),
        address: "192.0.2.1:1".to_owned(),
        activity: "upload",
        token: "default".to_owned(),
        identity: None,
    }
}

fn identity(client: u8, incarnation: u64) -> Option<ClientIdentity> {
    Some(ClientIdentity { client: [client; 16], incarnation, connection: 0 })
}

fn claims(path: &str, access: Access) -> Arc<[Claim]> {
    let place = StorePath::new(&RemotePath::root(), &path.parse().unwrap());
    vec![Claim::new(place, Reach::Subtree, access)].into()
}

fn write(path: &str) -> Arc<[Claim]> {
    claims(path, Access::Write)
}

/// Writes what a machine has to write, and has all see it.
fn settle(log: &mut Log, machines: &mut [&mut Machine]) {
    for machine in machines.iter_mut() {
        let changes = machine.take_changes(100, 1 << 20);
        if !changes.is_empty() {
            log.write(&changes);
        }
    }
    for machine in machines {
        let events = log.between(machine.revision(), log.revision);
        machine.take(&events, Duration::ZERO);
    }
}

fn view() -> View {
    View { root: RemotePath::root(), sees_names: true }
}

fn names(holders: Option<Vec<Holder>>) -> Vec<String> {
    holders.unwrap().into_iter().map(|holder| holder.client).collect()
}

fn settled(ticket: u64, settled: Settled) -> Outcome {
    Outcome::Settled(ticket, settled)
}
