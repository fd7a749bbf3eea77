//! Command lines as fingers type them that practised on rsync, scp, sftp, rclone, lftp, curl and croc, and what they are told: frozen
//! in `snapshots`.
//!
//! `INSTA_UPDATE=always cargo nextest run -p remofile finger_lines::` writes the snapshots anew.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::os::unix::fs::PermissionsExt;
use support::scene::Scene;
use support::{TOKEN, write};

/// A user with a profile that works.
fn scene() -> Scene {
    let scene = Scene::new().with_profile();
    let token = scene.config().with_file_name("token");
    write(&token, TOKEN);
    std::fs::set_permissions(token, PermissionsExt::from_mode(0o600)).unwrap();
    scene
}

#[test]
fn commands_of_other_tools() {
    let mut scene = scene();
    scene.type_all(&[
        "rmf sha256sum /a.txt",
        "rmf md5sum nas:/a.txt",
        "rmf hashsum MD5 nas:",
        "rmf lsf nas:",
        "rmf lsl nas:",
        "rmf lsd nas:",
        "rmf mget /a.txt",
        "rmf mput b.txt",
        "rmf mirror -R dir /dir",
        "rmf scp b.txt nas:/",
        "rmf sftp nas",
        "rmf rsync -av dir nas:/d",
        "rmf check dir nas:/d",
        "rmf dedupe nas:/",
        "rmf size nas:/",
        "rmf about nas:",
        "rmf ncdu nas:",
        "rmf serve dir",
        "rmf config",
        "rmf listremotes",
        "rmf copyurl http://h/x nas:/",
        "rmf rcat nas:/x",
        "rmf mount nas: /mnt",
        "rmf cleanup nas:",
        "rmf completion bash",
        "rmf send b.txt",
        "rmf tail -f /a.txt",
        "rmf grep x /a.txt",
        "rmf version",
        "rmf b.txt nas:/",
        "rmf nas:/full",
    ]);
    scene.freezes("commands_of_other_tools");
}

#[test]
fn options_of_other_tools_in_transfers() {
    let mut scene = scene();
    scene.type_all(&[
        "rmf upload -P 2222 b.txt",
        "rmf upload -P 2222 b.txt nas:/",
        "rmf cp -P 2222 b.txt nas:/",
        "rmf upload -avzP b.txt /full",
        "rmf upload -avh b.txt /full",
        "rmf upload --info=progress2 b.txt /full",
        "rmf upload -i key b.txt /",
        "rmf upload -3 b.txt /",
        "rmf upload -T b.txt /",
        "rmf upload -x -r dir /",
        "rmf upload --remove-source-files b.txt /",
        "rmf upload --mkpath b.txt /made/here/",
        "rmf upload /dev/stdin /",
        "rmf upload -n --parents b.txt /nothing/made/",
        "rmf ls /nothing",
        "rmf get -O - /a.txt",
        "rmf get -o x /a.txt",
        "rmf get -c /a.txt",
        "rmf get /nope .",
        "rmf get -n --parents /a.txt nothing/made/",
        "rmf get a.txt -",
        "rmf put -r dir nas:/put",
        "rmf put -r dir nas:/put/",
        "rmf cp b.txt [::1]:/x",
        "rmf cp b.txt me@[::1]:x",
        "rmf cp - nas:/stdin.txt",
        "rmf cp -- b.txt nas:/b2.txt",
        "rmf ls nas",
    ]);
    scene.freezes("options_of_other_tools_in_transfers");
}

#[test]
fn options_of_other_tools_in_a_sync() {
    let mut scene = scene();
    scene.type_all(&[
        "rmf sync -avh dir nas:/s1",
        "rmf sync -aAXHS --numeric-ids dir nas:/s1",
        "rmf sync -ra -r --recursive dir nas:/s1",
        "rmf sync -azh --info=progress2 dir nas:/s1",
        "rmf sync -avz --delete dir/ user@host:path",
        "rmf sync -u --times dir nas:/s1",
        "rmf sync --exclude=a --filter=b dir nas:/s1",
        "rmf sync --transfers=4 --checkers=8 dir nas:/s1",
        "rmf sync --log-file=x nas:/full here",
        "rmf sync --ignore-errors dir nas:/s1",
        "rmf sync -x dir nas:/s1",
        "rmf sync --create-empty-src-dirs dir nas:/s1",
        "rmf sync --fast-list dir nas:/s1",
        "rmf sync --interactive dir nas:/s1",
        "rmf sync --bwlimit 08:00,512k dir nas:/s1",
        "rmf sync b.txt nas:/s1",
        "rmf sync dir nas:/a/b/c",
        "rmf sync -n --parents dir nas:/a/b/c",
        "rmf ls /a",
        "rmf sync --parents dir nas:/a/b/c",
        "rmf ls /a/b/c",
        "rmf sync -n --parents nas:/full here/b/c",
        "rmf sync --parents nas:/full here/b/c",
        "rmf sync -n nas:/full here/b/c",
    ]);
    scene.freezes("options_of_other_tools_in_a_sync");
}

