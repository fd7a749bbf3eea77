//! Random operations, after each of which every meter tells what is really there.

use super::*;
use proptest::prelude::*;

const DIRECTORIES: [&str; 4] = ["/", "/a", "/a/b", "/b"];

#[derive(Debug, Clone)]
enum Operation {
    Write { at: String, size: u64, replace: bool },
    Drop { at: String },
    Interrupt { at: String, written: u64 },
    Resume { at: String, offset: u64, commit: bool },
    RemovePartial { at: String },
    Expire,
    Make { at: String },
    Remove { at: String },
    RemoveTree { at: String },
    Rename { from: String, to: String, replace: bool },
    Edit { at: String, offset: u64, length: u64 },
    Append { at: String, length: u64 },
    Cut { at: String, length: u64 },
    BackUp { from: String, to: String },
    Link { at: String, target: &'static str },
}

fn any_path() -> impl Strategy<Value = String> {
    prop::collection::vec("[ab]", 1..4).prop_map(|names| format!("/{}", names.join("/")))
}

fn any_change() -> impl Strategy<Value = Operation> {
    let (flag, size) = (any::<bool>, || 0..2000_u64);
    prop_oneof![
        5 => (any_path(), size(), flag()).prop_map(|(at, size, replace)| Operation::Write { at, size, replace }),
        1 => any_path().prop_map(|at| Operation::Drop { at }),
        4 => any_path().prop_map(|at| Operation::Make { at }),
        1 => any_path().prop_map(|at| Operation::Remove { at }),
        1 => any_path().prop_map(|at| Operation::RemoveTree { at }),
        3 => (any_path(), any_path(), flag()).prop_map(|(from, to, replace)| Operation::Rename { from, to, replace }),
        1 => (any_path(), size(), size()).prop_map(|(at, offset, length)| Operation::Edit { at, offset, length }),
        1 => (any_path(), size()).prop_map(|(at, length)| Operation::Append { at, length }),
        1 => (any_path(), size()).prop_map(|(at, length)| Operation::Cut { at, length }),
        1 => (any_path(), any_path()).prop_map(|(from, to)| Operation::BackUp { from, to }),
    ]
}

fn any_resumption() -> impl Strategy<Value = Operation> {
    let place = || prop::sample::select(vec![0, 1, LARGE / 2, LARGE]);
    prop_oneof![
        3 => (any_path(), place()).prop_map(|(at, written)| Operation::Interrupt { at, written }),
        3 => (any_path(), place(), any::<bool>())
            .prop_map(|(at, offset, commit)| Operation::Resume { at, offset, commit }),
        1 => any_path().prop_map(|at| Operation::RemovePartial { at }),
        1 => Just(Operation::Expire),
    ]
}

fn any_link() -> impl Strategy<Value = Operation> {
    let target = prop::sample::select(vec!["a", "b", "../a", "../b", "../../b"]);
    (any_path(), target).prop_map(|(at, target)| Operation::Link { at, target })
}

/// Does it, as far as it can be done.
fn apply(store: &dyn Store, operation: &Operation) -> StoreResult<()> {
    match operation {
        Operation::Write { at, size, replace } => {
            let mut staged = stage(store, at, &StagePlan { replace: *replace, ..sized(*size) })?;
            staged.write_hole(*size)?;
            staged.commit()
        }
        Operation::Drop { at } => stage(store, at, &StagePlan::default())?.write(&[1; 10]),
        Operation::Interrupt { at, written } => interrupt(store, at, *written),
        Operation::Resume { at, offset, commit } => {
            let mut staged = resume(store, at, *offset)?;
            staged.write_hole((LARGE - offset) / 2)?;
            if *commit {
                return staged.commit();
            }
            staged.retain_partial();
            Ok(())
        }
        Operation::RemovePartial { at } => store.remove_partial(&path(at)).map(drop),
        Operation::Expire => store.expire_partials(Duration::ZERO).map(drop),
        Operation::Make { at } => store.make_directory(&path(at), true, true).map(drop),
        Operation::Remove { at } => store.remove(&path(at)).map(drop),
        Operation::RemoveTree { at } => remove_tree(store, at),
        Operation::Rename { from, to, replace } => store.rename(&path(from), &path(to), *replace),
        Operation::Edit { at, offset, length } => {
            store.edit(&path(at), true)?.write_at(&vec![1; *length as usize], *offset)
        }
        Operation::Append { at, length } => store.edit(&path(at), false)?.append(&vec![1; *length as usize]),
        Operation::Cut { at, length } => store.edit(&path(at), false)?.set_length(*length),
        Operation::BackUp { from, to } => {
            store.prepare_backup(&path(from), &path(to))?.commit()?;
            // What has a backup is replaced or removed: a change of it would be one of both.
            store.remove(&path(from)).or_else(|_| store.remove(&path(to))).map(drop)
        }
        Operation::Link { at, target } => store.make_link(&path(at), target, true),
    }
}

fn check(scene: &Scene, operations: &[Operation]) {
    for (index, operation) in operations.iter().enumerate() {
        let _outcome = apply(&scene.store, operation);
        scene.await_counts();
        for (directory, used) in scene.meters.snapshot() {
            assert_eq!(used, scene.there(directory.as_str()), "{directory} after {index}: {operation:?}");
        }
    }
}

/// Nobody but somebody with a quota: nothing is ever beyond it.
fn check_limited(scene: &Scene, quota: u64, operations: &[Operation]) {
    let store = scene.limited("/", quota);
    for operation in operations {
        let _outcome = apply(&store, operation);
        assert!(scene.there("/") <= quota && scene.used("/") <= quota, "after {operation:?}");
    }
    scene.await_counts();
    scene.assert_right();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

    #[test]
    fn every_meter_tells_what_is_there(
        operations in prop::collection::vec(prop_oneof![3 => any_change(), 1 => any_resumption()], 1..60),
    ) {
        check(&Scene::local(&DIRECTORIES), &operations);
        check(&Scene::memory(&DIRECTORIES), &operations);
    }

    #[test]
    fn every_meter_tells_what_is_there_whatever_links_lead_there(
        operations in prop::collection::vec(prop_oneof![4 => any_change(), 1 => any_link()], 1..60),
    ) {
        check(&Scene::local(&DIRECTORIES), &operations);
        check(&Scene::memory(&DIRECTORIES), &operations);
    }

    #[test]
    fn no_operations_lead_beyond_a_quota(
        quota in 0..6000_u64,
        operations in prop::collection::vec(prop_oneof![3 => any_change(), 1 => any_resumption()], 1..60),
    ) {
        check_limited(&Scene::local(&DIRECTORIES), quota, &operations);
        check_limited(&Scene::memory(&DIRECTORIES), quota + LARGE, &operations);
    }
}
