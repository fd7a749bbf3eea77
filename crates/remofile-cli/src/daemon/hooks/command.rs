//! A command of the shell that is run for a stored file. The file's name comes in a variable and on standard input.

use super::attempts::AttemptFailed;
use super::job::{Job, Orders};
use crate::settings::is_address;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of what a command says on standard error that are logged.
const MOST_SAID_BYTES: usize = 1024;

/// Time between the first two looks at a command that runs, and between later ones.
const LOOK_AFTER: Duration = Duration::from_millis(5);
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_millis(100);

/// Time for what a command that is over has said to be read, where something that it left behind could say more.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs a command once, and waits for its end.
pub(super) fn run(command: &str, orders: &Orders, job: &Job) -> Result<(), AttemptFailed> {
    let failed = |why: String| AttemptFailed { why, may_be_tried_again: true };
    // A bucket is nowhere on this machine.
    let place = if is_address(&orders.root) { Path::new("/") } else { &orders.root };
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).current_dir(place).process_group(0);
    shell
        .env("REMOFILE_EVENT", "store")
        .env("REMOFILE_PATH", &job.path)
        .env("REMOFILE_FILE", orders.root.join(job.path.trim_start_matches('/')))
        .env("REMOFILE_BYTES", job.bytes.to_string())
        .env("REMOFILE_USER", &job.token)
        .env("REMOFILE_CLIENT", &job.client)
        .env("REMOFILE_ADDRESS", &job.address)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = shell.spawn().map_err(|error| failed(format!("the shell cannot be started: {error}")))?;
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or_default());
    if let Some(mut stdin) = child.stdin.take() {
        // A record fits into any pipe's buffer, and whoever does not read it need not.
        let _unread = stdin.write_all(format!("{}\n", job.record).as_bytes());
    }
    let kill = || {
        let _gone_already = group.map(|group| kill_process_group(group, Signal::KILL));
    };
    let (status, said) =
        wait(child, orders.timeout, kill).map_err(|error| failed(format!("it cannot be waited for: {error}")))?;
    match status {
        None => Err(failed(format!("it did not end within {} s, and was killed", orders.timeout.as_secs_f64()))),
        Some(status) if status.success() => Ok(()),
        Some(status) => {
            Err(failed(format!("{status}{}", if said.is_empty() { String::new() } else { format!(": {said}") })))
        }
    }
}

/// Waits for the end of a child, or of the time, after which `kill` is called. Gives what it said on standard error last.
fn wait(mut child: Child, timeout: Duration, kill: impl Fn()) -> io::Result<(Option<ExitStatus>, String)> {
    let (began, stderr) = (Instant::now(), child.stderr.take());
    let said = Arc::new(Mutex::new(Vec::new()));
    let (saying, (silent, silence)) = (Arc::clone(&said), mpsc::channel());
    thread::Builder::new().name("hook errors".to_owned()).spawn(move || {
        if let Some(stderr) = stderr {
            keep_last(stderr, &saying);
        }
        let _nobody_waits = silent.send(());
    })?;
    // As a rule its standard error is closed when it ends. But it may close that long before, and something that it leaves behind may
    // keep it open for good: so it is looked at as well.
    let mut pause = LOOK_AFTER;
    let status = loop {
        let left = timeout.saturating_sub(began.elapsed());
        match child.try_wait()? {
            None if left.is_zero() => break None,
            None => {}
            status => break status,
        }
        match silence.recv_timeout(pause.min(left)) {
            Ok(()) => pause = LOOK_AFTER,
            Err(RecvTimeoutError::Timeout) => pause = (pause * 2).min(LOOK_AT_LEAST_EVERY),
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(pause.min(left));
                pause = (pause * 2).min(LOOK_AT_LEAST_EVERY);
            }
        }
    };
    match status {
        None => {
            kill();
            child.wait()?;
        }
        Some(status) if status.success() => {}
        Some(_) => drop(silence.recv_timeout(LAST_WORDS)),
    }
    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((status, String::from_utf8_lossy(&said).trim().to_owned()))
}

/// Reads until the end, and keeps the last of it.
fn keep_last(mut from: impl Read, last: &Mutex<Vec<u8>>) {
    let mut chunk = [0; 1024];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        last.extend_from_slice(&chunk[..count]);
        let beyond = last.len().saturating_sub(MOST_SAID_BYTES);
        last.drain(..beyond);
    }
}
