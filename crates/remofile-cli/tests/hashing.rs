//! The commands that ask about content and room: hash and df.

use crate::support;

use support::{Pair, Server, directory, feed, mkdir, objects, remofile, run, say, write};

const A: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
const BB: &str = "3b64db95cb55c763391c707108489ae18b4112d783300de38e033b4c98c3deaf";

/// A server with `d/a` ("a"), `d/e/b b` ("bb") and `new\line` ("a").
fn pair() -> Pair {
    let pair = Pair::new();
    mkdir(pair.remote("d/e"));
    write(pair.remote("d/a"), "a");
    write(pair.remote("d/e/b b"), "bb");
    write(pair.remote("back\\slash"), "a");
    pair
}

#[test]
fn hashes_are_printed_as_sha256sum_prints_them() {
    let pair = pair();
    assert_eq!(pair.run("hash -a sha256 /d/a").ok(), format!("{A}  /d/a\n"));
    assert_eq!(pair.run("hash -a sha256 -r :/d").ok(), format!("{A}  /d/a\n{BB}  /d/e/b b\n"));
    assert_eq!(pair.run("hash -a sha256 -r --relative /d").ok(), format!("{A}  a\n{BB}  e/b b\n"));
    assert_eq!(pair.run("hash -a sha256 /back*").ok(), format!("\\{A}  /back\\\\slash\n"));
    assert_eq!(pair.run("hash -a sha256 --tag /d/a").ok(), format!("SHA256 (/d/a) = {A}\n"));
    assert_eq!(pair.run("hash /d/a").ok(), "a96faf705af16834e6c632b61e964e1f  /d/a\n");
    assert_eq!(objects(&pair.run("hash -a sha256 --json /d/a").ok())[0]["hash"], A);
}

#[test]
fn what_cannot_be_hashed_is_told_and_the_rest_is_hashed() {
    let pair = pair();
    let output = pair.run("hash -a sha256 /nothing /d/a /d");
    assert_eq!(output.stdout, format!("{A}  /d/a\n"));
    let told = output.fails(23);
    assert!(told.contains("/nothing: there is no such file") && told.contains("/d: "), "{told}");
    assert!(pair.run("hash /nothing").fails(1).contains("/nothing"));
    let some = pair.run("hash /none* /d/a");
    assert_eq!((some.status, some.stdout.lines().count()), (Some(23), 1), "{some:?}");
    assert!(some.stderr.contains("/none*: nothing matches"), "{some:?}");
    assert!(pair.run("hash /none* /nothing").fails(1).contains("/nothing"));
    assert!(pair.run("hash /d").fails(1).contains("-r"));
    assert!(pair.run("hash").fails(2).contains("PATH"));
}

#[test]
fn a_list_is_checked_without_moving_a_file() {
    let pair = pair();
    let list = format!("# made by sha256sum -b\n{A} *a\n{BB}  ./e/b b\n\\{A}  ../back\\\\slash\n");
    write(pair.local("SUMS"), list.replace("../", "/"));
    let checked = pair.run("hash --check SUMS --algorithm sha256 /d");
    assert_eq!(checked.ok(), "a: OK\n./e/b b: OK\n\\/back\\\\slash: OK\n");
    assert_eq!(pair.run("hash -c SUMS -q :/d").ok(), "");
    let from_input = feed(&mut pair.command("hash -c - /"), format!("SHA256 (d/a) = {A}\n").as_bytes());
    assert_eq!(from_input.ok(), "d/a: OK\n");
}

#[test]
fn what_does_not_match_a_list_ends_with_status_1_as_sha256sum_ends() {
    let pair = pair();
    write(pair.local("SUMS"), format!("{BB}  /d/a\n{A}  nothing\n{A}  ../x\nno line\n{A}  d/a\n"));
    let output = pair.run("hash --check SUMS");
    assert_eq!(
        output.stdout.lines().collect::<Vec<_>>(),
        ["../x: FAILED open or read", "/d/a: FAILED", "nothing: FAILED open or read", "d/a: OK",]
    );
    let told = output.fails(1);
    for part in [
        "/nothing: there is no such file",
        "1 line is improperly formatted",
        "2 listed files could not be read",
        "1 computed hash did NOT match",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let told = objects(&pair.run("hash --check SUMS --json").stdout);
    assert_eq!((&told[1]["path"], &told[1]["ok"], &told[1]["found"]), (&"/d/a".into(), &false.into(), &A.into()));
    write(pair.local("NONE"), "no line\n");
    assert!(pair.run("hash --check NONE").fails(1).contains("no line in it"));
    assert!(pair.run("hash --check missing").fails(1).contains("missing"));
    assert!(pair.run("hash --check SUMS / /d").fails(2).contains("one PATH"));
}

#[test]
fn a_list_of_another_algorithm_of_as_many_digits_is_guessed_at() {
    let pair = pair();
    let blake3 = pair.run("hash -a blake3 --relative /d/a").ok();
    write(pair.local("LIST"), &blake3);
    assert!(pair.run("hash -c LIST /d").fails(1).contains("--algorithm"));
    assert_eq!(pair.run("hash -c LIST -a blake3 /d").ok(), "a: OK\n");
    write(pair.local("B3SUMS"), &blake3);
    assert_eq!(pair.run("hash -c B3SUMS /d").ok(), "a: OK\n");
}

#[test]
fn local_files_are_hashed_without_a_server() {
    let pair = pair();
    let root = pair.root.path().to_str().unwrap();
    let told = run(&["hash", "--local", "-r", "-a", "sha256", "--relative", &format!("{root}/d")]).ok();
    assert_eq!(told, format!("{A}  a\n{BB}  e/b b\n"));
    write(pair.local("SUMS"), told);
    let checked = pair.run(&format!("hash --local --check SUMS {root}/d"));
    assert_eq!(checked.ok(), "a: OK\ne/b b: OK\n");
    assert!(run(&["hash", "--local", "/nonexistent/a"]).fails(1).contains("/nonexistent/a"));
}

#[test]
fn a_token_that_may_not_read_hashes_nothing_and_sees_no_disk() {
    let (root, tokens) = (directory(), directory());
    let file = tokens.path().join("tokens.toml");
    let mut add = remofile();
    add.args(["token", "add", "box", "--rights", "upload", "--tokens"]).arg(&file);
    let token = say(&mut add).ok().trim_end().to_owned();
    let mut command = remofile();
    command.args(["run", "--address", "127.0.0.1", "--tokens"]).arg(&file).arg(root.path()).arg("0");
    let mut server = Server::ready(command, root.path());
    server.token = token;
    write(root.path().join("a"), "a");
    for line in ["hash /a", "df", "df /a"] {
        assert!(server.run(line).fails(3).contains("right to read"), "{line}");
    }
}

#[test]
fn df_shows_the_room_of_the_disk() {
    let pair = pair();
    let shown = pair.run("df").ok();
    let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["Size", "Used", "Avail", "Use%", "Path"]);
    assert!(lines[1][0].parse::<u64>().unwrap() > 0 && lines[1][4] == "/", "{shown}");
    assert!(pair.run("df -h /d / /d/a").ok().lines().count() == 4);
    assert!(pair.run("df -i").ok().starts_with("Inodes") || pair.run("df -i").ok().contains("IUsed"));
    let object = &objects(&pair.run("df --json :/d").ok())[0];
    assert!(object["size"].as_u64() >= object["free"].as_u64() && object["path"] == "/d", "{object}");
    assert!(pair.run("df /nothing").fails(1).contains("/nothing"));
}
