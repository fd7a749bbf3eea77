//! The operations of the campaign.

use super::Operation;
use crate::store::{
    Extent, LocalStore, PosixStore, ReadBuffer, ReadStore, RemovalProgress, ResumeAt, ResumeStore, StagePlan,
    StoreResult, WriteStore,
};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{AttributeSet, Attributes, ErrorCode, Failure, Kind, Listed, Timestamp};
use std::path::Path;
use std::time::Duration;

const LARGE: usize = 1024 * 1024 + 7;

pub(super) const OPERATIONS: &[Operation] = &[
    operation("upload a new small file", nothing, |store| upload(store, "new", b"new", false)),
    operation("upload over a small file", old, |store| upload(store, "f", b"new", true)),
    operation("upload a new large file", nothing, |store| upload(store, "new", &large(b'n'), false)),
    operation("upload over a large file", old, |store| upload(store, "f", &large(b'n'), true)),
    operation("upload a file with holes", nothing, upload_sparse),
    operation("upload over a certain version", old, upload_expected),
    operation("write over a file at any place", old, |store| write_at_any_place(store, "/f")),
    operation("write through a link", linked, |store| write_at_any_place(store, "/to-file")),
    operation("upload into a directory below", old, |store| upload(store, "d/new", b"new", false)),
    operation("go on with a partial", partial, resume),
    Operation { kept: 1, ..operation("break off", nothing, break_off) },
    operation("create a file", nothing, |store| store.create_file(&path("/new"), false)),
    operation("touch a file", old, |store| store.create_file(&path("/f"), true)),
    operation("make directories", nothing, |store| store.make_directory(&path("/a/b"), true, true).map(drop)),
    operation("remove a file", old, |store| gone(store.remove(&path("/f")).map(drop))),
    operation("remove a tree", old, |store| gone(remove_tree(store, "/d"))),
    operation("rename a file", old, |store| gone(store.rename(&path("/f"), &path("/d/g"), false))),
    operation("rename over a file", old, |store| gone(store.rename(&path("/f"), &path("/d/h"), true))),
    operation("rename a directory", old, |store| gone(store.rename(&path("/d"), &path("/e"), false))),
    operation("make a link", old, |store| store.make_link(&path("/new"), "f", false)),
    operation("replace a link", old, |store| store.make_link(&path("/link"), "f", true)),
    operation("set a mode", old, |store| store.set_mode(&path("/f"), 0o600)),
    operation("give attributes", old, give),
    operation("set a time", old, |store| store.set_modified(&path("/f"), Timestamp::new(5, 6))),
    operation("back up", old, |store| back_up(store, "/f", "/backup/f")),
    operation("back up over another backup", old, |store| back_up(store, "/f", "/d/h")),
    operation("back up a link", old, |store| back_up(store, "/link", "/d/link")),
    Operation { may_tear: true, ..operation("edit in place", old, edit) },
    operation("read", old, read),
    operation("list", old, list),
    operation("stat", old, |store| check(store.stat(&path("/link"))?.mode == store.stat(&path("/d"))?.mode)),
    Operation { kept: 1, ..operation("list partials", partial, |store| check(store.partials()?.len() == 1)) },
    operation("remove a partial", partial, |store| store.remove_partial(&path("/f")).map(drop)),
    operation("expire partials", partial, |store| store.expire_partials(Duration::ZERO).map(drop)),
];

const fn operation(name: &'static str, prepare: fn(&Path), run: fn(&LocalStore) -> StoreResult<()>) -> Operation {
    Operation { name, prepare, run, may_tear: false, kept: 0 }
}

fn give(store: &LocalStore) -> StoreResult<()> {
    let extended = Some(Vec::new());
    let attributes = Attributes { mode: Some(0o600), extended, ..Attributes::of(Kind::File) };
    check(store.give_attributes(&path("/f"), &attributes, AttributeSet::ALL)?.is_changed)?;
    check(store.attributes(&path("/f"), AttributeSet::ALL)?.mode == Some(0o600))
}

fn path(text: &str) -> RemotePath {
    RemotePath::parse(text).unwrap()
}

fn large(byte: u8) -> Vec<u8> {
    vec![byte; LARGE]
}

/// A wrong result that is told as a success.
pub(super) const WRONG: &str = "told of success with a wrong result";

fn check(is_right: bool) -> StoreResult<()> {
    if is_right { Ok(()) } else { Err(Failure::new(ErrorCode::Other).because(WRONG)) }
}

/// Accepts what has been done already by an attempt that told of a failure is done.
fn gone(result: StoreResult<()>) -> StoreResult<()> {
    result.or_else(|failure| if failure.code == ErrorCode::NotFound { Ok(()) } else { Err(failure) })
}

fn nothing(_: &Path) {}

