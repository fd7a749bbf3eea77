//! Resources that the process itself uses. Its files are opened before the process is confined, and read again and
//! again.

use rustix::fs::{CWD, Dir, Mode, OFlags, openat};
use rustix::io::pread;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The files that tell what this process uses, as far as there are any.
pub(super) struct Process {
    descriptors: Mutex<Option<Dir>>,
    stat: Option<OwnedFd>,
    began: f64,
}

/// Resources that a process uses at one moment.
pub(super) struct Usage {
    pub(super) descriptors: Option<u64>,
    pub(super) most_descriptors: Option<u64>,
    pub(super) resident_bytes: Option<u64>,
    pub(super) cpu_seconds: Option<f64>,
    /// The time at which the process began, in seconds since 1970.
    pub(super) began: f64,
}

impl Process {
    pub(super) fn open() -> Self {
        let open = |path: &str, more| openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC | more, Mode::empty()).ok();
        let descriptors = open("/proc/self/fd", OFlags::DIRECTORY).and_then(|directory| Dir::new(directory).ok());
        let began = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        Self { descriptors: Mutex::new(descriptors), stat: open("/proc/self/stat", OFlags::empty()), began }
    }

    pub(super) fn usage(&self) -> Usage {
        let stat = self.stat.as_ref().and_then(read).and_then(|text| Stat::parse(&text));
        Usage {
            descriptors: self.count_descriptors(),
            most_descriptors: getrlimit(Resource::Nofile).current,
            resident_bytes: stat.as_ref().map(|stat| stat.resident_pages * page_size() as u64),
            cpu_seconds: stat.map(|stat| stat.ticks as f64 / clock_ticks_per_second() as f64),
            began: self.began,
        }
    }

    fn count_descriptors(&self) -> Option<u64> {
        let mut directory = self.descriptors.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = directory.as_mut()?;
        directory.rewind();
        let is_descriptor = |name: &[u8]| name.first().is_some_and(u8::is_ascii_digit);
        let entries = directory.filter_map(Result::ok);
        Some(entries.filter(|entry| is_descriptor(entry.file_name().to_bytes())).count() as u64)
    }
}

struct Stat {
    ticks: u64,
    resident_pages: u64,
}

impl Stat {
    /// The name of the program, which may have anything in it, is in parentheses, and numbers are behind it.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self { ticks: number(14)? + number(15)?, resident_pages: number(24)? })
    }
}

fn read(file: &OwnedFd) -> Option<String> {
    let mut text = [0; 2048];
    let length = pread(file, &mut text[..], 0).ok()?;
    Some(String::from_utf8_lossy(text.get(..length)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_process_are_those_of_its_files() {
        let text = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.ticks, stat.resident_pages), (11 + 12, 21));
    }

    #[test]
    fn descriptors_are_counted_again_each_time() {
        let process = Process::open();
        let before = process.usage().descriptors.unwrap();
        let more: Vec<_> = (0..5).map(|_| tempfile::tempfile().unwrap()).collect();
        // Other tests open and close some meanwhile.
        assert!(before > 2 && process.usage().descriptors.is_some_and(|now| now > 2), "{before}");
        drop(more);
    }
}
