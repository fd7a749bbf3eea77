//! The part that the tests of the commands share: commands without the tester's own settings, and a server that
//! is ready when its first lines have been read.

#![expect(clippy::disallowed_methods, reason = "tests prepare and look at files directly")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(unreachable_pub, reason = "a module of the tests, seen by all others")]

mod bucket;
pub mod scene;

use bucket::Mounted;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

pub const TOKEN: &str = "22222222222222222222Ci";

/// The command, with nothing configured.
pub fn remofile() -> Command {
    command(env!("CARGO_BIN_EXE_remofile"))
}

/// The command by its short name.
pub fn rmf() -> Command {
    command(env!("CARGO_BIN_EXE_rmf"))
}

fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("REMOFILE_") {
            command.env_remove(name);
        }
    }
    // Without a home every command has an identity of its own.
    command.env_remove("XDG_RUNTIME_DIR");
    command.env("XDG_CONFIG_HOME", "/nonexistent").env("XDG_STATE_HOME", "/dev/null/none").stdin(Stdio::null());
    command
}

/// The output of a finished command.
#[derive(Debug)]
pub struct CommandOutput {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for CommandOutput {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl CommandOutput {
    /// Standard output of a command that must have succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.status, Some(0), "{self:?}");
        self.stdout
    }

    /// Standard error of a command that must have ended with this status.
    #[track_caller]
    pub fn fails(self, status: i32) -> String {
        assert_eq!(self.status, Some(status), "{self:?}");
        self.stderr
    }

    /// The error object of a command that must have ended with this status.
    #[track_caller]
    pub fn error_object(self, status: i32) -> serde_json::Value {
        let stderr = self.fails(status);
        let object: serde_json::Value = serde_json::from_str(&stderr).unwrap_or_else(|_| panic!("{stderr}"));
        assert_eq!(object["error"]["status"], status);
        object["error"].clone()
    }
}

/// Runs a command to its end.
pub fn say(command: &mut Command) -> CommandOutput {
    command.output().unwrap().into()
}

/// Runs the command with arguments and nothing configured.
pub fn run<S: AsRef<OsStr>>(arguments: &[S]) -> CommandOutput {
    say(remofile().args(arguments))
}

/// A server in the foreground, killed when dropped.
pub struct Server {
    pub child: Child,
    /// Its lines when it was ready, up to the line with the token if it generated one.
    pub announcement: Vec<String>,
    pub port: u16,
    pub root: PathBuf,
    pub token: String,
    stdout: BufReader<ChildStdout>,
    /// The root in a bucket, in place of the directory.
    mounted: Option<Mounted>,
}

impl Server {
    /// A server of a directory with a generated token and options.
    pub fn start(root: &Path, options: &[&str]) -> Self {
        let (mut command, mounted) = (remofile(), Mounted::in_place_of(root));
        let served = mounted.as_ref().map_or(root.as_os_str(), |mounted| mounted.address.as_ref());
        command.args(["run", "--address", "127.0.0.1"]).args(options).arg(served).args(["0", TOKEN]);
        let mut server = Self::ready(command, root);
        server.mounted = mounted;
        server
    }

    /// The server that a command starts, when it has announced itself.
    pub fn ready(mut command: Command, root: &Path) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let announcement: Vec<String> = (0..2).map(|_| line(&mut stdout)).collect();
        let port = port_of(&announcement[0]);
        Self { child, announcement, port, root: root.to_owned(), token: TOKEN.to_owned(), stdout, mounted: None }
    }

    /// The server of `root` in a directory that a command of options starts, with its log in `log` beside that.
    pub fn logging(mut command: Command, directory: &Path) -> Self {
        let root = directory.join("root");
        mkdir(&root);
        command.arg(&root).args(["0", TOKEN]).stderr(std::fs::File::create(directory.join("log")).unwrap());
        Self::ready(command, &root)
    }

    /// Reads on until a line begins with a text; gives the rest of that line.
    pub fn line_with(&mut self, beginning: &str) -> String {
        loop {
            if let Some(rest) = line(&mut self.stdout).strip_prefix(beginning) {
                return rest.to_owned();
            }
        }
    }

    /// The command, configured for this server.
    pub fn client(&self) -> Command {
        let mut command = remofile();
        command
            .env("REMOFILE_HOSTNAME", "127.0.0.1")
            .env("REMOFILE_PORT", self.port.to_string())
            .env("REMOFILE_TOKEN", &self.token);
        command
    }

