//! The directories that are open while items come.

use crate::store::{Directory, Staged, StagedDirectory, StoreResult};
use remofile_protocol::path::RemotePath;
use std::collections::HashMap;
use std::mem;

/// Directories of one generation that stay open.
const GENERATION: usize = 64;

/// An open directory.
pub(super) struct OpenDirectory {
    pub(super) directory: Box<dyn Directory>,
    /// True if directories are staged in it, or it was: what it knows of its names then spares it requests.
    stays_open: bool,
}

impl OpenDirectory {
    pub(super) fn new(directory: Box<dyn Directory>) -> Self {
        Self { directory, stays_open: false }
    }
}

/// The directory of the last file, since files of one directory come together, and those which stay open beside it.
#[derive(Default)]
pub(super) struct OpenDirectories {
    last: Option<(RemotePath, OpenDirectory)>,
    /// Two generations: when the younger is full, the older is closed.
    young: HashMap<RemotePath, OpenDirectory>,
    old: HashMap<RemotePath, OpenDirectory>,
}

impl OpenDirectories {
    /// Takes a directory out, if it is open. That of the last file is closed otherwise.
    pub(super) fn take(&mut self, path: &RemotePath) -> Option<OpenDirectory> {
        match self.last.take() {
            Some((last, directory)) if last == *path => return Some(directory),
            Some((last, directory)) if directory.stays_open => self.keep(last, directory),
            _ => {}
        }
        self.young.remove(path).or_else(|| self.old.remove(path))
    }

    /// Puts the directory of the last file in.
    pub(super) fn put(&mut self, path: RemotePath, directory: OpenDirectory) {
        self.last = Some((path, directory));
    }

    fn keep(&mut self, path: RemotePath, directory: OpenDirectory) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(path, directory);
    }

    /// Stages a directory in an open one, and opens it: returns what makes it, if it is not there. `None` where it cannot be staged.
    pub(super) fn stage(
        &mut self,
        path: &RemotePath,
        mode: Option<u32>,
    ) -> Option<StoreResult<Option<Box<dyn Staged>>>> {
        let (parent, name) = path.split().ok()?;
        let is_last = self.last.as_ref().is_some_and(|(last, _)| *last == parent);
        if !is_last && !self.young.contains_key(&parent) && !self.old.contains_key(&parent) {
            return None;
        }
        let mut held = self.take(&parent)?;
        let staged = held.directory.stage_directory(&name, mode);
        held.stays_open |= staged.is_some();
        match staged {
            Some(Ok(StagedDirectory { directory, staged })) => {
                self.keep(parent, held);
                self.put(path.clone(), OpenDirectory { directory, stays_open: true });
                Some(Ok(staged))
            }
            Some(Err(failure)) => {
                self.put(parent, held);
                Some(Err(failure))
            }
            None => {
                self.put(parent, held);
                None
            }
        }
    }

    /// Closes a directory that is removed.
    pub(super) fn forget(&mut self, path: &RemotePath) {
        self.last.take_if(|(last, _)| last == path);
        self.young.remove(path);
        self.old.remove(path);
    }

    /// Closes all.
    pub(super) fn close(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StagePlan;
    use remofile_protocol::path::FileName;
    use remofile_protocol::wire::ErrorCode;

    /// A directory in which directories can be staged.
    struct Staging;

    impl Directory for Staging {
        fn stage(&self, _: &FileName, _: &StagePlan) -> StoreResult<Box<dyn Staged>> {
            Err(ErrorCode::Unsupported.into())
        }

        fn stage_directory(&self, _: &FileName, _: Option<u32>) -> Option<StoreResult<StagedDirectory>> {
            Some(Ok(StagedDirectory { directory: Box::new(Self), staged: None }))
        }
    }

    #[test]
    fn a_directory_that_is_removed_is_open_no_more_wherever_it_was() {
        let [root, first, second] = ["/", "/first", "/second"].map(|path| path.parse::<RemotePath>().unwrap());
        for removed in [&first, &second] {
            let mut open = OpenDirectories::default();
            open.put(root.clone(), OpenDirectory::new(Box::new(Staging)));
            // The second one is that of the last file then, and the first one stays open beside it.
            for path in [&first, &second] {
                assert!(open.stage(path, None).unwrap().is_ok());
            }
            open.forget(removed);
            let held = open.take(&root).unwrap();
            open.put(root.clone(), held);
            assert!(open.take(removed).is_none(), "{removed}");
        }
    }
}
