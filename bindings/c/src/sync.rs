//! A directory like another one.

#![expect(unsafe_code, reason = "C calls these functions by name, and passes pointers")]

use crate::edge::call;
use crate::entries::remote;
use crate::options::TransferOptions;
use crate::pointers::{Out, Text};
use crate::transfer::Job;
use crate::types::{Client, ErrorDetails, Monitor, Report};
use remofile::sync::SyncReport;
use remofile::sync::plan::Action;
use remofile::{TransferReport, synchronize_download, synchronize_upload};
use std::ffi::{c_char, c_int};

/// Makes a remote directory like a local one. It is created if its parent exists.
/// @param source The directory of this machine.
/// @param destination The remote directory.
/// @param options May be NULL: then nothing is deleted.
/// @param monitor The callbacks; may be NULL.
/// @param report Receives what was moved, also if something failed; may be NULL.
/// @return The code of what ended the sync, or of the first file that failed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_sync_upload(
    client: *mut Client,
    source: *const c_char,
    destination: *const c_char,
    options: *const TransferOptions,
    monitor: *const Monitor,
    report: *mut Report,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (source, destination, job, error) = unsafe {
        (
            Text::of(source, "source"),
            Text::of(destination, "destination"),
            Job::of(client, options, monitor, report),
            Out::of(error),
        )
    };
    call(error, || {
        let (source, destination) = (source.path()?, remote(destination.get()?)?);
        let choose = TransferOptions::sync;
        job.run(
            choose,
            |client, options, told| synchronize_upload(client, source, &destination, &options, told),
            counts,
        )
    })
}

/// Makes a local directory like a remote one. It is created if its parent exists.
/// @param source The remote directory.
/// @param destination The directory of this machine.
/// @param options May be NULL: then nothing is deleted.
/// @param monitor The callbacks; may be NULL.
/// @param report Receives what was moved, also if something failed; may be NULL.
/// @return The code of what ended the sync, or of the first file that failed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_sync_download(
    client: *mut Client,
    source: *const c_char,
    destination: *const c_char,
    options: *const TransferOptions,
    monitor: *const Monitor,
    report: *mut Report,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (source, destination, job, error) = unsafe {
        (
            Text::of(source, "source"),
            Text::of(destination, "destination"),
            Job::of(client, options, monitor, report),
            Out::of(error),
        )
    };
    call(error, || {
        let (source, destination) = (remote(source.get()?)?, destination.path()?);
        let choose = TransferOptions::sync;
        job.run(
            choose,
            |client, options, told| synchronize_download(client, &source, destination, &options, told),
            counts,
        )
    })
}

/// The amounts that were moved, and how many entries were deleted.
fn counts(SyncReport { plan, transfer }: SyncReport) -> (TransferReport, u64) {
    let deleted = plan.steps.iter().filter(|step| matches!(step.action, Action::Delete { .. })).count();
    (transfer, deleted as u64)
}
