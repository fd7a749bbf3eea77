//! The memory that the operations of a session take, kept within the session's budget.

use crate::budget::{Budget, Exhausted, Reservation};
use crate::transfer::{ALLOCATION_BYTES, Filter};
use remofile_protocol::limits::{INITIAL_CREDIT_BYTES, ITEMS_WINDOW_BYTES, credit_window_bytes};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{OperationId, Part, Request, Selection, ToSign};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Memory of an operation that has nothing to remember, in bytes.
const OPERATION_BYTES: usize = 4 * 1024;

/// Memory of a text beside its own bytes, in bytes.
const TEXT_BYTES: usize = size_of::<String>() + ALLOCATION_BYTES;

/// The accounts of a session's operations.
#[derive(Debug)]
pub(super) struct Accounts {
    budget: Arc<Budget>,
    /// Reservation for messages that wait to be sent. They are in memory already, and no messages are taken while
    /// there are too many.
    outbox: Reservation,
    /// Reservation for what the session remembers between operations.
    remembered: Reservation,
    operations: BTreeMap<OperationId, Account>,
    /// The connections of the session.
    connections: usize,
}

#[derive(Debug)]
struct Account {
    reservation: Reservation,
    /// Memory of the request itself, in bytes.
    request: u64,
    /// Bytes by which the window is wider than the initial one, if it was opened. The client may send as many while
    /// items are put by.
    window: Option<u64>,
    /// True if what came last through the window was mostly content: then it may be as wide as any.
    is_rich: bool,
    /// True while the window is kept narrower than it was opened.
    is_narrowed: bool,
    /// True if the operation holds more than was left in the budget.
    is_overdrawn: bool,
}

impl Accounts {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        let (outbox, remembered) = (Reservation::new(&budget), Reservation::new(&budget));
        Self { outbox, remembered, operations: BTreeMap::new(), budget, connections: 1 }
    }

    /// Takes note of the connections that the session has: over several, windows are wider.
    pub(super) fn over(&mut self, connections: usize) {
        self.connections = connections;
    }

    #[cfg(test)]
    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Opens the account of an operation that is about to begin, and reserves the memory of its request and of
    /// its claims.
    pub(super) fn open(&mut self, id: OperationId, request: &Request, claims_bytes: usize) -> Result<(), Exhausted> {
        let request = (request_bytes(request) + claims_bytes) as u64;
        let mut reservation = Reservation::new(&self.budget);
        reservation.resize(request)?;
        let account =
            Account { reservation, request, window: None, is_rich: false, is_narrowed: false, is_overdrawn: false };
        self.operations.insert(id, account);
        Ok(())
    }

    /// Notes what comes through the window of an operation: items of so much credit, with so much content.
    pub(super) fn heard(&mut self, id: OperationId, content: u64, credit: u64) {
        if let Some(account) = self.operations.get_mut(&id) {
            account.is_rich = content >= credit / 2;
        }
    }

    /// Returns the width that the window of an operation gets now, if it is another one: as wide as the budget allows, but
    /// narrow while items come with little content.
    pub(super) fn change_width(&mut self, id: OperationId) -> Option<u64> {
        let connections = self.connections;
        let account = self.operations.get_mut(&id)?;
        let width = INITIAL_CREDIT_BYTES + account.window?;
        let widest = account.widest(connections);
        if width > widest {
            return (!std::mem::replace(&mut account.is_narrowed, true)).then_some(widest);
        }
        let widens = std::mem::take(&mut account.is_narrowed) || width < widest;
        widens.then(|| self.widen(id))
    }

    /// Opens the window of an operation as far as the budget and what came so far allow, and returns its width in bytes.
    pub(super) fn widen(&mut self, id: OperationId) -> u64 {
        let (spare, connections) = (self.budget.spare(), self.connections);
        let Some(account) = self.operations.get_mut(&id) else { return INITIAL_CREDIT_BYTES };
        let widest = account.widest(connections);
        let most = widest - INITIAL_CREDIT_BYTES;
        let before = account.window.unwrap_or(0);
        // Only the spare part of the budget, since a window that was opened cannot be closed again.
        let window = before.saturating_add(spare).min(most);
        let held = account.reservation.bytes() - account.request;
        let is_wider = window > before && account.reservation.resize(account.request + held.max(window)).is_ok();
        let window = if is_wider { window } else { before };
        account.window = Some(window);
        INITIAL_CREDIT_BYTES + window
    }

    /// Returns the bytes that the client may send before anything of it is used up: the windows of all operations.
    pub(super) fn windows(&self) -> u64 {
        let window = |account: &Account| INITIAL_CREDIT_BYTES + account.window.unwrap_or(0);
        self.operations.values().map(window).fold(INITIAL_CREDIT_BYTES, u64::saturating_add)
    }

    /// Reserves the memory that an operation holds, in bytes. An operation that `waits` will hold less without the
    /// client's help, and so may be overdrawn until then.
    pub(super) fn settle(&mut self, id: OperationId, held: u64, waits: bool) -> Result<(), Exhausted> {
        let Some(account) = self.operations.get_mut(&id) else { return Ok(()) };
        account.is_overdrawn &= waits;
        // What the operation holds came through its window, which is reserved already: the two are not added up.
        let bytes = account.request + held.max(account.window.unwrap_or(0));
        match account.reservation.resize(bytes) {
            Err(_) if waits => {
                account.reservation.resize_anyway(bytes);
                account.is_overdrawn = true;
                Ok(())
            }
            settled => settled,
        }
    }

    /// Closes the account of an operation that is over.
    pub(super) fn close(&mut self, id: OperationId) {
        self.operations.remove(&id);
    }

    /// Takes everything that is reserved, for who outlives the session; it has no accounts then.
    pub(super) fn take(&mut self) -> Self {
        let none = Self::new(Arc::clone(&self.budget));
        std::mem::replace(self, none)
    }

    /// Frees the room of operations, of which there are none.
    pub(super) fn rest(&mut self) {
        self.operations = BTreeMap::new();
    }

    /// Sets the number of bytes that wait to be sent. It may exceed the budget.
    pub(super) fn settle_outbox(&mut self, bytes: u64) {
        if bytes != self.outbox.bytes() {
            self.outbox.resize_anyway(bytes);
        }
    }

    /// Reserves the memory that the session keeps between operations, in bytes.
    pub(super) fn settle_remembered(&mut self, bytes: u64) -> Result<(), Exhausted> {
        self.remembered.resize(bytes)
    }

    /// Reports whether operations hold more than the budget has. Nothing more is taken from the client until they hold
    /// less.
    pub(super) fn is_overdrawn(&self) -> bool {
        self.operations.values().any(|account| account.is_overdrawn) && self.budget.is_exceeded()
    }
}

