//! The names of users and groups of this machine, as `/etc/passwd` and `/etc/group` have them.

use std::collections::HashMap;
use std::sync::OnceLock;

/// Files that are longer have no names of users: they are not read to their end.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// The bytes that are read at once: most machines have less, and it takes a read instead of eight that double.
const READ_BYTES: usize = 8 * 1024;

/// The users and the groups of this machine.
pub(super) struct Accounts {
    pub(super) users: Names,
    pub(super) groups: Names,
}

/// The names and numbers of users, or of groups. The first line of a name, or of a number, counts.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_id: HashMap<u32, String>,
    by_name: HashMap<String, u32>,
}

/// Returns the accounts of this machine. They are read once: a server confines itself later and cannot read them any more.
pub(super) fn accounts() -> &'static Accounts {
    static ACCOUNTS: OnceLock<Accounts> = OnceLock::new();
    ACCOUNTS.get_or_init(|| Accounts { users: Names::read("/etc/passwd"), groups: Names::read("/etc/group") })
}

impl Names {
    #[expect(clippy::disallowed_methods, reason = "two files of the machine, read before a server confines itself")]
    fn read(path: &str) -> Self {
        use std::io::Read;
        let mut text = Vec::with_capacity(READ_BYTES);
        let file = std::fs::File::open(path);
        // Without names there are the numbers.
        let _read = file.and_then(|file| file.take(MOST_BYTES).read_to_end(&mut text));
        Self::parse(&String::from_utf8_lossy(&text))
    }

    fn parse(text: &str) -> Self {
        let mut names = Self::default();
        for line in text.lines() {
            let mut fields = line.split(':');
            let (Some(name), Some(_), Some(id)) = (fields.next(), fields.next(), fields.next()) else { continue };
            let Ok(id) = id.parse() else { continue };
            names.by_id.entry(id).or_insert_with(|| name.to_owned());
            names.by_name.entry(name.to_owned()).or_insert(id);
        }
        names
    }

    /// Returns the name of a number.
    pub(super) fn name(&self, id: u32) -> Option<&str> {
        self.by_id.get(&id).map(String::as_str)
    }

    /// Returns the number of a name.
    pub(super) fn id(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_name_counts_and_what_is_no_line_of_that_kind_is_passed_over() {
        let names = Names::parse("root:x:0:0:root:/root:/bin/sh\n+::::::\ntoor:x:0:0\nann:x:1000\nann:x:1001\nno\n");
        assert_eq!((names.name(0), names.id("toor")), (Some("root"), Some(0)));
        assert_eq!((names.id("ann"), names.name(1001)), (Some(1000), Some("ann")));
        assert_eq!((names.name(7), names.id("no")), (None, None));
    }
}
