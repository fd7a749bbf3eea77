//! A part of a bucket in place of a served directory, where `REMOFILE_TEST_BUCKET` names a bucket.
//!
//! The tests stay as they are: rclone mounts what the server has in the bucket where they look into the directory behind it. So they
//! see what other tools see. `cluster/trial.py` sets the variables of the service, and those of rclone's remote `store`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A part of a bucket, which is seen in a directory until this is dropped.
pub struct Mounted {
    place: PathBuf,
    /// The address for the server.
    pub address: String,
}

impl Mounted {
    /// Puts what is in a directory into the bucket and has it seen there; `None` where tests are to be run on the directory itself.
    pub fn in_place_of(directory: &Path) -> Option<Self> {
        let bucket = std::env::var("REMOFILE_TEST_BUCKET").ok()?;
        // The same for each server of a directory, one after the other.
        let name = directory.to_str().unwrap().trim_start_matches('/').replace('/', "-");
        let address = format!("{bucket}/{name}");
        let remote = address.replacen("s3://", "store:", 1);
        rclone(&["move", "--create-empty-src-dirs"], directory.as_os_str(), remote.as_ref());
        let direct = ["mount", "--daemon", "--vfs-cache-mode", "off", "--dir-cache-time", "0s", "--attr-timeout", "0s"];
        rclone(&direct, remote.as_ref(), directory.as_os_str());
        Some(Self { place: directory.to_owned(), address })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ended = Command::new("fusermount").arg("-uz").arg(&self.place).status();
    }
}

fn rclone(words: &[&str], from: &std::ffi::OsStr, to: &std::ffi::OsStr) {
    let mut command = Command::new("rclone");
    // It would not start with some of the variables that are the server's.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    let done = command.args(words).arg(from).arg(to).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
