use super::*;
use crate::server::audit::{AuditLog, AuditedClient, Reporter, SessionAudit};
use remofile_protocol::path::RemotePath;
use std::sync::mpsc;

/// A disk that takes so many bytes, and what it has.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<DiskState>>);

#[derive(Default)]
struct DiskState {
    room: usize,
    bytes: Vec<u8>,
    rotated: Vec<Vec<u8>>,
    attempts: Option<mpsc::Sender<bool>>,
}

impl Disk {
    fn with_room(room: usize) -> Self {
        let disk = Self::default();
        disk.make_room(room);
        disk
    }

    fn make_room(&self, room: usize) {
        self.0.lock().unwrap().room = room;
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().bytes.clone()).unwrap()
    }

    /// Waits for a write that fails.
    fn await_failure(&self) {
        let (sender, attempts) = mpsc::channel();
        self.0.lock().unwrap().attempts = Some(sender);
        while attempts.recv().unwrap() {}
    }
}

impl Sink for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        let count = bytes.len().min(state.room);
        state.bytes.extend_from_slice(&bytes[..count]);
        state.room -= count;
        if let Some(attempts) = &state.attempts {
            let _unheard = attempts.send(count > 0);
        }
        if count == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(count) }
    }

    fn reopen(&mut self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let bytes = mem::take(&mut state.bytes);
        state.rotated.push(bytes);
        Ok(())
    }
}

fn queue(disk: &Disk) -> Handle {
    Handle::new(Box::new(disk.clone()))
}

#[test]
fn every_line_of_many_threads_is_whole_and_none_is_missing() {
    let disk = Disk::with_room(usize::MAX);
    let queue = queue(&disk);
    thread::scope(|scope| {
        for thread in 0..8 {
            let queue = &queue;
            scope.spawn(move || (0..5_000).for_each(|number| queue.append(&format!("{thread} {number:>60}\n"))));
        }
    });
    queue.flush();
    let text = disk.text();
    for thread in 0..8 {
        let own: Vec<usize> = text
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{thread} ")))
            .map(|number| number.trim().parse().unwrap())
            .collect();
        assert!(own.iter().copied().eq(0..5_000), "{thread}");
    }
}

#[test]
fn what_was_added_is_written_when_the_log_is_dropped() {
    let disk = Disk::with_room(usize::MAX);
    let queue = queue(&disk);
    queue.append("a\n");
    queue.append("b\n");
    drop(queue);
    assert_eq!(disk.text(), "a\nb\n");
}

#[test]
fn a_line_goes_to_the_file_without_anybody_asking_for_it() {
    let (disk, (sender, attempts)) = (Disk::with_room(usize::MAX), mpsc::channel());
    disk.0.lock().unwrap().attempts = Some(sender);
    let queue = queue(&disk);
    queue.append("a\n");
    assert!(attempts.recv().unwrap());
    drop(queue);
    assert_eq!(disk.text(), "a\n");
}

#[test]
fn a_disk_that_is_full_for_a_while_costs_no_line_and_tears_none() {
    let disk = Disk::with_room(5);
    let queue = queue(&disk);
    queue.append("first\n");
    queue.append("second\n");
    queue.flush();
    queue.append("third\n");
    queue.flush();
    assert_eq!(disk.text(), "first");
    disk.make_room(usize::MAX);
    queue.flush();
    assert_eq!(disk.text(), "first\nsecond\nthird\n");
}

