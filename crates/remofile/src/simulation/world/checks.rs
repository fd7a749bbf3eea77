//! The promises, looked at after each step and in the end.

use super::World;
use crate::server::simulated::{SimulatedServer, SimulatedSession};
use remofile_protocol::path::RemotePath;

impl World {
    /// Looks at all promises that hold at every moment.
    pub(super) fn check(&mut self) -> Result<(), String> {
        if self.is_calm() {
            self.disk.lock().failing = 0;
        }
        if let Some(broken) = self.server.as_mut().and_then(SimulatedServer::broken_promise) {
            return Err(broken);
        }
        let mut sessions = self.lines.values().filter_map(|line| line.session.as_ref());
        if let Some(broken) = sessions.find_map(SimulatedSession::broken_promise) {
            return Err(broken);
        }
        let touched = std::mem::take(&mut self.disk.lock().touched);
        let mut state = self.disk.lock();
        for path in touched {
            let content = state.visible(&path);
            let visible = |path: &RemotePath| state.visible(path);
            let missing = self.model.missing_before_deletion(&path, self.step, &visible);
            if let (None, Some(missing)) = (&content, missing) {
                let told = self.model.told(missing);
                return Err(format!("{path} is deleted before {missing} is there, which was to be sent: {told}"));
            }
            let is_allowed = self.model.allows(&path, content.as_deref(), self.step);
            // What was moved before its upload was acknowledged stays in doubt there, whatever becomes of its first place.
            let may_be_damaged = self.model.is_unsettled(&path, self.step) || self.model.may_be_of_open(&path);
            let is_told = state.is_in_doubt(&path) && may_be_damaged;
            if !is_allowed && !is_told && path.parent().is_some_and(|parent| !parent.is_root()) {
                let bytes = content.map(|content| content.len());
                let told = self.model.told(&path);
                return Err(format!("{path} has {bytes:?} bytes, and none of its versions: {told}"));
            }
        }
        let broken = state.broken.take();
        drop(state);
        broken.map_or(Ok(()), Err)?;
        self.check_copies()
    }

    /// Looks at what users have on their disks: whole versions, whichever.
    fn check_copies(&self) -> Result<(), String> {
        for client in &self.clients {
            let mut state = client.disk().lock();
            if self.is_calm() {
                state.failing = 0;
            }
            for path in std::mem::take(&mut state.touched) {
                let Some(content) = state.visible(&path) else { continue };
                let is_told = state.is_in_doubt(&path) && state.is_damaged(&content);
                let is_damaged = self.disk.lock().is_damaged(&content);
                if !is_told && !is_damaged && !self.model.was_ever(&path, &content) {
                    let (bytes, user) = (content.len(), client.user);
                    return Err(format!("user {user} has {path} with {bytes} bytes of no version"));
                }
            }
            state.broken.take().map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    /// Looks at what has to hold when everything is over.
    pub(super) fn check_end(&mut self) -> Result<(), String> {
        while self.server.as_ref().is_some_and(|server| server.run_job(0)) {}
        self.check()?;
        if let Some(left) = self.server.as_ref().and_then(SimulatedServer::remainder) {
            return Err(left);
        }
        let state = self.disk.lock();
        for path in self.model.paths() {
            let content = state.visible(path);
            let is_told = state.is_in_doubt(path) && self.model.may_be_of_open(path);
            if !is_told && !self.model.allows(path, content.as_deref(), u64::MAX) {
                let (bytes, is_in_doubt) = (content.map(|content| content.len()), state.is_in_doubt(path));
                let told = self.model.told(path);
                return Err(format!(
                    "in the end {path} has {bytes:?} bytes, in doubt: {is_in_doubt}, and none of its versions: {told}"
                ));
            }
        }
        state.remainder().map_or(Ok(()), Err)
    }
}
