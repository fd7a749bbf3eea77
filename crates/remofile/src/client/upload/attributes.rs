//! The attributes that an upload gives when all content is there.

use crate::client::Client;
use crate::client::abilities::{KeptAttributes, kept_attributes, sets_directory_modes};
use crate::client::transfer::attempts::Attempts;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::client::upload::call::UploadPart;
use crate::client::upload::plan::UploadPlan;
use crate::error::Result;
use crate::transfer::AttributesFeed;
use remofile_protocol::wire::{ErrorCode, Failure};

impl Client {
    /// Gives what was uploaded, and what was there already, the attributes that it is to have.
    pub(super) fn give_attributes(
        &mut self,
        plan: &UploadPlan<'_>,
        attempts: &Attempts,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Result<()> {
        let wanted = plan.options.send.attributes;
        match kept_attributes(self.session(&attempts.context)?.hello(), wanted, true)? {
            KeptAttributes::All => {}
            KeptAttributes::None => return self.tell_of_directory_modes(plan, attempts, recorder),
            KeptAttributes::Told(failure) => {
                recorder.failed(failure.at(plan.destination));
                return Ok(());
            }
        }
        let feed = AttributesFeed::new(plan.feed()?, wanted);
        let UploadPlan { destination, options, .. } = *plan;
        let claims = plan.claims();
        let part = UploadPart { destination, options, feed, names: None, group: None, claims, replaces: None };
        self.send_part(part, attempts, recorder).map(drop)
    }

    /// Tells if directories did not get the permissions that are to be kept.
    fn tell_of_directory_modes(
        &mut self,
        plan: &UploadPlan<'_>,
        attempts: &Attempts,
        recorder: &mut ProgressRecorder<'_>,
    ) -> Result<()> {
        let are_wanted =
            plan.options.send.preserve_mode && plan.options.recursive && plan.directories().next().is_some();
        if are_wanted && !sets_directory_modes(self.session(&attempts.context)?.hello()) {
            let why = "the token gives no right to replace, without which directories cannot be given permissions";
            recorder.failed(Failure::new(ErrorCode::Skipped).because(why).at(plan.destination));
        }
        Ok(())
    }
}
