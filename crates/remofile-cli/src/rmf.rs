//! The command `rmf`: `remofile` for those who type it often.

use std::process::ExitCode;

fn main() -> ExitCode {
    remofile_cli::main()
}
