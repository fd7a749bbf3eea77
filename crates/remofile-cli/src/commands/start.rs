//! `remofile start`

use super::Context;
use crate::args::Start;
use crate::exit::Exit;
use crate::failed::Result;
use crate::settings::{Environment, Reload, server_settings};
use crate::{daemon, logging};

pub(super) fn run(start: &Start, context: Context) -> Result<Exit> {
    if start.run.operations.check_config {
        return super::run::run(&start.run, context);
    }
    if !context.background {
        return daemon::launch(context.token.as_ref());
    }
    let operations = &start.run.operations;
    logging::begin_as(context.verbose, operations.log_format)?;
    let settings = server_settings(&start.run, context.token, &Environment::of_process())?;
    let reload = Reload::of(&start.run)?;
    daemon::serve_in_background(settings, reload, &start.pidfile, operations.log_file.as_deref())?;
    Ok(Exit::Success)
}