#[test]
fn options_of_other_tools_in_small_commands() {
    let mut scene = scene();
    scene.type_all(&[
        "rmf ls -tr /full",
        "rmf ls -1tr /full",
        "rmf ls -i",
        "rmf ls --max-depth 1 nas:/",
        "rmf ls --format p nas:/",
        "rmf rm a.txt",
        "rmf rm -i /a.txt",
        "rmf rm -- -x",
        "rmf mv",
        "rmf mv nas:/a.txt b.txt",
        "rmf mv -T /a.txt /q.txt",
        "rmf mkdir nas:/m1 nas:/m2",
        "rmf mkdir -m 700 nas:/m7",
        "rmf touch nas:/t1 nas:/t2",
        "rmf touch -d yesterday nas:/t4",
        "rmf cat -A /a.txt",
        "rmf stat -c %s /a.txt",
        "rmf find nas:/ -name a* -print",
        "rmf find nas:/ -type f -delete",
        "rmf find nas:/ -maxdepth 1",
        "rmf find nas:/ -mtime -1",
        "rmf find nas:/ -size +1M",
        "rmf find nas:/ -exec ls",
        "rmf du -h --max-depth=1 nas:/",
        "rmf du -sh /full",
        "rmf df -T nas:/",
        "rmf tree -a nas:/",
        "rmf hash -b /a.txt",
        "rmf hash --md5 /a.txt",
        "rmf put --dry-run=true b.txt nas:/",
        "rmf cp --sparse=always b.txt nas:/",
        "rmf ls --verbose=2 nas:",
        "rmf edit nas:/nope/x",
        "rmf edit -n nas:/a.txt",
        "rmf edit -n nas:/new.txt --json",
        "rmf edit -n nas:/full",
        "rmf login user@host",
        "rmf login ssh://host",
        "rmf login remofile://host:7",
        "rmf login nas 127.0.0.1 22222222222222222222Ci",
        "rmf status nas",
        "rmf status nas:/a.txt",
        "rmf status host",
        "rmf status 22222222222222222222Ci more",
        "rmf stop x",
        "rmf stop -n --pidfile none",
    ]);
    scene.freezes("options_of_other_tools_in_small_commands");
}

#[test]
fn operands_and_values_of_other_tools() {
    let mut scene = scene();
    scene.type_all(&[
        "rmf cp -C b.txt nas:/",
        "rmf cp -l 800 b.txt nas:/",
        "rmf cp -O b.txt nas:/",
        "rmf cp -o StrictHostKeyChecking=no b.txt nas:/",
        "rmf sync -av dir nas::module/x",
        "rmf sync -av dir/ me@nas:/x",
        "rmf cp b.txt me@nas:x",
        "rmf sync -a dir b.txt nas:/x",
        "rmf sync --include *.txt --exclude * dir nas:/x",
        "rmf sync --exclude * --include */ --include *.txt dir nas:/x",
        "rmf get nas:~/a.txt",
        "rmf get nas:/a.txt /dev/stdout",
        "rmf get -f nas:/a.txt /dev/null",
        "rmf put - /standard/input.txt --parents",
        "rmf ls /standard",
        "rmf put - /full",
        "rmf put - /full/",
        "rmf ls --wait 5 nas:/full",
        "rmf ls --include *.txt nas:",
        "rmf ls --max-time 3",
        "rmf ls --retry 3",
        "rmf find --older-than 7d nas:",
        "rmf cat --head 3 nas:/a.txt",
        "rmf touch -t 202601010000 nas:/t",
        "rmf touch --timestamp 2026-01-01 nas:/t",
        "rmf hash md5 nas:/a.txt",
        "rmf nas",
        "rmf mb nas:/new",
        "rmf s3 ls",
        "rmf mc cp a b",
        "rmf aws s3 sync dir s3://b",
        "rmf presign nas:/a.txt",
        "rmf pipe nas:/x",
        "rmf alias set nas h",
        "rmf watch nas:/a.txt",
        "rmf relay",
        "rmf logout nas",
        "rmf run dir 127.0.0.1:6768",
        "rmf run dir --address localhost",
        "rmf run dir --quota 1G",
    ]);
    for (variable, value) in [
        ("REMOFILE_HOSTNAME", "http://me:secret@127.0.0.1/x"),
        ("REMOFILE_TOKEN", " qRkVWJcFRqi7rsNMbagaDd"),
        ("REMOFILE_CONFIG", "words.toml"),
    ] {
        write(scene.pair.local.path().join("words.toml"), "default-profile = nas\n");
        scene.types("rmf ls", &[(variable, value)]);
    }
    scene.freezes("operands_and_values_of_other_tools");
}
