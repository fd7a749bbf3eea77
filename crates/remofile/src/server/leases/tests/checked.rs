//! Leases under every order in which threads can take their steps, by a model checker: no two that conflict are held, no
//! wake-up is lost, and nobody waits for ever, since then all threads of one of the orders would stand still.
//!
//! `REMOFILE_PREEMPTIONS` says how often a thread may be interrupted against its will; all orders are tried with that.

use super::super::table::Table;
use super::*;
use loom::sync::{Condvar, Mutex};
use loom::thread;
use std::sync::Mutex as PlainMutex;

/// A bell that a thread can wait for.
#[derive(Debug, Clone)]
struct Gong(loom::sync::Arc<Rung>);

#[derive(Debug)]
struct Rung {
    is_rung: Mutex<bool>,
    rings: Condvar,
}

impl Gong {
    fn new() -> Self {
        Self(loom::sync::Arc::new(Rung { is_rung: Mutex::new(false), rings: Condvar::new() }))
    }

    fn wait(&self) {
        let mut is_rung = self.0.is_rung.lock().unwrap();
        while !*is_rung {
            is_rung = self.0.rings.wait(is_rung).unwrap();
        }
    }
}

impl Wake for Gong {
    fn wake(&self) {
        *self.0.is_rung.lock().unwrap() = true;
        self.0.rings.notify_one();
    }
}

#[derive(Debug)]
struct Checked(Mutex<Table<Gong>>);

impl Lock<Table<Gong>> for Checked {
    fn new(value: Table<Gong>) -> Self {
        Self(Mutex::new(value))
    }

    fn with<R>(&self, run: impl FnOnce(&mut Table<Gong>) -> R) -> R {
        run(&mut self.0.lock().unwrap())
    }
}

type CheckedLeases = Leases<Gong, Checked>;

/// The claims that are held, as those see it who hold them. No step of the checker is taken in it.
#[derive(Debug, Default)]
struct Inside(PlainMutex<Vec<(u64, Vec<Claim>)>>);

impl Inside {
    fn enter(&self, session: u64, claims: &[Claim]) {
        let mut inside = self.0.lock().unwrap();
        for (other, held) in inside.iter() {
            let conflicts = |claim: &Claim| {
                let is_write = |other: &Claim| claim.access == Access::Write || other.access == Access::Write;
                held.iter().any(|other| (claim.covers_place(other) || other.covers_place(claim)) && is_write(other))
            };
            assert!(!claims.iter().any(conflicts), "{session} and {other} are at work at once");
        }
        inside.push((session, claims.to_vec()));
    }

    fn leave(&self, session: u64) {
        self.0.lock().unwrap().retain(|(other, _)| *other != session);
    }
}

impl Claim {
    fn covers_place(&self, other: &Self) -> bool {
        self.place == other.place || (self.reach == Reach::Subtree && other.place.is_within(&self.place))
    }
}

/// The course of a thread that waits for what it claims.
#[derive(Clone, Copy)]
enum Course {
    Patient,
    /// Gives up as soon as it would have to wait.
    Hasty,
}

fn work(leases: &CheckedLeases, inside: &Inside, session: u64, claims: &[Claim], course: Course) {
    let (gong, now, id) = (Gong::new(), Instant::now(), OperationId(1));
    match leases.claim(now, claimant(session, 1), claims.to_vec(), Some(&gong)) {
        Answer::Granted => {}
        Answer::Entering => unreachable!("there are no other servers"),
        Answer::Refused(holders) => panic!("refused because of {holders:?}"),
        Answer::Waiting(holders) => {
            assert!(!holders.is_empty());
            match course {
                Course::Hasty if leases.give_up(now, session, id).is_some() => return,
                Course::Hasty | Course::Patient => gong.wait(),
            }
        }
    }
    inside.enter(session, claims);
    // Others may take their steps meanwhile.
    assert!(leases.is_held(session, id));
    inside.leave(session);
    leases.release(now, session, Some(id));
}

fn check(threads: [(Vec<Claim>, Course); 3]) {
    let mut builder = loom::model::Builder::new();
    let preemptions = std::env::var("REMOFILE_PREEMPTIONS").ok().and_then(|text| text.parse().ok());
    builder.preemption_bound = Some(preemptions.unwrap_or(2));
    builder.check(move || {
        let leases = loom::sync::Arc::new(CheckedLeases::default());
        let inside = Arc::new(Inside::default());
        let [(own, own_course), others @ ..] = threads.clone();
        let spawn = |(session, (claims, course)): (u64, (Vec<Claim>, Course))| {
            let (leases, inside) = (loom::sync::Arc::clone(&leases), Arc::clone(&inside));
            thread::spawn(move || work(&leases, &inside, session, &claims, course))
        };
        let others: Vec<_> = (2..).zip(others).map(spawn).collect();
        work(&leases, &inside, 1, &own, own_course);
        others.into_iter().for_each(|other| other.join().unwrap());
        leases.table.with(|table| assert!(table.tree.is_empty() && table.entries.is_empty()));
    });
}

#[test]
fn writers_whose_paths_meet_one_after_the_other_get_their_turns_in_every_order() {
    let both = [write("/a"), write("/b")].concat();
    check([(write("/a/x"), Course::Patient), (both, Course::Patient), (write("/b"), Course::Patient)]);
}

#[test]
fn readers_and_writers_get_their_turns_in_every_order() {
    check([(read("/a"), Course::Patient), (entry("/a/x"), Course::Patient), (read("/a/x"), Course::Patient)]);
}

#[test]
fn who_gives_up_leaves_nobody_behind_in_any_order() {
    let both = [write("/a"), write("/b")].concat();
    check([(write("/a"), Course::Patient), (both, Course::Hasty), (write("/b/x"), Course::Patient)]);
}
