//! Servers of directories above and below that begin while this one runs.

use crate::store::ServedDirectory;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Least time between two looks.
const PAUSE: Duration = Duration::from_secs(10);

/// The looks around of a server. They come with its clients: without any, nobody is in anybody's way, and no server wakes up for it.
pub(super) struct Neighbours {
    directory: Option<Arc<ServedDirectory>>,
    next: Instant,
}

impl Neighbours {
    /// Looks around from now on, if a directory is served.
    pub(super) fn of(directory: Option<Arc<ServedDirectory>>) -> Self {
        Self { directory, next: Instant::now() }
    }

    /// Tells the log of servers that have begun, if it is time to look. It is called whenever a client does something.
    pub(super) fn run(&mut self, now: Instant) {
        if let Some(directory) = self.directory.as_ref().filter(|_| self.next <= now) {
            self.next = now + PAUSE;
            directory.look_around();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, mkdir};

    #[test]
    fn a_server_that_runs_learns_of_those_that_begin_above_and_below_with_its_next_client() {
        let outer = tempfile::tempdir().unwrap();
        let (middle, bottom) = (outer.path().join("a"), outer.path().join("a/b"));
        for path in [&middle, &bottom] {
            mkdir(path, Mode::RWXU).unwrap();
        }
        let first = Arc::new(ServedDirectory::claim(&middle).unwrap());
        let mut neighbours = Neighbours::of(Some(Arc::clone(&first)));
        let now = Instant::now() + PAUSE;
        neighbours.run(now);
        let others = [outer.path(), &bottom].map(|path| ServedDirectory::claim(path).unwrap());
        neighbours.run(now + PAUSE / 2);
        assert_eq!(first.look_around(), 2, "it had looked just before they began");
        drop(others);
        neighbours.run(now + PAUSE);
        let _again = ServedDirectory::claim(&bottom).unwrap();
        neighbours.run(now + PAUSE * 2);
        assert_eq!(first.look_around(), 0, "it was told already");
    }
}