#[test]
fn lines_that_have_no_room_while_the_disk_is_full_are_counted_and_told_in_their_place() {
    let disk = Disk::default();
    let queue = queue(&disk);
    queue.append("begins\n");
    queue.flush();
    let line = format!("{}\n", "x".repeat(1023));
    // Nobody waits for a disk that takes nothing.
    (0..MOST_BYTES / 1024 + 10).for_each(|_| queue.append(&line));
    disk.make_room(usize::MAX);
    queue.flush();
    queue.append("ends\n");
    queue.flush();
    let text = disk.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1 + MOST_BYTES / 1024 + 1 + 1);
    let told = lines[lines.len() - 2];
    assert!(told.contains(r#""event":"lost","lines":10"#), "{told}");
    assert_eq!((lines[0], lines[lines.len() - 1]), ("begins", "ends"));
}

#[test]
fn who_finds_no_room_waits_for_a_disk_that_works() {
    let disk = Disk::with_room(usize::MAX);
    let queue = queue(&disk);
    let line = format!("{}\n", "x".repeat(1023));
    (0..4 * MOST_BYTES / 1024).for_each(|_| queue.append(&line));
    queue.flush();
    assert_eq!(disk.text().lines().count(), 4 * MOST_BYTES / 1024);
}

#[test]
fn who_may_not_wait_never_does() {
    let disk = Disk::with_room(usize::MAX);
    let queue = queue(&disk);
    // The thread cannot write meanwhile, so the queue fills up.
    let slot = queue.queue.slot.lock().unwrap();
    let line = format!("{}\n", "x".repeat(1023));
    (0..3 * MOST_BYTES / 1024).for_each(|_| queue.append_at_once(&line));
    drop(slot);
    queue.flush();
    let text = disk.text();
    let told = text.lines().filter(|line| line.contains(r#""event":"lost""#)).count();
    assert_eq!(told, 1, "the first batch leaves room for one more, and the rest is lost");
}

#[test]
fn a_session_begins_though_there_is_no_room_for_a_line() {
    let disk = Disk::with_room(usize::MAX);
    let queue = Arc::new(queue(&disk));
    // As on a disk that hangs.
    let slot = queue.queue.slot.lock().unwrap();
    queue.append("taken\n");
    while !queue.queue.lock().lines.is_empty() {
        thread::yield_now();
    }
    let line = format!("{}\n", "x".repeat(1023));
    while !queue.queue.lock().is_full() {
        queue.append_at_once(&line);
    }
    let log = AuditLog(Arc::clone(&queue));
    let client = AuditedClient { session: 1, token: "t", client: "c", address: "a", root: &RemotePath::root() };
    let session = SessionAudit::begin(&Reporter::of_log(&log), &client);
    drop(slot);
    drop(session);
    queue.flush();
    let text = disk.text();
    assert!(text.contains(r#""what":"open""#) && text.contains(r#""what":"close""#) && !text.contains("lost"));
}

#[test]
fn a_line_that_was_torn_by_a_full_disk_is_whole_in_the_next_file() {
    let disk = Disk::with_room(3);
    let queue = queue(&disk);
    queue.append("first\n");
    queue.flush();
    disk.make_room(usize::MAX);
    queue.reopen().unwrap();
    queue.flush();
    assert_eq!(disk.0.lock().unwrap().rotated, [b"fir"]);
    assert_eq!(disk.text(), "first\n");
}

#[test]
fn rotation_between_any_two_lines_loses_none() {
    let disk = Disk::with_room(usize::MAX);
    let queue = queue(&disk);
    thread::scope(|scope| {
        let writer = scope.spawn(|| (0..20_000).for_each(|number| queue.append(&format!("{number}\n"))));
        while !writer.is_finished() {
            queue.reopen().unwrap();
        }
    });
    queue.flush();
    queue.reopen().unwrap();
    let files: Vec<u8> = disk.0.lock().unwrap().rotated.concat();
    let numbers = String::from_utf8(files).unwrap();
    assert!(numbers.lines().map(|number| number.parse::<usize>().unwrap()).eq(0..20_000));
}

#[test]
fn an_end_does_not_wait_for_a_disk_that_takes_nothing() {
    let disk = Disk::default();
    let queue = queue(&disk);
    queue.append("lost\n");
    disk.await_failure();
    drop(queue);
    assert_eq!(disk.text(), "");
}

/// A writer that panics at first.
struct Fickle {
    disk: Disk,
    has_panicked: bool,
}

impl Sink for Fickle {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !mem::replace(&mut self.has_panicked, true) {
            std::panic::resume_unwind(Box::new("a bug"));
        }
        self.disk.append(bytes)
    }

    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_panics_keeps_nobody_waiting() {
    let disk = Disk::with_room(usize::MAX);
    let queue = Handle::new(Box::new(Fickle { disk: disk.clone(), has_panicked: false }));
    queue.append("lost\n");
    queue.flush();
    let line = format!("{}\n", "x".repeat(1023));
    (0..2 * MOST_BYTES / 1024).for_each(|_| queue.append(&line));
    queue.flush();
    assert!(disk.text().lines().count() >= MOST_BYTES / 1024);
}
