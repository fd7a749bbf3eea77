//! `copy` in every direction: to a server, from one, within one by two names, and from one to another.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and looks at the disk itself"
)]

use crate::support;

use std::fs;
use std::process::Command;
use support::{CommandOutput, Server, TOKEN, directory, feed, mkdir, read, remofile, say, write};
use tempfile::TempDir;

/// Two servers, `nas` and `backup`, and a user who has logged in at both.
struct Scene {
    nas: TempDir,
    backup: TempDir,
    home: TempDir,
    servers: [Server; 2],
}

impl Scene {
    fn new() -> Self {
        let (nas, backup, home) = (directory(), directory(), directory());
        let servers = [&nas, &backup].map(|root| Server::start(root.path(), &[]));
        let scene = Self { nas, backup, home, servers };
        for (name, server) in ["nas", "backup"].iter().zip(&scene.servers) {
            let address = format!("remofile://127.0.0.1:{}", server.port);
            say(scene.command(&["login", name, &address]).env("REMOFILE_TOKEN", TOKEN)).ok();
        }
        mkdir(scene.nas.path().join("d/e"));
        for (name, content) in [("a.txt", "a"), ("b.txt", "bb"), ("d/e/x", "x")] {
            write(scene.nas.path().join(name), content);
        }
        write(scene.home.path().join("report.pdf"), "report");
        scene
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = remofile();
        command.args(arguments).env("XDG_CONFIG_HOME", self.home.path()).current_dir(self.home.path());
        command
    }

    fn run(&self, line: &str) -> CommandOutput {
        say(&mut self.command(&line.split(' ').collect::<Vec<_>>()))
    }

    #[track_caller]
    fn fails(&self, line: &str, status: i32, part: &str) {
        let told = self.run(line).fails(status);
        assert!(told.contains(part), "{line}: {told}");
    }

    fn read(&self, path: &str) -> String {
        let roots = [("nas/", &self.nas), ("backup/", &self.backup), ("", &self.home)];
        let found = roots.iter().find_map(|(name, root)| Some(root.path().join(path.strip_prefix(name)?)));
        String::from_utf8(read(found.unwrap())).unwrap()
    }
}

#[test]
fn up_and_down_a_destination_names_the_copy_or_holds_it_and_parents_are_made() {
    let scene = Scene::new();
    for (line, copy, content) in [
        ("cp report.pdf nas:/final.pdf", "nas/final.pdf", "report"),
        ("cp report.pdf nas:/d", "nas/d/report.pdf", "report"),
        ("cp --parents report.pdf nas:/2026/01/final.pdf", "nas/2026/01/final.pdf", "report"),
        ("cp --parents report.pdf nas:/2027/", "nas/2027/report.pdf", "report"),
        ("cp --parents nas:/a.txt new/c.txt", "new/c.txt", "a"),
        ("cp nas:/a.txt .", "a.txt", "a"),
        ("cp nas:/a.txt new/", "new/a.txt", "a"),
        ("cp -r nas:/d --exclude e nas:/b.txt new", "new/b.txt", "bb"),
        ("put --parents report.pdf /put/by/name --profile nas", "nas/put/by/name", "report"),
        ("get --parents nas:/a.txt got/by/name", "got/by/name", "a"),
        ("copy report.pdf a.txt nas:/d/e -q", "nas/d/e/a.txt", "a"),
    ] {
        scene.run(line).ok();
        assert_eq!(scene.read(copy), content, "{line}");
    }
    assert!(!scene.home.path().join("new/d/e").exists(), "'--exclude'");
    feed(&mut scene.command(&["cp", "-", "nas:/from/stdin.txt", "--parents"]), b"piped").ok();
    assert_eq!(scene.run("cp nas:/from/stdin.txt -").ok(), "piped");
}

#[test]
fn a_directory_that_is_missing_is_named_with_what_makes_it() {
    let scene = Scene::new();
    for (line, directory) in [
        ("cp report.pdf nas:/no/x.pdf", "/no: "),
        ("cp report.pdf nas:/no/", "/no: "),
        ("cp report.pdf report.pdf nas:/no", "report.pdf: "),
        ("upload report.pdf nas:/no/x.pdf", "/no: "),
        ("cp nas:/a.txt no/x.txt", "no: "),
        ("cp nas:/a.txt nas:/b.txt no", "no: "),
        ("cp nas:/a.txt nas:/no/x.txt", "/no: "),
        ("cp nas:/a.txt nas:/b.txt nas:/no", "/no: "),
        ("cp nas:/a.txt backup:/no/x.txt", "backup:/no: "),
        ("cp nas:/a.txt backup:/no/", "backup:/no: "),
    ] {
        let told = scene.run(line).fails(1);
        assert!(told.contains(directory), "{line}: {told}");
        assert!(told.contains("'--parents' makes it") || directory == "report.pdf: ", "{line}: {told}");
    }
}

