//! The client of a session, as each line of it tells it.

use super::line::Line;
use remofile_protocol::path::RemotePath;

/// The outcome of what was done as it was asked for.
pub(in crate::server) const OK: &str = "ok";

/// The outcome of what ended with its session.
pub(in crate::server) const INTERRUPTED: &str = "interrupted";

/// The client of a session, as the log tells it.
#[derive(Clone, Copy)]
pub(in crate::server) struct AuditedClient<'a> {
    pub(in crate::server) session: u64,
    /// The name of its token.
    pub(in crate::server) token: &'a str,
    pub(in crate::server) client: &'a str,
    pub(in crate::server) address: &'a str,
    /// The directory that it sees as the root.
    pub(in crate::server) root: &'a RemotePath,
}

/// The fields that tell the client, and the directory that it sees as the root.
pub(super) struct ClientFields {
    pub(super) fields: Line,
    pub(super) root: RemotePath,
    pub(super) session: u64,
    pub(super) token: String,
    pub(super) client: String,
    pub(super) address: String,
}

impl ClientFields {
    pub(super) fn of(client: &AuditedClient<'_>) -> Self {
        let AuditedClient { session, token, client, address, root } = *client;
        let mut fields = Line::part();
        fields.number("session", session);
        fields.text("token", token);
        fields.text("client", client);
        fields.text("address", address);
        Self {
            fields,
            root: root.clone(),
            session,
            token: token.to_owned(),
            client: client.to_owned(),
            address: address.to_owned(),
        }
    }
}
