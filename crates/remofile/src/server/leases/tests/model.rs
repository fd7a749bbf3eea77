//! Leases beside a list of claims that is gone through from the beginning for every question.

use super::*;
use proptest::prelude::*;

/// The model: all that hold or wait, in the order in which they came.
#[derive(Debug, Default)]
struct Model {
    entries: Vec<Modelled>,
}

#[derive(Debug, Clone)]
struct Modelled {
    session: u64,
    client: u64,
    claims: Vec<Simple>,
    is_brief: bool,
    is_held: bool,
}

impl Modelled {
    fn conflicts(&self, other: &Self) -> bool {
        self.claims.iter().any(|claim| other.claims.iter().any(|their| claim.conflicts(their)))
    }

    fn is_own(&self, other: &Self) -> bool {
        self.client == other.client
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Simple {
    path: &'static str,
    reach: Reach,
    access: Access,
}

impl Simple {
    fn contains(&self, other: &Self) -> bool {
        let above = if self.path == "/" { "" } else { self.path };
        let rest = other.path.strip_prefix(above);
        self.path == other.path || (self.reach == Reach::Subtree && rest.is_some_and(|rest| rest.starts_with('/')))
    }

    fn conflicts(&self, other: &Self) -> bool {
        (self.contains(other) || other.contains(self))
            && (self.access == Access::Write || other.access == Access::Write)
    }
}

impl Model {
    /// Those of other clients that one comes after.
    fn others(&self, at: usize) -> impl Iterator<Item = usize> {
        let wanted = &self.entries[at];
        let is_in_the_way = move |index: &usize| {
            let entry = &self.entries[*index];
            let comes_first = entry.is_held || *index < at;
            *index != at && !entry.is_own(wanted) && comes_first && entry.conflicts(wanted)
        };
        (0..self.entries.len()).filter(is_in_the_way)
    }

    /// Those of the same client that one comes after.
    fn ahead(&self, at: usize) -> impl Iterator<Item = usize> {
        let wanted = &self.entries[at];
        (0..at).filter(move |index| {
            let entry = &self.entries[*index];
            entry.is_own(wanted) && entry.is_brief && wanted.is_brief && entry.conflicts(wanted)
        })
    }

    fn is_free(&self, at: usize) -> bool {
        self.others(at).next().is_none() && self.ahead(at).next().is_none()
    }

    /// Reports whether it waits for others, if only because one of its own client does that it comes after.
    fn is_behind_others(&self, at: usize) -> bool {
        let is_behind = |index: usize| !self.entries[index].is_held && self.is_behind_others(index);
        self.others(at).next().is_some() || self.ahead(at).any(is_behind)
    }

    fn may_pass(&self, at: usize, passing: Passing) -> bool {
        let mut others = self.others(at);
        others.all(|index| !self.entries[index].is_held && self.waits_for(index, self.entries[at].client, passing))
    }

    fn waits_for(&self, waiting: usize, client: u64, passing: Passing) -> bool {
        let mut to_see = vec![waiting];
        while let Some(at) = to_see.pop() {
            let lets_pass = |index: usize| {
                let entry = &self.entries[index];
                let is_enough = passing == Passing::Held || (!entry.is_brief && index < waiting);
                entry.client == client && entry.is_held && is_enough && entry.conflicts(&self.entries[at])
            };
            if (0..self.entries.len()).any(lets_pass) {
                return true;
            }
            to_see.extend(self.others(at).filter(|index| *index < at && !self.entries[*index].is_held));
        }
        false
    }

    /// Grants what can be granted, to who came first first.
    fn settle(&mut self) {
        for at in 0..self.entries.len() {
            if !self.entries[at].is_held && self.is_free(at) {
                self.entries[at].is_held = true;
            }
        }
    }

    /// Grants what is waited for by those alone who wait for it.
    fn insist(&mut self, at: usize) {
        let is_held =
            self.entries[at].is_held || self.ahead(at).next().is_none() && self.may_pass(at, Passing::HeldBefore);
        self.entries[at].is_held = is_held;
    }

    /// Returns whether it is granted, and whether it is refused.
    fn claim(&mut self, entry: Modelled, waits: bool) -> (bool, bool) {
        self.entries.push(entry);
        let at = self.entries.len() - 1;
        let passes = self.may_pass(at, if waits { Passing::HeldBefore } else { Passing::Held });
        let is_granted = self.ahead(at).next().is_none() && passes;
        self.entries[at].is_held = is_granted;
        let is_behind = |index: usize| !self.entries[index].is_held && self.is_behind_others(index);
        let is_refused = !is_granted && !waits && (!passes || self.ahead(at).any(is_behind));
        if is_refused {
            self.entries.pop();
        }
        (is_granted, is_refused)
    }

    fn release(&mut self, session: u64) {
        self.entries.retain(|entry| entry.session != session);
        self.settle();
    }
}

const PATHS: [&str; 9] = ["/", "/a", "/a/a", "/a/b", "/a/b/c", "/b", "/b/a", "/b/a/c", "/c"];

fn simple() -> impl Strategy<Value = Simple> {
    let reach = prop_oneof![Just(Reach::Entry), Just(Reach::Subtree)];
    let access = prop_oneof![Just(Access::Read), Just(Access::Write)];
    (prop::sample::select(&PATHS[..]), reach, access).prop_map(|(path, reach, access)| Simple { path, reach, access })
}

#[derive(Debug, Clone)]
enum Move {
    Claim {
        claims: Vec<Simple>,
        client: u64,
        is_brief: bool,
        waits: bool,
    },
    /// Releases one of those that are there.
    Release(prop::sample::Index),
    /// The session of one of them is over, though it is there yet.
    Estrange(prop::sample::Index),
    /// One of them gives up, if it waits.
    GiveUp(prop::sample::Index),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let claim = (prop::collection::vec(simple(), 1..4), 0..4u64, any::<bool>(), any::<bool>())
        .prop_map(|(claims, client, is_brief, waits)| Move::Claim { claims, client, is_brief, waits });
    let index = any::<prop::sample::Index>;
    let moves = prop_oneof![
        12 => claim,
        6 => index().prop_map(Move::Release),
        1 => index().prop_map(Move::Estrange),
        2 => index().prop_map(Move::GiveUp),
    ];
    prop::collection::vec(moves, 1..60)
}

/// The number of a client that a session is which is over.
const STRANGERS: u64 = 1000;

fn key(client: u64) -> ClientKey {
    ClientKey::of_first_session(client)
}

proptest! {
    #[test]
    fn leases_are_granted_as_by_a_list_of_all_claims(moves in moves()) {
        let (leases, mut model, now) = (Under::default(), Model::default(), Instant::now());
        for (session, step) in (1..).zip(moves) {
            let at = |index: prop::sample::Index, model: &Model| match model.entries.len() {
                0 => None,
                entries => Some(index.index(entries)),
            };
            match step {
                Move::Claim { claims, client, is_brief, waits } => {
                    let wanted = claims.iter().map(|simple| claim(simple.path, simple.reach, simple.access)).collect();
                    let bell = Bell::default();
                    let claimant = Claimant { client: key(client), is_brief, waits, ..claimant(session, 1) };
                    let answer = leases.claim(now, claimant, in_order(wanted), Some(&bell));
                    let modelled = Modelled { session, client, claims, is_brief, is_held: false };
                    let (is_granted_there, is_refused) = model.claim(modelled, waits);
                    prop_assert_eq!(is_granted(&answer), is_granted_there);
                    prop_assert_eq!(matches!(&answer, Answer::Refused(_)), is_refused);
                    // Who is refused learns of somebody who is in the way, and nobody of itself.
                    let names = names(answer);
                    prop_assert!(!is_refused || !names.is_empty());
                    let is_behind_others = |at: usize| !model.entries[at].is_held && model.is_behind_others(at);
                    let waits_for_others = !is_refused && is_behind_others(model.entries.len() - 1);
                    prop_assert_eq!(names.is_empty(), !is_refused && !waits_for_others);
                }
                Move::Release(index) => {
                    let Some(at) = at(index, &model) else { continue };
                    let session = model.entries[at].session;
                    model.release(session);
                    leases.end(session);
                }
                Move::Estrange(index) => {
                    let Some(at) = at(index, &model) else { continue };
                    let Modelled { session, client, .. } = model.entries[at];
                    if client < STRANGERS {
                        prop_assert!(leases.estrange(&[session], key(client)));
                        model.entries[at].client = STRANGERS + session;
                    }
                }
                Move::GiveUp(index) => {
                    let Some(at) = at(index, &model) else { continue };
                    let entry = &model.entries[at];
                    let (session, is_held) = (entry.session, entry.is_held);
                    let passes = model.ahead(at).next().is_none() && model.may_pass(at, Passing::Held);
                    let gives_up = !is_held && !passes && model.is_behind_others(at);
                    let told = leases.give_up(now, session, OperationId(1));
                    prop_assert_eq!(told.is_some_and(|told| !told.is_empty()), gives_up);
                    match gives_up {
                        true => model.release(session),
                        false => model.entries[at].is_held |= passes,
                    }
                }
            }
            for at in 0..model.entries.len() {
                leases.insist(now, model.entries[at].session, OperationId(1));
                model.insist(at);
            }
            for entry in &model.entries {
                prop_assert_eq!(leases.has(entry.session), entry.is_held, "session {}", entry.session);
            }
        }
        for entry in &model.entries {
            leases.end(entry.session);
        }
        leases.assert_empty();
    }
}
