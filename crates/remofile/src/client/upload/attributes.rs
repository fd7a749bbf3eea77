//! The attributes that an upload gives when all content is there.

use crate::client::Client;
use crate::client::abilities::{KeptAttributes, kept_attributes};
use crate::client::transfer::attempts::Attempts;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::client::upload::call::UploadPart;
use crate::client::upload::plan::UploadPlan;
use crate::error::Result;
use crate::transfer::AttributesFeed;

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
            KeptAttributes::None => return Ok(()),
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
}
