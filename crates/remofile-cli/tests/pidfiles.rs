//! Stale and planted pidfiles: `stop` ends the server of the pidfile and no other process, and `start` touches
//! nothing that is not its own.

use crate::support;

use rustix::fs::{CWD, Mode, mkfifoat};
use std::fs::{File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use support::{CommandOutput, Server, TOKEN, directory, mkdir, open_to_write, remofile, say, write};

/// A process that nobody wants ended.
struct Innocent(Child);

impl Innocent {
    fn sleeping() -> Self {
        Self(Command::new("sleep").arg("600").spawn().expect("there is a sleep"))
    }

    #[track_caller]
    fn is_alive(&mut self) {
        assert_eq!(self.0.try_wait().expect("it is our child"), None);
    }
}

impl Drop for Innocent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory with a planted pidfile.
struct Planted {
    directory: tempfile::TempDir,
    path: PathBuf,
}

impl Planted {
    fn naming(process: u32) -> Self {
        let directory = directory();
        let path = directory.path().join("daemon.pid");
        write(&path, format!("{process}\n"));
        let planted = Self { directory, path };
        planted.set_mode(0o644);
        planted
    }

    fn set_mode(&self, mode: u32) {
        std::fs::set_permissions(&self.path, Permissions::from_mode(mode)).expect("the file is ours");
    }

    /// Its lock, held by this process as long as the file is open.
    fn locked(&self) -> File {
        let file = open_to_write(&self.path);
        file.lock().expect("nobody else has it");
        file
    }

    fn stop(&self) -> CommandOutput {
        say(remofile().arg("stop").current_dir(self.directory.path()))
    }

    fn start(&self) -> CommandOutput {
        mkdir(self.directory.path().join("root"));
        let mut command = remofile();
        command.current_dir(self.directory.path()).args(["start", "root", "0", TOKEN, "--address", "127.0.0.1"]);
        say(&mut command)
    }
}

#[test]
fn stop_spares_a_process_whose_id_is_in_a_file_that_somebody_else_has_locked() {
    let mut innocent = Innocent::sleeping();
    let planted = Planted::naming(innocent.0.id());
    let _lock = planted.locked();
    let stderr = planted.stop().fails(1);
    let expected = format!("names process {}, which is another program: ", innocent.0.id());
    assert!(stderr.contains(&expected) && stderr.contains("no process was signalled"), "{stderr}");
    assert!(stderr.contains("fuser -v"), "{stderr}");
    innocent.is_alive();
    assert!(planted.path.exists());
}

#[test]
fn stop_spares_another_server_than_that_of_the_pidfile() {
    let root = directory();
    let mut other = Server::start(root.path(), &[]);
    let planted = Planted::naming(other.child.id());
    let _lock = planted.locked();
    let stderr = planted.stop().fails(1);
    assert!(stderr.contains("which does not hold that lock"), "{stderr}");
    assert_eq!(other.child.try_wait().expect("it is our child"), None);
}

#[test]
fn stop_spares_a_process_that_has_the_id_of_a_dead_server() {
    let mut innocent = Innocent::sleeping();
    let planted = Planted::naming(innocent.0.id());
    assert!(planted.stop().fails(1).contains("stale"));
    innocent.is_alive();
}

#[test]
fn stop_spares_a_process_of_another_user_than_the_files() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root can give a file to somebody else, and only root is believed to stop others' servers.
    }
    let root = directory();
    let mut other = Server::start(root.path(), &[]);
    let planted = Planted::naming(other.child.id());
    chown(&planted.path, Some(65_534), None).expect("root may");
    let _lock = planted.locked();
    let stderr = planted.stop().fails(1);
    assert!(stderr.contains("which runs as another user than the owner of the file"), "{stderr}");
    assert_eq!(other.child.try_wait().expect("it is our child"), None);
    drop(_lock);
    let stderr = planted.start().fails(1);
    assert!(stderr.contains("belongs to another user (id 65534)"), "{stderr}");
}

