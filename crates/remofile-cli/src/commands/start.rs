//! `remofile start`

use super::Context;
use crate::args::Start;
use crate::daemon;
use crate::exit::Exit;
use crate::failed::Result;
use crate::logging;
use crate::settings::{Environment, server_settings};

pub(super) fn run(start: &Start, context: Context) -> Result<Exit> {
    if !context.background {
        return daemon::launch(context.token.as_ref());
    }
    logging::begin(context.verbose)?;
    let settings = server_settings(&start.run, context.token, &Environment::of_process())?;
    daemon::serve_in_background(settings, &start.pidfile, start.log_file.as_deref())?;
    Ok(Exit::Success)
}
