//! Files of a sync that become names of what an earlier copy on this side has.

use crate::client::{EarlierHere, Linking, Syncing};
use crate::error::Result;
use crate::plan::{Action, Plan, Step, Steps};
use crate::store::Store;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Failure;
use std::collections::HashSet;
use std::mem;
use std::path::Path;

/// The files that would come and are in an earlier copy.
pub(super) struct LinksToEarlier {
    /// Their paths, as in the plan.
    pub(super) files: HashSet<Box<str>>,
    /// True if what is replaced is kept: it would be the new file, once that is a name of another one.
    pub(super) keeps_replaced: bool,
}

impl LinksToEarlier {
    /// Makes the links, and takes them out of the plan. What cannot be linked comes. There may be millions of them: the lease is
    /// kept meanwhile, and who wants the call to end need not wait.
    ///
    /// # Errors
    /// What ends the call; the links that are made by then stay.
    pub(super) fn make(
        &self,
        syncing: &mut Syncing<'_>,
        earlier: &EarlierHere,
        store: &dyn Store,
        destination: &Path,
        plan: &mut Plan,
    ) -> Result<()> {
        let steps = mem::take(&mut plan.steps);
        let linked = syncing.attend(|check| {
            let mut linking = Linking::new(earlier, store);
            let left = self.link(steps, &mut linking, destination, check)?;
            Ok((left, linking.linked, linking.refusal()))
        });
        let (left, count, refusal) = linked?;
        plan.steps = left;
        plan.unchanged.files += count;
        refusal.into_iter().for_each(|failure| syncing.failed(failure));
        Ok(())
    }

    /// Makes the links of steps. Returns the steps that are left.
    fn link(
        &self,
        steps: Steps,
        linking: &mut Linking<'_>,
        destination: &Path,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<Steps> {
        let mut left = Steps::default();
        for step in steps {
            check()?;
            let is_linked = self.has(&step) && {
                let linked = RemotePath::root().join(&step.path).map_err(Failure::from);
                let linked = linked.and_then(|path| linking.link(&path, &path, replaces(&step)));
                linking.note(linked, destination.join(&*step.path).display())
            };
            if !is_linked {
                left.push(step);
            }
        }
        Ok(left)
    }

    /// Takes what would be linked out of a plan that is only told.
    pub(super) fn foretell(&self, plan: &mut Plan) {
        let before = plan.steps.len();
        plan.steps = mem::take(&mut plan.steps).into_iter().filter(|step| !self.has(step)).collect();
        plan.unchanged.files += (before - plan.steps.len()) as u64;
    }

    fn has(&self, step: &Step) -> bool {
        let comes = replaces(step) || matches!(step.action, Action::Create { .. });
        comes && !(replaces(step) && self.keeps_replaced) && self.files.contains(&step.path)
    }
}

fn replaces(step: &Step) -> bool {
    matches!(step.action, Action::Update { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::store::{LocalStore, StoreOptions};
    use std::cell::Cell;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "tests make files")]
    fn linking_ends_when_the_call_is_to_end() {
        let directory = tempfile::tempdir().unwrap();
        let [before, after] = ["before", "after"].map(|name| directory.path().join(name));
        let names = ["a", "d/b", "d/c", "d/e"];
        for path in [before.join("d"), after.clone()] {
            std::fs::create_dir_all(path).unwrap();
        }
        names.iter().for_each(|name| std::fs::write(before.join(name), name).unwrap());
        let earlier = EarlierHere::open(&before, &after, None, false).unwrap();
        let store = LocalStore::open(&after, StoreOptions::default()).unwrap();
        let steps = |names: &[&str]| -> Steps {
            names.iter().map(|name| Step { path: (*name).into(), action: Action::Create { size: 1 } }).collect()
        };
        let links = LinksToEarlier { files: names.iter().map(|name| (*name).into()).collect(), keeps_replaced: false };
        let (mut linking, asked) = (Linking::new(&earlier, &store), Cell::new(0));
        let ended = links.link(steps(&names), &mut linking, &after, &|| {
            asked.set(asked.get() + 1);
            if asked.get() == 3 { Err(Error::Interrupted) } else { Ok(()) }
        });
        assert!(matches!(ended, Err(Error::Interrupted)) && linking.linked == 2);
        assert!(after.join("d/b").exists() && !after.join("d/c").exists());
        std::fs::remove_dir_all(after.join("d")).unwrap();
        let left = links.link(steps(&names[1..]), &mut linking, &after, &|| Ok(())).unwrap();
        assert!(left.is_empty() && after.join("d/e").exists(), "a directory that went meanwhile is made again");
    }
}
