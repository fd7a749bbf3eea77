//! The process that has locked a directory.

use rustix::fs::{Stat, major, minor};

/// The kernel's list of locks.
const LOCKS: &str = "/proc/locks";

/// The process that has a directory locked, as far as the kernel tells.
pub(super) fn holder_of(directory: &Stat) -> Option<u32> {
    let locks = std::fs::read_to_string(LOCKS).ok()?;
    let place = format!("{:02x}:{:02x}:{}", major(directory.st_dev), minor(directory.st_dev), directory.st_ino);
    // 0 stands for a process of another container.
    holder_in(&locks, &place).filter(|process| *process > 0)
}

fn holder_in(locks: &str, place: &str) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let is_exclusive = words.next() == Some("FLOCK") && words.nth(1) == Some("WRITE");
        let process = words.next()?;
        (is_exclusive && words.next() == Some(place)).then(|| process.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_in_the_list_of_the_kernel() {
        let locks = "1: FLOCK  ADVISORY  WRITE 1234 fe:01:77 0 EOF\n2: POSIX  ADVISORY  WRITE 9 fe:01:78 0 EOF\n\
                     3: FLOCK  ADVISORY  READ 8 fe:01:79 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 7 fe:01:80 0 EOF\n";
        let holder = |place: &str| holder_in(locks, place);
        assert_eq!(holder("fe:01:77"), Some(1234));
        for place in ["fe:01:7", "fe:01:78", "fe:01:79", "fe:01:80"] {
            assert_eq!(holder(place), None, "{place}");
        }
    }
}
