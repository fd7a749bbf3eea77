//! Changes that the server would refuse at once, which a client need not begin.

use crate::client::Client;
use crate::error::Result;
use remofile_protocol::handshake::Right;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure};

impl Client {
    /// Refuses a change as the server would, if the token lacks one of the rights that it takes, or if the server lets nothing
    /// be changed. Nothing is asked of the server for what is not refused.
    ///
    /// # Errors
    /// `permission-denied` that names the token and the first right that it lacks; `read-only`; the reason why it cannot connect.
    pub fn refuse_without(&mut self, rights: &[Right], path: &RemotePath) -> Result<()> {
        let hello = self.server()?;
        let (held, read_only) = (hello.rights, hello.read_only);
        // To who may change nothing at all a server looks read-only, too.
        match rights.iter().find(|right| !held.has(**right)) {
            Some(&missing) => {
                let denied = Failure { rights: Some(held), ..Failure::new(ErrorCode::PermissionDenied).at(path) };
                Err(denied.because(self.lacking(missing)).into())
            }
            None if read_only => Err(Failure::new(ErrorCode::ReadOnly).at(path).into()),
            None => Ok(()),
        }
    }

    /// Returns the server's sentence about a right that the token lacks.
    fn lacking(&mut self, right: Right) -> String {
        let right = right.name();
        match self.status().map(|status| status.report.token) {
            Ok(Some(name)) => format!("the token {name:?} has no right to {right}"),
            // It is refused all the same.
            _ => format!("the token has no right to {right}"),
        }
    }
}
