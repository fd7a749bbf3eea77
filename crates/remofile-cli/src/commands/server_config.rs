//! `remofile server-config`, which is written as [`remofile run`](super::run) before it is parsed.

use crate::args::ServerConfig;
use crate::exit::Exit;
use crate::failed::{Failed, Result};

pub(super) fn run(config: &ServerConfig) -> Result<Exit> {
    let file = config.file.display();
    Err(Failed::usage(format!("write 'remofile run --config {file}'")))
}
