//! Random operations over a tiny alphabet, against a map of what must come of them.

use super::support::{LARGE, Tree, code, create, names_in, path};
use proptest::prelude::*;
use remofile::store::{StagePlan, WriteStore};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::ErrorCode::{
    self, AlreadyExists, BadRequest, IntoItself, NotADirectory, NotAFile, NotEmpty, NotFound,
};
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Operation {
    Write { at: RemotePath, byte: u8, is_large: bool, replace: bool, commit: bool },
    Create { at: RemotePath, update: bool },
    Make { at: RemotePath, update: bool, parents: bool },
    Remove { at: RemotePath },
    RemoveTree { at: RemotePath },
    Rename { from: RemotePath, to: RemotePath, replace: bool },
    Read { at: RemotePath },
}

fn any_path() -> impl Strategy<Value = RemotePath> {
    prop::collection::vec("[ab]", 1..4).prop_map(|names| path(&format!("/{}", names.join("/"))))
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let flag = any::<bool>;
    prop_oneof![
        3 => (any_path(), any::<u8>(), flag(), flag(), flag()).prop_map(|(at, byte, is_large, replace, commit)| {
            Operation::Write { at, byte, is_large, replace, commit }
        }),
        1 => (any_path(), flag()).prop_map(|(at, update)| Operation::Create { at, update }),
        3 => (any_path(), flag(), flag())
            .prop_map(|(at, update, parents)| Operation::Make { at, update, parents }),
        1 => any_path().prop_map(|at| Operation::Remove { at }),
        1 => any_path().prop_map(|at| Operation::RemoveTree { at }),
        3 => (any_path(), any_path(), flag())
            .prop_map(|(from, to, replace)| Operation::Rename { from, to, replace }),
        1 => any_path().prop_map(|at| Operation::Read { at }),
    ]
}

/// The tree as the model knows it: the bytes of each file, or `None` for a directory.
#[derive(Default)]
struct Model(BTreeMap<RemotePath, Option<Vec<u8>>>);

type Outcome = Result<(), ErrorCode>;

impl Model {
    /// The failure of passing through the parents of a path.
    fn reach(&self, at: &RemotePath) -> Outcome {
        let mut ancestors: Vec<RemotePath> = std::iter::successors(at.parent(), RemotePath::parent).collect();
        ancestors.reverse();
        for ancestor in ancestors.iter().filter(|ancestor| !ancestor.is_root()) {
            match self.0.get(ancestor) {
                None => return Err(NotFound),
                Some(Some(_)) => return Err(NotADirectory),
                Some(None) => {}
            }
        }
        Ok(())
    }

    fn has_below(&self, at: &RemotePath) -> bool {
        self.0.keys().any(|other| other != at && other.is_within(at))
    }

    fn apply(&mut self, operation: &Operation) -> Outcome {
        match operation {
            Operation::Write { at, byte, is_large, replace, commit } => {
                self.reach(at)?;
                let is_told = *commit || *is_large;
                match self.0.get(at) {
                    Some(None) if is_told => return Err(AlreadyExists),
                    Some(Some(_)) if !replace && is_told => return Err(AlreadyExists),
                    _ => {}
                }
                if *commit {
                    self.0.insert(at.clone(), Some(vec![*byte; 3]));
                }
                Ok(())
            }
            Operation::Create { at, update } => {
                self.reach(at)?;
                match self.0.get(at) {
                    None => drop(self.0.insert(at.clone(), Some(Vec::new()))),
                    Some(Some(_)) if *update => {}
                    Some(_) => return Err(AlreadyExists),
                }
                Ok(())
            }
            Operation::Make { at, update, parents } => self.make(at, *update, *parents),
            Operation::Remove { at } => {
                self.reach(at)?;
                if self.has_below(at) {
                    return Err(NotEmpty);
                }
                self.0.remove(at).map(drop).ok_or(NotFound)
            }
            Operation::RemoveTree { at } => {
                self.reach(at)?;
                self.0.get(at).ok_or(NotFound)?;
                self.0.retain(|other, _| !other.is_within(at));
                Ok(())
            }
            Operation::Rename { from, to, replace } => self.rename(from, to, *replace),
            Operation::Read { at } => {
                self.reach(at)?;
                self.0.get(at).ok_or(NotFound)?.as_ref().map(drop).ok_or(NotAFile)
            }
        }
    }

    fn make(&mut self, at: &RemotePath, update: bool, parents: bool) -> Outcome {
        match self.reach(at) {
            Err(NotFound) if parents => {
                let above = at.parent().ok_or(BadRequest)?;
                self.make(&above, true, true)?;
            }
            reached => reached?,
        }
        match self.0.get(at) {
            None => drop(self.0.insert(at.clone(), None)),
            Some(None) if update => {}
            Some(_) => return Err(AlreadyExists),
        }
        Ok(())
    }

    fn rename(&mut self, from: &RemotePath, to: &RemotePath, replace: bool) -> Outcome {
        self.reach(from)?;
        let is_directory = self.0.get(from).ok_or(NotFound)?.is_none();
        if is_directory && from != to && to.is_within(from) {
            return Err(IntoItself);
        }
        self.reach(to)?;
        match self.0.get(to) {
            None => {}
            Some(Some(_)) if replace && !is_directory => {}
            Some(_) => return Err(AlreadyExists),
        }
        let moved: Vec<RemotePath> = self.0.keys().filter(|other| other.is_within(from)).cloned().collect();
        for old in moved {
            let below = old.relative_to(from).filter(|below| !below.is_empty());
            let new = below.map_or_else(|| to.clone(), |below| to.join(below).expect("a short path"));
            if let Some(content) = self.0.remove(&old) {
                self.0.insert(new, content);
            }
        }
        Ok(())
    }
}

fn apply(tree: &Tree, operation: &Operation) -> Outcome {
    let store = &tree.store;
    let failed = match operation {
        Operation::Write { at, byte, is_large, replace, commit } => {
            let plan = StagePlan { replace: *replace, ..create(if *is_large { LARGE } else { 3 }) };
            code(tree.stage(at.as_str(), plan).and_then(|mut staged| {
                staged.write(&[*byte; 3])?;
                if *commit { staged.commit() } else { Ok(()) }
            }))
        }
        Operation::Create { at, update } => code(store.create_file(at, *update)),
        Operation::Make { at, update, parents } => code(store.make_directory(at, *update, *parents)),
        Operation::Remove { at } => code(store.remove(at)),
        Operation::RemoveTree { at } => code(tree.remove(at.as_str())),
        Operation::Rename { from, to, replace } => code(store.rename(from, to, *replace)),
        Operation::Read { at } => code(tree.read(at.as_str())),
    };
    failed.map_or(Ok(()), Err)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_comes_out_as_the_model_says(operations in prop::collection::vec(any_operation(), 1..40)) {
        let (tree, mut model) = (Tree::new(), Model::default());
        for operation in &operations {
            prop_assert_eq!(apply(&tree, operation), model.apply(operation), "{:?}", operation);
            let expected: Vec<String> = model.0.keys().map(ToString::to_string).collect();
            prop_assert_eq!(tree.list("/"), expected, "{:?}", operation);
        }
        for (at, content) in &model.0 {
            if let Some(bytes) = content {
                prop_assert_eq!(&tree.read(at.as_str()).expect("a file of the model"), bytes);
            }
        }
        prop_assert!(!names_in(tree.root.path()).contains(&".remofile".to_owned()));
    }
}
