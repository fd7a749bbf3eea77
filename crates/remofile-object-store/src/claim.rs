//! The claim of a bucket, as its owner stores it.

use super::hex::hex;
use remofile::protocol::token::Token;
use remofile::protocol::wire::{ErrorCode, Failure};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::Path;

/// The place of the number of threads behind the name of a program in `/proc/PID/stat`, from its state on.
const THREADS: usize = 17;

/// The content of the object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// A number that no other claim has.
    id: String,
    host: String,
    process: u32,
    /// The namespace of processes, and the run of the system, in which that number is meant.
    machine: String,
    /// The number of the coordinator whose servers share it; absent of a server that has the bucket alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
}

impl Claim {
    pub(crate) fn new(cluster: Option<&str>) -> Self {
        let file = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let namespace = std::fs::read_link("/proc/self/ns/pid").ok().map(|path| path.display().to_string());
        let machine = file("/proc/sys/kernel/random/boot_id").zip(namespace);
        Self {
            id: hex(Token::generate().reveal().as_bytes()),
            host: file("/proc/sys/kernel/hostname").unwrap_or_else(|| "unknown host".to_owned()),
            process: std::process::id(),
            machine: machine.map(|(boot, namespace)| format!("{boot} {namespace}")).unwrap_or_default(),
            cluster: cluster.map(str::to_owned),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.cluster.is_some()
    }

    /// Reports whether it is of one process, of this machine, that is gone.
    pub(crate) fn is_dead(&self, here: &Self) -> bool {
        let is_here = !self.is_shared() && !self.machine.is_empty() && self.machine == here.machine;
        is_here && self.process != here.process && is_gone(self.process)
    }

    /// Reports whether what is stored is this claim, or that of another server that shares it.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        Self::read(bytes)
            .is_some_and(|there| there.id == self.id || (self.is_shared() && there.cluster == self.cluster))
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Returns why this one cannot be made beside another that was seen so many seconds ago.
    pub(crate) fn refused_by(&self, other: Option<&Self>, age: i64) -> Failure {
        let who = other.map_or_else(
            || "which wrote something unknown".to_owned(),
            |other| format!("process {} on {}", other.process, other.host),
        );
        let who = format!("{who}, {age} s ago");
        let why = match (other.is_some_and(Self::is_shared), self.is_shared()) {
            (true, true) => format!(
                "servers with another coordinator, or with another prefix there, serve this bucket (the last to tell so: {who}): give \
                 all of them the same '--coordinator', or stop them all and wait a minute"
            ),
            (true, false) => format!(
                "servers with a coordinator serve this bucket (the last to tell so: {who}): give this one the same '--coordinator', or \
                 stop them all and wait a minute"
            ),
            (false, true) => format!(
                "a server without '--coordinator' ({who}) serves this bucket: stop it first, and wait a minute if it was killed, or \
                 start it again with the same '--coordinator'"
            ),
            (false, false) => format!(
                "another server ({who}) serves this bucket: stop it first, wait a minute if it was killed, or have both share it with \
                 '--coordinator'; servers with '--read-only' may be many"
            ),
        };
        Failure::new(ErrorCode::Other).because(why)
    }
}

/// Reports whether a process does nothing any more. Its number may stay, until the process that started it asks how it ended.
fn is_gone(process: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{process}/stat")) {
        // The name of the program stands in parentheses before its state, and may have any letters. Where only its first thread
        // has ended, the state is the same, and others are counted.
        Ok(status) => status.rsplit_once(") ").is_some_and(|(_, rest)| {
            let threads = rest.split(' ').nth(THREADS).and_then(|count| count.parse::<u32>().ok());
            rest.starts_with(['Z', 'X']) && threads.is_some_and(|count| count <= 1)
        }),
        // Where processes of other users are hidden, so is the first one: then nobody knows.
        Err(error) => error.kind() == ErrorKind::NotFound && Path::new("/proc/1").exists(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_that_was_killed_is_gone_before_anybody_asks_how_it_ended() {
        let here = Claim::new(None);
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let claim = Claim { process: child.id(), ..Claim::new(None) };
        assert!(!claim.is_dead(&here) && !here.is_dead(&here));
        child.kill().unwrap();
        // Its output ends when it does, and it is a zombie then until it is waited for.
        std::io::copy(&mut child.stdout.take().unwrap(), &mut std::io::sink()).unwrap();
        while !claim.is_dead(&here) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(claim.is_dead(&here));
    }
}
