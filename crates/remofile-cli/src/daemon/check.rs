//! Looking at what a server would be started with, without starting it.

use super::coordinator;
use super::users::Users;
use crate::failed::Result;
use crate::output;
use crate::output::text::harmless;
use crate::settings::{ServerSettings, ServerTokens};
use remofile::ServerOptions;

/// Checks all that can be known before a server runs: its directory, its tokens, and whether its options make sense. Nothing
/// is changed, and nothing made.
pub(crate) fn check(settings: &ServerSettings) -> Result<()> {
    let users = Users::of(&settings.tokens, false)?;
    let coordinated = coordinator::open(settings.coordinator.as_deref(), settings.shared_name())?;
    let server = users.server(settings, coordinated.as_ref())?;
    server.set_options(ServerOptions { audit: None, ..settings.options.clone() })?;
    let tokens = match &settings.tokens {
        ServerTokens::One { .. } => "one token".to_owned(),
        ServerTokens::Many(file) => format!("the tokens in {}", harmless(&file.path().to_string_lossy())),
    };
    let (root, port) = (settings.root.to_string_lossy(), settings.port);
    output::data(&format!("The options are fine: {} would be served on port {port} with {tokens}.\n", harmless(&root)))
}
