//! Files of a download that become names of what an earlier one has.

use crate::client::download::earlier::Linking;
use crate::client::download::find::DownloadWork;
use crate::client::download::plan::DownloadPlan;
use crate::client::transfer::conflict_policy::ConflictPolicy;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::error::Result;
use crate::transfer::{ItemRules, Stored};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::OnConflict;

/// Links what is wanted and there in an earlier download. What cannot be linked is fetched.
///
/// # Errors
/// That of `check`, which says whether to go on: what is linked by then stays.
pub(super) fn link(
    mut linking: Linking<'_>,
    plan: &DownloadPlan<'_>,
    policy: ConflictPolicy,
    wanted: &mut DownloadWork,
    recorder: &mut ProgressRecorder<'_>,
    stored: &mut Stored,
    check: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let mut going_on = Ok(());
    for ((file, size), of) in std::mem::take(&mut wanted.linked) {
        going_on = check();
        if going_on.is_err() {
            break;
        }
        let rule = wanted.rules.get(&ItemRules::key(&file.name)).copied().unwrap_or(policy.on_conflict);
        let replaces = matches!(rule, OnConflict::Replace | OnConflict::Newer);
        let linked = RemotePath::root().join(&file.name).map_err(Into::into);
        let linked = linked.and_then(|path| linking.link(&of, &path, replaces));
        if !linking.note(linked, plan.destination.join(&file.name).display()) {
            wanted.files.push((file, size));
            continue;
        }
        recorder.started(&file.name, Some(0), 0);
        recorder.finished(&file.name);
    }
    stored.files += linking.linked;
    linking.refusal().into_iter().for_each(|failure| recorder.failed(failure));
    going_on
}
