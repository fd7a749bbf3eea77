//! A fault at every system call: each operation of the local store again and again, each time with another of its
//! calls failing once.
//!
//! What has to hold each time: an operation that tells of success has done everything, and left nothing behind in the
//! staging directory. One that tells of a failure has left no half of a file, and the same operation again, without
//! a fault, does everything and leaves nothing behind either. What signals interrupt and what comes in small pieces is
//! no failure at all.

#![expect(clippy::disallowed_methods, reason = "the campaign makes files and looks at the disk itself")]

mod operations;
mod tree;

use crate::store::system_faults::{self, FAULTS, Fault, SystemCall};
use crate::store::{DEFAULT_PARTIAL_EXPIRY, DurableStore, Fsync, LocalStore, ResumeStore, StoreOptions, StoreResult};
use operations::OPERATIONS;
use rustix::io::Errno;
use std::fmt::Write;
use std::path::Path;
use tree::Tree;

/// An operation of the store.
struct Operation {
    name: &'static str,
    /// Makes what is there before.
    prepare: fn(&Path),
    run: fn(&LocalStore) -> StoreResult<()>,
    /// True if a failure may leave a file that is neither the old nor the new one: files that are edited in place.
    may_tear: bool,
    /// Number of the partials that are there afterwards.
    kept: usize,
}

fn open(root: &Path, fsync: Fsync) -> LocalStore {
    LocalStore::open(root, StoreOptions { fsync, ..StoreOptions::default() }).unwrap()
}

/// Returns a directory in memory where there is one: some thousand cases flush there.
fn place() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

impl Operation {
    /// Runs the operation as a server does: what it stored is flushed before its end is told, whatever that is.
    fn execute(&self, store: &LocalStore) -> StoreResult<()> {
        let mark = store.flush_mark();
        let done = (self.run)(store);
        done.and(store.sync(mark))
    }
}

/// The files that are there before and after an operation without faults, and the calls that it makes.
struct Course {
    before: Tree,
    after: Tree,
    calls: Vec<SystemCall>,
}

impl Course {
    fn of(operation: &Operation, fsync: Fsync) -> Self {
        let root = place();
        (operation.prepare)(root.path());
        let before = Tree::of(root.path());
        let store = open(root.path(), fsync);
        let (done, calls) = system_faults::count(|| operation.execute(&store));
        done.unwrap_or_else(|failure| panic!("{}: {failure:?}", operation.name));
        drop(store);
        let after = Tree::of(root.path());
        nothing_left(operation, root.path()).unwrap();
        Self { before, after, calls }
    }

    /// Runs an operation with one fault, and returns what is wrong then.
    fn check(&self, operation: &Operation, fsync: Fsync, number: usize, fault: Fault) -> Result<(), String> {
        let root = place();
        (operation.prepare)(root.path());
        let store = open(root.path(), fsync);
        let (done, _) = system_faults::fail(number, fault, || operation.execute(&store));
        drop(store);
        let found = Tree::of(root.path());
        match done {
            Ok(()) => {
                found.same_as(&self.after).map_err(|wrong| format!("told of success, but {wrong}"))?;
                nothing_left(operation, root.path()).map_err(|left| format!("a success left {left}"))
            }
            Err(failure) if failure.detail.as_deref() == Some(operations::WRONG) => Err(operations::WRONG.to_owned()),
            Err(failure) if matches!(fault, Fault::Short | Fault::Error(Errno::INTR)) => {
                Err(format!("failed with {failure:?}"))
            }
            Err(_) => {
                if !operation.may_tear {
                    found.mixes(&self.before, &self.after)?;
                }
                self.check_again(operation, fsync, root.path())
            }
        }
    }

    /// Starts anew, as a server does, and runs the operation once more.
    fn check_again(&self, operation: &Operation, fsync: Fsync, root: &Path) -> Result<(), String> {
        let store = open(root, fsync);
        store.expire_partials(DEFAULT_PARTIAL_EXPIRY).map_err(|failure| format!("cannot start: {failure:?}"))?;
        let again = operation.execute(&store);
        drop(store);
        Tree::of(root).same_as(&self.after).map_err(|wrong| format!("once more gave {again:?}, and {wrong}"))?;
        nothing_left(operation, root).map_err(|left| format!("once more left {left}"))
    }
}

/// Checks that nothing is in the staging directory, but for partials that are to be there. A failed flush is remembered there.
fn nothing_left(operation: &Operation, root: &Path) -> Result<(), String> {
    let mut left = tree::staged(root);
    if open(root, Fsync::None).partials().unwrap().len() == operation.kept {
        left.retain(|name| !name.ends_with(".partial") && !name.ends_with(".info"));
    }
    left.retain(|name| name != "unflushed/ranges");
    if left.is_empty() { Ok(()) } else { Err(left.join(", ")) }
}

fn campaign(fsync: Fsync) {
    let (mut cases, mut calls, mut report) = (0, 0, String::new());
    for operation in OPERATIONS {
        let course = Course::of(operation, fsync);
        calls += course.calls.len();
        for (number, SystemCall { name, moves_bytes }) in course.calls.iter().enumerate() {
            for fault in FAULTS.into_iter().filter(|fault| *moves_bytes || *fault != Fault::Short) {
                cases += 1;
                if let Err(wrong) = course.check(operation, fsync, number, fault) {
                    let _ = writeln!(report, "{}: call {number} ({name}) with {fault:?}: {wrong}", operation.name);
                }
            }
        }
    }
    println!("{} operations, {calls} calls, {cases} cases with {fsync:?}", OPERATIONS.len());
    assert!(report.is_empty(), "{} of {cases} cases:\n{report}", report.lines().count());
}

#[test]
fn any_call_may_fail_while_nothing_is_flushed() {
    campaign(Fsync::None);
}

#[test]
fn any_call_may_fail_while_all_is_flushed_at_the_end() {
    campaign(Fsync::End);
}

#[test]
fn any_call_may_fail_while_each_file_is_flushed() {
    campaign(Fsync::Each);
}
