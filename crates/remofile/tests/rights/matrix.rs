//! The matrix: each case at each place with each token over each carrier, against a model.
//!
//! The model: without a right that a case takes it is refused for a right that is missing, whatever is there, and nothing
//! changes; with all of them it ends as it does for whoever may do everything with a server of the same directory alone.
//! Nothing depends on what is around the directory, and nothing of that is told or changes.

use crate::common::{remote, soaks};
use crate::rights::carriers::{Answer, Carrier, behind_a_socket, native, zeromq};
use crate::rights::cases::{Case, ITEMS, REQUESTS, cases, number_of_item, number_of_request};
use crate::rights::world::{KINDS, State, World};
use remofile::TokenRights;
use remofile::protocol::handshake::Right;
use remofile::protocol::token::Token;
use remofile::protocol::wire::{ErrorCode, Failure};
use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Places of all kinds: what is there, what is not, what is reached by links, and what is outside as its owner names it.
pub const PLACES: [&str; 21] = [
    "/",
    "/f",
    "/d",
    "/d/g",
    "/empty",
    "/new",
    "/d/new",
    "/none/new",
    "/f/new",
    "/to-file",
    "/to-directory",
    "/to-directory/g",
    "/dangling",
    "/out",
    "/out-directory",
    "/out-directory/f",
    "/out-directory/new",
    "/out-absolute",
    "/up/f",
    "/loop",
    "/zz-secret/f",
];

type Connect = fn(&World, &Token) -> Box<dyn Carrier>;

/// The clients of one world, one for each kind of token.
struct Clients {
    world: World,
    clients: Vec<Box<dyn Carrier>>,
    asked: u64,
    before: Vec<State>,
    around: Vec<State>,
}

/// An answer, and what was in the directory after it.
struct Outcome {
    answer: Answer,
    tree: Vec<State>,
    has_changed: bool,
}

impl Clients {
    fn new(world: World, connect: Connect) -> Self {
        let clients = world.tokens[..KINDS.len()].iter().map(|token| connect(&world, token)).collect();
        let (before, around) = (world.inside(), world.outside());
        Self { world, clients, asked: 0, before, around }
    }

    fn ask(&mut self, kind: usize, case: &Case) -> Outcome {
        self.asked += 1;
        let answer = self.clients[kind].ask(self.asked, case);
        let tree = self.world.inside();
        assert_eq!(self.world.outside(), self.around, "{case:?}");
        let has_changed = tree != self.before;
        if has_changed {
            self.reset();
        }
        Outcome { answer, tree, has_changed }
    }

    fn reset(&mut self) {
        self.world.reset();
        self.before = self.world.inside();
    }
}

/// Returns the rights that a case takes and a token does not give.
fn missing(case: &Case, kind: TokenRights) -> Vec<Right> {
    case.needed.iter().copied().filter(|right| !kind.rights().has(*right)).collect()
}

/// Checks a refusal for want of a right: it names one that is missing, and the token.
fn is_denial(failure: &Failure, missing: &[Right], kind: TokenRights) -> bool {
    let said = |right: &Right| format!("the token {:?} has no right to {}", kind.name(), right.name());
    failure.code == ErrorCode::PermissionDenied
        && failure.rights == Some(kind.rights())
        && missing.iter().any(|right| failure.detail.as_deref() == Some(&*said(right)))
}

fn codes(answer: &Answer) -> Vec<ErrorCode> {
    answer.all().map(|failure| failure.code).collect()
}

/// Contents and kinds, without times.
fn contents(tree: &[State]) -> Vec<(&str, &str, &[u8])> {
    tree.iter().map(|(name, kind, content, _)| (name.as_str(), *kind, content.as_slice())).collect()
}

/// Returns the refusals as they are said, but for what the client itself named.
fn refusals(answer: &Answer) -> Vec<String> {
    answer.all().map(|failure| format!("{failure:?}")).collect()
}