#[test]
fn between_servers_files_pass_with_all_that_uploads_and_downloads_can() {
    let mut scene = Scene::new();
    for (line, copy, content) in [
        ("cp nas:/a.txt backup:/", "backup/a.txt", "a"),
        ("cp nas:/a.txt backup:/named.txt", "backup/named.txt", "a"),
        ("cp -r nas:/d backup:/", "backup/d/e/x", "x"),
        ("cp -a nas:/d backup:/tree", "backup/tree/e/x", "x"),
        ("cp --parents nas:/*.txt backup:/texts", "backup/texts/b.txt", "bb"),
        ("cp nas:/a.txt nas:/b.txt backup:/d", "backup/d/b.txt", "bb"),
        ("cp -f nas:/b.txt backup:/a.txt", "backup/a.txt", "bb"),
        ("cp --relative-directory nas:/d/e x backup:/y", "backup/y", "x"),
        ("cp -r --profile nas :/d/e backup:/e", "backup/e/x", "x"),
    ] {
        scene.run(line).ok();
        assert_eq!(scene.read(copy), content, "{line}");
    }
    scene.fails("cp nas:/a.txt backup:/a.txt", 1, "backup:/a.txt");
    scene.fails("cp nas:/none backup:/", 1, "nas:/none: there is no such file");
    scene.fails("cp nas:/d backup:/x", 1, "nas:/d: ");
    let told = scene.run("cp --json --on-conflict skip nas:/b.txt backup:/named.txt").ok();
    let summary: serde_json::Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!((summary["event"].as_str(), summary["files"].as_u64()), (Some("summary"), Some(0)));
    assert_eq!(scene.read("backup/named.txt"), "a");
    assert_eq!(
        scene.run("cp -n nas:/a.txt nas:/d backup:/new/dir/ --parents -r").ok(),
        "nas:/a.txt -> backup:/new/dir/a.txt\nnas:/d/e/x -> backup:/new/dir/d/e/x\n"
    );
    assert!(!scene.backup.path().join("new").exists());
    assert!(scene.run("cp -vvv nas:/a.txt backup:/logged.txt").status == Some(0), "one log of both sessions");
    // Nobody there: the server is named.
    scene.servers[1].signal("KILL");
    scene.servers[1].wait();
    scene.fails("cp nas:/a.txt backup:/", 1, "backup: cannot connect");
}

#[test]
fn one_server_by_two_names_copies_within_itself_and_never_onto_itself() {
    let scene = Scene::new();
    std::os::unix::fs::symlink("/etc/hosts", scene.nas.path().join("d/out")).unwrap();
    std::os::unix::fs::symlink("e/x", scene.nas.path().join("d/link")).unwrap();
    let other = format!("remofile://nas@localhost:{}", scene.servers[0].port);
    for destination in ["nas:", &other] {
        scene.fails(&format!("cp nas:/a.txt {destination}/a.txt"), 1, "same file");
        scene.fails(&format!("cp nas:/./a.txt {destination}//d/../a.txt"), 2, "'..'");
        scene.fails(&format!("cp -r nas:/d {destination}/d/e"), 1, "inside");
    }
    scene.fails(&format!("cp -r nas:/d {other}/copy"), 23, "/copy/out: it leads out");
    assert!(fs::read_link(scene.nas.path().join("copy/link")).is_ok(), "the server did it, with links");
    // A server that cannot copy is asked for the file and given it.
    scene.run("cp --profile nas --protocol 1 /a.txt /again.txt").ok();
    assert_eq!(scene.read("nas/again.txt"), "a");
    // Rules are for files that pass through this machine.
    scene.run("cp -r --exclude x --links copy nas:/d/e nas:/chosen").ok();
    assert!(fs::read_dir(scene.nas.path().join("chosen")).unwrap().next().is_none());
}

#[test]
fn operands_that_make_no_sense_are_told_what_to_type() {
    let scene = Scene::new();
    write(scene.home.path().join("nas:"), "a local file");
    for (line, part) in [
        ("cp ./report.pdf ./copy.pdf", "the system copies: cp ./report.pdf ./copy.pdf"),
        ("cp report.pdf copy.pdf", "the system copies: cp report.pdf copy.pdf"),
        ("cp report.pdf nas:/a.txt backup:/", "report.pdf is a local file and nas:/a.txt is at a server"),
        ("cp nas:/a.txt backup:/a.txt .", "two servers (nas: and backup:)"),
        ("cp report.pdf h::module", "a path at a server is 'remofile://h/module'"),
        ("cp report.pdf", "no destination"),
        ("cp - nas:/d/", "standard input has no name"),
        ("cp nas:/a.txt remofile://h:99999/", "is no port"),
        ("cp --token x nas:/a.txt backup:/", "'--token' is of the default server"),
        ("sync nas:/d backup:/d", "'remofile copy -r --on-conflict newer nas:/d backup:/d'"),
        ("mv nas:/a.txt backup:/", "'remofile copy' copies between servers"),
    ] {
        scene.fails(line, 2, part);
    }
    scene.fails("cp nas:/a.txt work:/", 1, "no profile \"work\"");
    mkdir(scene.home.path().join("12:"));
    write(scene.home.path().join("12:/30"), "a time");
    scene.fails("cp 12:/30 nas:/", 2, "the local file is ./12:/30");
    scene.run("cp ./12:/30 nas:/").ok();
    scene.run("cp ./nas: nas:/kept").ok();
    assert_eq!(scene.read("nas/kept"), "a local file");
}