#[test]
fn files_that_others_can_write_are_believed_by_nobody() {
    let mut innocent = Innocent::sleeping();
    let planted = Planted::naming(innocent.0.id());
    planted.set_mode(0o666);
    for said in [planted.stop(), planted.start()] {
        let stderr = said.fails(1);
        assert!(stderr.contains("is not trusted, because others may write to it (mode 666)"), "{stderr}");
    }
    innocent.is_alive();
    assert!(planted.path.exists());
}

#[test]
fn directories_where_everybody_may_exchange_files_are_no_place_for_a_pidfile() {
    let planted = Planted::naming(4_194_300);
    std::fs::set_permissions(planted.directory.path(), Permissions::from_mode(0o777)).expect("it is ours");
    for said in [planted.stop(), planted.start()] {
        let stderr = said.fails(1);
        assert!(stderr.contains("everybody may exchange the files of its directory"), "{stderr}");
    }
    std::fs::set_permissions(planted.directory.path(), Permissions::from_mode(0o1777)).expect("it is ours");
    assert!(planted.stop().fails(1).contains("stale"));
}

#[test]
fn a_second_name_of_a_pidfile_stops_no_server() {
    let planted = Planted::naming(4_194_300);
    planted.start().ok();
    let elsewhere = planted.directory.path().join("second.pid");
    std::fs::hard_link(&planted.path, &elsewhere).expect("one file system");
    let stderr = say(remofile().arg("stop").arg("--pidfile").arg(&elsewhere)).fails(1);
    assert!(stderr.contains("it has a second name, a hard link"), "{stderr}");
    support::unlink(&elsewhere);
    planted.stop().ok();
}

#[test]
fn a_planted_pipe_holds_nobody_up() {
    let directory = directory();
    let path = directory.path().join("daemon.pid");
    mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).expect("the directory is ours");
    let run = |words: &[&str]| say(remofile().args(words).current_dir(directory.path())).fails(1);
    assert!(run(&["stop"]).contains("a special file, not a pidfile"));
    assert!(run(&["start", ".", "0", TOKEN]).contains("a special file, not a pidfile"));
    assert!(path.exists());
}

#[test]
fn start_does_not_take_a_lock_of_somebody_else_for_a_server() {
    let innocent = Innocent::sleeping();
    let planted = Planted::naming(innocent.0.id());
    let _lock = planted.locked();
    let stderr = planted.start().fails(1);
    assert!(!stderr.contains("a server runs already") && stderr.contains("which is another program"), "{stderr}");
}

#[test]
fn a_server_whose_program_was_replaced_can_be_stopped() {
    let directory = directory();
    let own_copy = directory.path().join("remofile");
    // Copied by a program of its own: a child that another test forks here would hold a descriptor of the copy, open for
    // writing, until it executes, and nothing executes a file that is open for writing.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_remofile")).arg(&own_copy).status();
    assert!(copied.expect("cp is everywhere").success());
    let mut start = Command::new(&own_copy);
    start.current_dir(directory.path()).args(["start", ".", "0", TOKEN, "--address", "127.0.0.1"]);
    say(&mut start).ok();
    support::unlink(&own_copy);
    let said = say(remofile().arg("stop").current_dir(directory.path())).ok();
    assert!(said.starts_with("Stopped the server") && !Path::new("daemon.pid").exists(), "{said}");
}

#[test]
fn a_planted_link_is_not_logged_to() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root can plant a link of somebody else's.
    }
    let planted = Planted::naming(4_194_300);
    let (target, link) = (planted.directory.path().join("target"), planted.directory.path().join("log"));
    write(&target, "ours\n");
    mkdir(planted.directory.path().join("root"));
    std::os::unix::fs::symlink(&target, &link).expect("the directory is ours");
    std::os::unix::fs::lchown(&link, Some(65_534), None).expect("root may");
    let mut command = remofile();
    command.current_dir(planted.directory.path()).args(["start", "root", "0", TOKEN, "--log-file", "log"]);
    let stderr = say(&mut command).fails(1);
    assert!(stderr.contains("the link belongs to another user (id 65534)"), "{stderr}");
    assert_eq!(support::read(&target), b"ours\n");
}
