//! The command `rmf`: `remofile` for those who type it often. It becomes the program `remofile` that is beside it, so
//! that an installation has the program once.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The program that does the work.
const PROGRAM: &str = "remofile";

fn main() -> ExitCode {
    let program = beside(std::env::current_exe().unwrap_or_default().as_path());
    // The name is for what shells complete and what help shows.
    let error = Command::new(&program).arg0("rmf").args(std::env::args_os().skip(1)).exec();
    // If nobody listens, the exit status tells it still.
    let _ = writeln!(
        std::io::stderr(),
        "rmf: cannot start {}: {error}\nInstall `{PROGRAM}` in the directory of `rmf`, which is a shorter name of it.",
        program.display()
    );
    ExitCode::FAILURE
}

/// The path of the program, from that of this one.
fn beside(own: &Path) -> PathBuf {
    own.with_file_name(PROGRAM)
}