fn old(root: &Path) {
    let times = |path: &Path| {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1000)).unwrap();
    };
    std::fs::create_dir_all(root.join("d/deep")).unwrap();
    for (name, content) in [("f", "old"), ("d/h", "older"), ("d/deep/x", "deep")] {
        std::fs::write(root.join(name), content).unwrap();
        times(&root.join(name));
    }
    std::os::unix::fs::symlink("d", root.join("link")).unwrap();
}

fn linked(root: &Path) {
    old(root);
    std::os::unix::fs::symlink("f", root.join("to-file")).unwrap();
}

fn partial(root: &Path) {
    break_off(&super::open(root, crate::store::Fsync::None)).unwrap();
}

fn plan(content: &[u8], replace: bool) -> StagePlan {
    let (size, modified) = (Some(content.len() as u64), Some(Timestamp::new(12, 34)));
    StagePlan { size, modified, replace, ..StagePlan::default() }
}

fn upload_by(store: &LocalStore, at: &str, content: &[u8], plan: &StagePlan) -> StoreResult<()> {
    let (above, name) = path(&format!("/{at}")).split()?;
    let mut staged = store.directory(&above)?.stage(&name, plan)?;
    let from = plan.resume.map_or(0, |at| usize::try_from(at.offset).unwrap());
    for part in content[from..].chunks(LARGE / 2) {
        if let Err(failure) = staged.write(part) {
            staged.retain_partial();
            return Err(failure);
        }
    }
    staged.commit()
}

fn upload(store: &LocalStore, at: &str, content: &[u8], replace: bool) -> StoreResult<()> {
    match store.partials()?.first() {
        Some(kept) => {
            let resume = Some(ResumeAt { offset: kept.received, version: kept.version });
            upload_by(store, at, content, &StagePlan { resume, ..plan(content, replace) })
        }
        None => upload_by(store, at, content, &plan(content, replace)),
    }
}

fn upload_sparse(store: &LocalStore) -> StoreResult<()> {
    let plan = StagePlan { size: Some(20_003), ..plan(b"", true) };
    let (above, name) = path("/new").split()?;
    let mut staged = store.directory(&above)?.stage(&name, &plan)?;
    staged.write(b"abc")?;
    staged.write_hole(20_000)?;
    staged.commit()
}

fn upload_expected(store: &LocalStore) -> StoreResult<()> {
    let expected = Some(store.open(&path("/f"))?.version());
    upload_by(store, "f", b"new", &StagePlan { expected, ..plan(b"new", true) })
}

fn write_at_any_place(store: &LocalStore, at: &str) -> StoreResult<()> {
    let (above, name) = path(at).split()?;
    let plan = StagePlan { replace: true, through_link: true, ..StagePlan::default() };
    let mut staged = store.directory(&above)?.stage(&name, &plan)?;
    staged.set_length(6)?;
    staged.write_at(b"new", 3)?;
    staged.write_at(b"all", 0)?;
    let mut there = [0; 8];
    let count = staged.read_at(&mut there, 0)?;
    check(&there[..count] == b"allnew")?;
    staged.try_commit()
}

fn break_off(store: &LocalStore) -> StoreResult<()> {
    if !store.partials()?.is_empty() {
        return Ok(());
    }
    let content = large(b'n');
    let name = FileName::parse("f", Default::default()).unwrap();
    let mut staged = store.directory(&RemotePath::root())?.stage(&name, &plan(&content, true))?;
    let written = staged.write(&content[..LARGE / 2]);
    staged.retain_partial();
    written
}

fn resume(store: &LocalStore) -> StoreResult<()> {
    upload(store, "f", &large(b'n'), true)
}

fn remove_tree(store: &LocalStore, at: &str) -> StoreResult<()> {
    let mut removal = store.remove_tree(&path(at))?;
    while removal.step()? == RemovalProgress::More {}
    Ok(())
}

fn back_up(store: &LocalStore, from: &str, to: &str) -> StoreResult<()> {
    store.prepare_backup(&path(from), &path(to))?.commit()
}

fn edit(store: &LocalStore) -> StoreResult<()> {
    let mut file = store.edit(&path("/edited"), true)?;
    file.set_length(0)?;
    file.append(b"one two")?;
    file.write_at(b"three", 4)?;
    file.set_length(8)?;
    file.finish().map(drop)
}

fn read(store: &LocalStore) -> StoreResult<()> {
    let source = store.open(&path("/link/h"))?;
    assert!(matches!(source.extent_at(0)?, Extent::Data(5)));
    let mut buffer = ReadBuffer::new(100);
    let count = source.read_at(&mut buffer, 0)?;
    check(&buffer[..count] == b"older" && source.is_unchanged()?)
}

fn list(store: &LocalStore) -> StoreResult<()> {
    let (mut walk, mut found, mut failed) = (store.walk(&RemotePath::root(), true)?, 0, None);
    while let Some(listed) = walk.next() {
        match listed {
            Listed::Entry(_) => found += 1,
            Listed::Failed(failure) => failed = Some(failure),
        }
    }
    failed.map_or_else(|| check(found == 6), Err)
}