impl Account {
    /// Returns the width of its window at most, in bytes.
    fn widest(&self, connections: usize) -> u64 {
        if self.is_rich { credit_window_bytes(connections) } else { ITEMS_WINDOW_BYTES }
    }
}

/// Returns the memory of a request as it was decoded, and of the copies that an operation makes of it, in bytes.
fn request_bytes(request: &Request) -> usize {
    let paths: usize = request.paths().map(path_bytes).sum();
    let texts = |texts: &[String]| -> usize { texts.iter().map(|text| TEXT_BYTES + text.len()).sum() };
    let rules = |rules: &[String]| texts(rules) + Filter::memory_bytes(rules);
    let selected = |selection: &Option<Selection>| selection.as_ref().map_or(0, |selection| rules(&selection.rules));
    let more: usize = match request {
        Request::List { rules: listed, .. } => rules(listed),
        Request::Find { sources, selection, .. } | Request::Hash { sources, selection, .. } => {
            2 * path_list_bytes(sources) + selected(selection)
        }
        // They are there twice where they are counted first.
        Request::Download { sources, selection, .. } => 3 * path_list_bytes(sources) + selected(selection),
        Request::Survey { names, .. } => 2 * texts(names),
        Request::Upload { names, claims, .. } => [names, claims].into_iter().flatten().map(|names| texts(names)).sum(),
        Request::Sign { files } => files.iter().map(to_sign_bytes).sum(),
        _ => 0,
    };
    OPERATION_BYTES + paths + more
}

fn path_list_bytes(paths: &[RemotePath]) -> usize {
    paths.iter().map(path_bytes).sum()
}

fn path_bytes(path: &RemotePath) -> usize {
    size_of::<RemotePath>() + ALLOCATION_BYTES + path.as_str().len()
}

fn to_sign_bytes(file: &ToSign) -> usize {
    size_of::<ToSign>() + ALLOCATION_BYTES + file.parts.capacity() * size_of::<Part>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile_protocol::limits::CREDIT_WINDOW_BYTES;

    const ID: OperationId = OperationId(1);

    #[test]
    fn what_is_busy_may_hold_more_until_it_is_done_and_nothing_is_taken_meanwhile() {
        let mut accounts = Accounts::new(Budget::of_session(&Budget::of_server(1_000_000), 100_000));
        accounts.open(ID, &Request::Status, 0).unwrap();
        assert!(accounts.settle(ID, 200_000, false).is_err());
        assert!(!accounts.is_overdrawn());
        accounts.settle(ID, 200_000, true).unwrap();
        assert!(accounts.is_overdrawn());
        accounts.settle(ID, 150_000, true).unwrap();
        assert!(accounts.is_overdrawn());
        accounts.settle(ID, 50_000, true).unwrap();
        assert!(!accounts.is_overdrawn());
        accounts.settle(ID, 200_000, true).unwrap();
        accounts.settle(ID, 90_000, false).unwrap();
        assert!(!accounts.is_overdrawn());
        accounts.close(ID);
        assert_eq!(accounts.budget().used(), 0);
    }

    #[test]
    fn windows_leave_room_for_what_operations_remember() {
        let mut accounts = Accounts::new(Budget::of_session(&Budget::of_server(u64::MAX), 8 << 20));
        accounts.open(ID, &Request::Status, 0).unwrap();
        let first = accounts.widen(ID) - INITIAL_CREDIT_BYTES;
        assert!((2 << 20..=3 << 20).contains(&first), "{first}");
        // What it holds is held within its window.
        let used = accounts.budget().used();
        accounts.settle(ID, first, false).unwrap();
        assert_eq!(accounts.budget().used(), used);
    }

    #[test]
    fn a_window_is_as_wide_as_what_comes_through_it_has_content() {
        let mut accounts = Accounts::new(Budget::of_session(&Budget::of_server(u64::MAX), 64 << 20));
        accounts.open(ID, &Request::Status, 0).unwrap();
        assert_eq!(accounts.change_width(ID), None, "it was not opened yet");
        assert_eq!(accounts.widen(ID), ITEMS_WINDOW_BYTES);
        for _ in 0..2 {
            accounts.heard(ID, 900, 1_000);
            assert_eq!(accounts.change_width(ID), Some(CREDIT_WINDOW_BYTES));
            assert_eq!(accounts.change_width(ID), None);
            accounts.heard(ID, 100, 1_000);
            assert_eq!(accounts.change_width(ID), Some(ITEMS_WINDOW_BYTES));
            assert_eq!(accounts.change_width(ID), None);
        }
    }
}