/// Checks an answer, and what came of it, against that of whoever may do everything where there is nothing else.
fn check(about: &str, case: &Case, kind: TokenRights, told: &Outcome, expected: &Outcome) {
    let missing = missing(case, kind);
    if !missing.is_empty() {
        let is_denied = told.answer.all().any(|failure| is_denial(failure, &missing, kind));
        return assert!(is_denied && !told.has_changed, "{about}: {:?}", told.answer);
    }
    assert_eq!(contents(&told.tree), contents(&expected.tree), "{about}: {:?}", told.answer);
    let (codes, expected) = (codes(&told.answer), codes(&expected.answer));
    match kind {
        // Even where the same is there: it is not told that it is.
        _ if case.repeats_link_out() => assert!(!codes.is_empty(), "{about}"),
        // What is in the way has another name for those who may not look.
        TokenRights::Upload => assert_eq!(codes.is_empty(), expected.is_empty(), "{about}: {codes:?} {expected:?}"),
        _ => assert_eq!(codes, expected, "{about}"),
    }
}

/// Checks that nothing is said of what is outside but what the client itself named.
fn check_words(about: &str, case: &Case, answer: &Answer) {
    let named = format!("{case:?}");
    for word in ["zz-content", "zz-secret", "zz-inner", "zz-other", "zz-top"] {
        assert!(named.contains(word) || !answer.words.contains(word), "{about}: {}", answer.words);
    }
}

/// Walks through the matrix. With `alone`, all that is told is compared with what is told where nothing is outside.
fn walk(connect: Connect, is_bound: bool, mut alone: Option<Clients>) {
    let mut scoped = Clients::new(World::scoped(is_bound), connect);
    let mut plain = Clients::new(World::plain(is_bound), connect);
    let (mut requests, mut items) = (BTreeSet::new(), BTreeSet::new());
    // The decision is the same on each carrier: one is tried everywhere, the others are tried here and there.
    let every = if alone.is_some() || soaks() { 1 } else { 4 };
    for place in PLACES.into_iter().step_by(every) {
        for case in cases(&remote(place)) {
            requests.insert(number_of_request(&case.request));
            items.extend(case.items.iter().map(number_of_item));
            let expected = plain.ask(KINDS.len() - 1, &case);
            for (number, kind) in KINDS.into_iter().enumerate() {
                let about = format!("{} at {place}: {case:?}", kind.name());
                let told = scoped.ask(number, &case);
                check(&about, &case, kind, &told, &expected);
                check_words(&about, &case, &told.answer);
                if let Some(alone) = &mut alone {
                    let without = alone.ask(number, &case);
                    assert_eq!(refusals(&told.answer), refusals(&without.answer), "{about}");
                    assert_eq!(contents(&told.tree), contents(&without.tree), "{about}");
                }
            }
        }
    }
    assert_eq!(requests, (0..REQUESTS).collect());
    assert_eq!(items, (0..ITEMS).collect());
}

#[test]
fn the_matrix_of_rights_holds_on_the_native_carrier() {
    walk(native, true, Some(Clients::new(World::alone(true), native)));
}

#[test]
fn the_matrix_of_rights_holds_over_zeromq() {
    walk(zeromq, true, None);
}

#[test]
fn the_matrix_of_rights_holds_behind_a_socket_of_somebodys_own() {
    walk(behind_a_socket, false, None);
}

/// Puts what may have a name there: a file, and links to one, to nowhere, out and to themselves.
fn takers() -> [fn(&Path); 5] {
    [
        |at| std::fs::write(at, "zz").unwrap(),
        |at| symlink("f", at).unwrap(),
        |at| symlink("nowhere", at).unwrap(),
        |at| symlink("../zz-secret/f", at).unwrap(),
        |at| symlink(at.file_name().unwrap(), at).unwrap(),
    ]
}

#[test]
fn a_drop_box_is_refused_in_the_same_words_whatever_takes_a_name() {
    let mut clients = Clients::new(World::scoped(true), native);
    for place in ["/t", "/t/new"] {
        for case in cases(&remote(place)) {
            let mut said = BTreeSet::new();
            for put in takers() {
                put(&clients.world.inner.join("t"));
                let told = clients.ask(1, &case);
                clients.reset();
                if !refusals(&told.answer).is_empty() {
                    said.insert(format!("{:?}", refusals(&told.answer)));
                }
            }
            assert!(said.len() <= 1, "{place}: {case:?}: {said:#?}");
            if !missing(&case, TokenRights::Upload).is_empty() {
                let absent = clients.ask(1, &case);
                assert_eq!(said, BTreeSet::from([format!("{:?}", refusals(&absent.answer))]), "{case:?}");
            }
        }
    }
}