    /// Runs a command against this server.
    pub fn run(&self, line: &str) -> CommandOutput {
        say(self.client().args(line.split_whitespace()))
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to one process.
pub fn signal(process: u32, name: &str) {
    let status = Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap();
    assert!(status.success());
}

/// The port in "Serving DIRECTORY on ADDRESS:PORT and ...".
#[track_caller]
pub fn port_of(serving: &str) -> u16 {
    let port = serving.rsplit(':').next().and_then(|port| port.parse().ok());
    port.unwrap_or_else(|| panic!("no port in {serving:?}"))
}

fn line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    let length = reader.read_line(&mut line).unwrap();
    assert!(length > 0, "the server ended");
    line.trim_end().to_owned()
}

/// Runs a command with a text on its standard input.
pub fn feed(command: &mut Command, input: &[u8]) -> CommandOutput {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not read it may have ended before.
    if let Err(error) = child.stdin.take().unwrap().write_all(input) {
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
    child.wait_with_output().unwrap().into()
}

pub fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Writes a file. Where rclone has mounted its directory, it takes nothing more for it once another test starts a program, which
/// closes its copy of the descriptor: then again.
pub fn write(path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
    while let Err(error) = std::fs::write(&path, &content) {
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::BADF.raw_os_error()), "{error}");
    }
}

pub fn read(path: impl AsRef<Path>) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

pub fn unlink(path: impl AsRef<Path>) {
    std::fs::remove_file(path).unwrap();
}

pub fn mkdir(path: impl AsRef<Path>) {
    std::fs::create_dir_all(path).unwrap();
}

pub fn open_to_write(path: impl AsRef<Path>) -> std::fs::File {
    std::fs::OpenOptions::new().write(true).open(path).unwrap()
}

/// Gives a file another time. Through a mount that has an effect only on one that nobody writes, and at Garage only on one that was
/// listed: of what rclone has just written it copies that version, and Garage finds no version by its name.
pub fn set_modified(path: impl AsRef<Path>, time: std::time::SystemTime) {
    let path = path.as_ref();
    path.parent().unwrap().read_dir().unwrap().for_each(drop);
    std::fs::File::open(path).unwrap().set_modified(time).unwrap();
}

pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    std::fs::rename(from, to).unwrap();
}

pub fn open_to_append(path: impl AsRef<Path>) -> std::fs::File {
    std::fs::OpenOptions::new().append(true).open(path).unwrap()
}

/// A served directory and a local one to transfer from and to.
pub struct Pair {
    pub root: tempfile::TempDir,
    pub local: tempfile::TempDir,
    pub server: Server,
}

impl Pair {
    pub fn new() -> Self {
        Self::serving(&[])
    }

    /// A pair whose server has these options.
    pub fn serving(options: &[&str]) -> Self {
        let (root, local) = (directory(), directory());
        let server = Server::start(root.path(), options);
        Self { root, local, server }
    }

    /// A path in the served directory.
    pub fn remote(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// A path in the local directory.
    pub fn local(&self, path: &str) -> PathBuf {
        self.local.path().join(path)
    }

    /// A command in the local directory, not started yet.
    pub fn command(&self, line: &str) -> Command {
        let mut command = self.server.client();
        command.current_dir(self.local.path()).args(line.split_whitespace());
        command
    }

    /// Runs a command in the local directory.
    pub fn run(&self, line: &str) -> CommandOutput {
        say(&mut self.command(line))
    }
}

/// Writes files, and the directories they are in; each file holds its own path.
pub fn plant(directory: &Path, paths: &[&str]) {
    for path in paths {
        let file = directory.join(path);
        mkdir(file.parent().unwrap());
        write(file, path);
    }
}

/// The files below a directory, sorted, without what the server keeps for itself.
pub fn files_below(directory: &Path) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(next) = rest.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            match entry.file_type().unwrap().is_dir() {
                true if entry.file_name() == ".remofile" => {}
                true => rest.push(path),
                false => found.push(path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned()),
            }
        }
    }
    found.sort();
    found
}

/// The objects on lines of text.
#[track_caller]
pub fn objects(text: &str) -> Vec<serde_json::Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?}"));
    text.lines().map(parse).collect()
}
