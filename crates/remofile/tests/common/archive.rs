//! Trees with everything that a user may give to files, and what there is to tell of such.

#![cfg(target_os = "linux")]

use super::write;
use remofile::AttributeSet;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, XattrFlags, utimensat};
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

/// The attributes that every user may give to files of its own.
pub const OWN: AttributeSet = AttributeSet::TIMES_AND_MODES.and(AttributeSet::OWNER).and(AttributeSet::EXTENDED);

pub fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

pub fn set_time(path: &Path, seconds: i64) {
    let time = Timespec { tv_sec: seconds, tv_nsec: 123_456_789 };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

pub fn set_extended(path: &Path, name: &str, value: &[u8]) {
    rustix::fs::setxattr(path, name, value, XattrFlags::empty()).unwrap();
}

pub fn extended(path: &Path) -> Vec<String> {
    let mut names = vec![0_u8; 4096];
    let count = rustix::fs::llistxattr(path, &mut names[..]).unwrap();
    let names = names[..count].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let value = |name: &[u8]| {
        let mut value = vec![0_u8; 4096];
        let count = rustix::fs::lgetxattr(path, name, &mut value[..]).unwrap();
        format!("{}={:02x?}", String::from_utf8_lossy(name), &value[..count])
    };
    names.filter(|name| name.starts_with(b"user.")).map(value).collect()
}

/// Makes a tree with everything that a user may give to files.
pub fn make_tree(root: &Path) {
    for (name, mode) in [
        ("plain", 0o644),
        ("set-user", 0o4755),
        ("set-group", 0o2711),
        ("read-only", 0o444),
        ("closed/in", 0o600),
        ("d/e/f", 0o640),
    ] {
        set_mode(&write(root, name, name), mode);
    }
    symlink("plain", root.join("link")).unwrap();
    symlink("nowhere", root.join("d/dangling")).unwrap();
    std::fs::create_dir(root.join("sticky")).unwrap();
    set_extended(&root.join("plain"), "user.comment", b"\0\xff");
    set_extended(&root.join("d"), "user.of.a.directory", b"yes");
    for (name, mode) in [("sticky", 0o1777), ("closed", 0o500), ("d", 0o2750), ("", 0o751)] {
        set_mode(&root.join(name), mode);
    }
    for (count, name) in
        ["plain", "set-user", "link", "d/dangling", "d/e/f", "d/e", "d", "closed", "sticky", ""].iter().enumerate()
    {
        set_time(&root.join(name), 1_000_000_000 - count as i64);
    }
}

/// Returns everything that a tree has, by the paths.
pub fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(path) = open.pop() {
        let found = path.symlink_metadata().unwrap();
        let content = match found.file_type() {
            kind if kind.is_symlink() => path.read_link().unwrap().display().to_string(),
            kind if kind.is_dir() => {
                open.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
                String::new()
            }
            kind if kind.is_file() => std::fs::read_to_string(&path).unwrap_or_default(),
            // A pipe is never opened.
            _ => String::new(),
        };
        let time = (found.mtime(), found.mtime_nsec());
        let owner = (found.uid(), found.gid());
        let told = format!("{:o} {time:?} {owner:?} {content:?} {:?}", found.mode(), extended(&path));
        all.insert(path.strip_prefix(root).unwrap().display().to_string(), told);
    }
    all
}
