//! The bodies of the calls that move files: what each does with its client.

use crate::call::Caller;
use crate::limits::CallLimits;
use crate::transfer::{Interest, remote};
use remofile::sync::plan::Action;
use remofile::{
    Client, Error, LocalSource, RemoteSource, SyncOptions, SyncReport, TransferOptions, TransferReport,
    synchronize_download, synchronize_upload,
};
use std::path::PathBuf;
use std::sync::Arc;

/// The sources of a download: paths below a directory of the server, and the names that they get if those are others.
pub(crate) struct BelowBase {
    pub(crate) base: String,
    pub(crate) sources: Vec<(String, Option<String>)>,
}

/// The two directories of a sync.
pub(crate) struct Directories {
    /// True if the remote one is made like the local one.
    pub(crate) is_upload: bool,
    pub(crate) local: PathBuf,
    pub(crate) remote: String,
}

/// Returns the body of a call that uploads.
pub(crate) fn uploading(
    sources: Vec<LocalSource>,
    destination: String,
    options: TransferOptions,
    interest: Interest,
    limits: CallLimits,
) -> impl FnOnce(&mut Client, &Arc<Caller>) -> Result<TransferReport, Error> + Send + 'static {
    move |client, caller| {
        client.set_chunk_size(interest.chosen_chunk())?;
        client.upload(&sources, &remote(&destination)?, &options, &mut interest.monitor(caller, &limits))
    }
}

/// Returns the body of a call that downloads.
pub(crate) fn downloading(
    BelowBase { base, sources }: BelowBase,
    destination: PathBuf,
    options: TransferOptions,
    interest: Interest,
    limits: CallLimits,
) -> impl FnOnce(&mut Client, &Arc<Caller>) -> Result<TransferReport, Error> + Send + 'static {
    move |client, caller| {
        client.set_chunk_size(interest.chosen_chunk())?;
        let base = remote(&base)?;
        let find = |(path, name)| -> Result<RemoteSource, Error> {
            let path: String = path;
            let source = RemoteSource::within(&base, &path).map_err(|invalid| Error::Local(invalid.into()))?;
            Ok(RemoteSource { name, ..source })
        };
        let sources = sources.into_iter().map(find).collect::<Result<Vec<_>, _>>()?;
        client.download(&sources, &destination, &options, &mut interest.monitor(caller, &limits))
    }
}

/// Returns the body of a call that makes one directory like another one.
pub(crate) fn synchronizing(
    Directories { is_upload, local, remote: path }: Directories,
    options: SyncOptions,
    interest: Interest,
    limits: CallLimits,
) -> impl FnOnce(&mut Client, &Arc<Caller>) -> Result<SyncReport, Error> + Send + 'static {
    move |client, caller| {
        client.set_chunk_size(interest.chosen_chunk())?;
        let (path, mut monitor) = (remote(&path)?, interest.monitor(caller, &limits));
        match is_upload {
            true => synchronize_upload(client, &local, &path, &options, &mut monitor),
            false => synchronize_download(client, &path, &local, &options, &mut monitor),
        }
    }
}

/// Counts what a sync deleted.
pub(crate) fn deleted(report: &SyncReport) -> u64 {
    report.plan.steps.iter().filter(|step| matches!(step.action, Action::Delete { .. })).count() as u64
}
