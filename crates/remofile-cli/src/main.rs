//! The command `remofile`.

use std::process::ExitCode;

fn main() -> ExitCode {
    remofile_cli::main()
}
