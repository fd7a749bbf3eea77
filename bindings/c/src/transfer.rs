//! Uploads and downloads.

#![expect(unsafe_code, reason = "C calls these functions by name, and passes pointers")]

use crate::client::with;
use crate::edge::call;
use crate::entries::remote;
use crate::fault::Fault;
use crate::monitor::CallbackMonitor;
use crate::options::{TransferOptions, TransferTexts};
use crate::pointers::{In, Out, Text, Texts};
use crate::reports::tell_report;
use crate::types::{Client, ErrorDetails, Monitor, Report};
use remofile::{Error, LocalSource, RemoteSource, TransferReport};
use std::ffi::{c_char, c_int};
use std::ptr::null;

/// The options of who gives none.
const DEFAULTS: TransferOptions = TransferOptions {
    struct_size: size_of::<TransferOptions>(),
    flags: 0,
    on_conflict: 0,
    links: 0,
    fsync: 0,
    transfers: 0,
    retries: 0,
    compress: 0,
    bytes_per_second: 0,
    min_size: 0,
    max_size: 0,
    exclude: null(),
    link_dest: null(),
    backup: null(),
    max_delete: 0,
    modify_window_ms: 0,
};

/// The options that every transfer and sync takes beside its paths.
pub(crate) struct Job<'a> {
    client: *const Client,
    options: In<'a, TransferOptions>,
    monitor: In<'a, Monitor>,
    report: Out<'a, Report>,
}

impl Job<'_> {
    /// # Safety
    /// Each pointer keeps the crate's contract, and so do the texts of the options.
    pub(crate) unsafe fn of(
        client: *const Client,
        options: *const TransferOptions,
        monitor: *const Monitor,
        report: *mut Report,
    ) -> Self {
        // SAFETY: the caller says so.
        unsafe { Self { client, options: In::of(options), monitor: In::of(monitor), report: Out::of(report) } }
    }

    /// Makes the call, whose options `choose` makes of those of C. `counts` tells of what it returns what was moved, and how
    /// much of the destination was deleted.
    pub(crate) fn run<O, R>(
        self,
        choose: impl FnOnce(&TransferOptions, &TransferTexts<'_>) -> Result<O, Fault>,
        body: impl FnOnce(&mut remofile::Client, O, &mut CallbackMonitor) -> Result<R, Error>,
        counts: impl FnOnce(R) -> (TransferReport, u64),
    ) -> Result<(), Fault> {
        let options = self.options.optional()?.unwrap_or(&DEFAULTS);
        // SAFETY: whoever made this says that the texts keep the contract.
        let texts = unsafe {
            TransferTexts {
                exclude: Text::of(options.exclude, "exclude"),
                link_dest: Text::of(options.link_dest, "link_dest"),
                backup: Text::of(options.backup, "backup"),
            }
        };
        let (report, monitor) = (self.report.optional()?, self.monitor.optional()?);
        let options = choose(options, &texts)?;
        with(self.client, |client, interrupt| {
            let mut told = CallbackMonitor::new(monitor, interrupt.clone());
            // The server is told of the chunks that a callback wants.
            client.set_chunk_size(told.chosen_chunk())?;
            let result = body(client, options, &mut told);
            let (done, ended) = told.outcome(result);
            let failed = done.map_or(Ok(()), |done| {
                let (moved, deleted) = counts(done);
                tell_report(report, moved, deleted)
            });
            ended.map_or(failed, Err)
        })
    }

    /// Makes an upload or a download.
    fn transfer(
        self,
        body: impl FnOnce(
            &mut remofile::Client,
            &remofile::TransferOptions,
            &mut CallbackMonitor,
        ) -> Result<TransferReport, Error>,
    ) -> Result<(), Fault> {
        let run =
            |client: &mut remofile::Client, mut options: remofile::TransferOptions, told: &mut CallbackMonitor| {
                options.ask = told.decides();
                body(client, &options, told)
            };
        self.run(TransferOptions::transfer, run, |moved| (moved, 0))
    }
}

/// Uploads files and directories into an existing remote directory, each under its own name. What cannot be uploaded does not
/// keep the others from it.
/// @param sources Paths of this machine, or shell patterns of such.
/// @param count Number of the sources.
/// @param destination The remote directory.
/// @param options May be NULL.
/// @param monitor The callbacks; may be NULL.
/// @param report Receives what was moved, also if something failed; may be NULL.
/// @return The code of what ended the upload, or of the first file that failed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_upload(
    client: *mut Client,
    sources: *const *const c_char,
    count: usize,
    destination: *const c_char,
    options: *const TransferOptions,
    monitor: *const Monitor,
    report: *mut Report,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (sources, destination, job, error) = unsafe {
        (
            Texts::of(sources, count, "sources"),
            Text::of(destination, "destination"),
            Job::of(client, options, monitor, report),
            Out::of(error),
        )
    };
    call(error, || {
        let source = |text: Text<'_>| text.path().map(LocalSource::from);
        let sources = sources.get()?.into_iter().map(source).collect::<Result<Vec<_>, Fault>>()?;
        let destination = remote(destination.get()?)?;
        job.transfer(|client, options, told| client.upload(&sources, &destination, options, told))
    })
}

/// Downloads files and directories into an existing local directory, each under its own name. What cannot be downloaded does
/// not keep the others from it.
/// @param sources Remote paths, or shell patterns of such.
/// @param count Number of the sources.
/// @param destination The directory of this machine.
/// @param options May be NULL.
/// @param monitor The callbacks; may be NULL.
/// @param report Receives what was moved, also if something failed; may be NULL.
/// @return The code of what ended the download, or of the first file that failed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_download(
    client: *mut Client,
    sources: *const *const c_char,
    count: usize,
    destination: *const c_char,
    options: *const TransferOptions,
    monitor: *const Monitor,
    report: *mut Report,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (sources, destination, job, error) = unsafe {
        (
            Texts::of(sources, count, "sources"),
            Text::of(destination, "destination"),
            Job::of(client, options, monitor, report),
            Out::of(error),
        )
    };
    call(error, || {
        let source = |text: Text<'_>| Ok(RemoteSource::from(remote(text.get()?)?));
        let sources = sources.get()?.into_iter().map(source).collect::<Result<Vec<_>, Fault>>()?;
        let destination = destination.path()?;
        job.transfer(|client, options, told| client.download(&sources, destination, options, told))
    })
}
