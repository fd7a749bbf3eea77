//! A client, one method for each of the library's.

use crate::call::{Caller, Making, PyInterrupt, run};
use crate::errors::{is_refused_connection, to_python};
use crate::file::{self, NativeFile};
use crate::limits::{CallLimits, TURN};
use crate::secrets;
use crate::transfer::{Interest, Report, Settings, remote};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Entry, Kind, Listed, OnConflict};
use remofile::sync::plan::Action;
use remofile::{
    Client, ClientOptions, Error, LocalSource, Protocol, RemoteSource, Silent, TransferOptions, Wait,
    synchronize_download, synchronize_upload,
};
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// The time that a server which is not there yet is waited for, if the caller has set no timeout.
const CONNECT_WAIT: Duration = Duration::from_secs(1);

/// The interval at which it is looked for.
const CONNECT_EVERY: Duration = Duration::from_millis(20);

/// The time that a server has to notice that a call was broken off.
const SETTLING: Duration = Duration::from_secs(5);

/// Name or path, kind, size in bytes, time, permission bits, whether it is a link.
type Row = (String, &'static str, u64, f64, Option<u32>, bool);

#[pyclass(frozen, module = "remofile._remofile")]
pub(crate) struct NativeClient {
    options: ClientOptions,
    client: Arc<Mutex<Client>>,
    /// True if the last call was broken off: the server may not have noticed yet, and hold the lease for it.
    broke_off: AtomicBool,
}

impl NativeClient {
    /// Makes a call, and translates its error.
    fn call<T: Send>(
        &self,
        py: Python<'_>,
        limits: &CallLimits,
        body: impl FnOnce(&mut Client, &Caller) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let _making = Making::begin(&self.client)?;
        let work = |caller: &Arc<Caller>| {
            let mut client = self.turn(limits)?;
            client.set_on_waiting(caller.on_waiting());
            self.connect(&mut client, limits)?;
            let result = body(&mut client, caller);
            self.broke_off.store(result.as_ref().is_err_and(is_broken_off), Ordering::Relaxed);
            result.map_err(|error| told_whole(error, limits))
        };
        run(py, &|| limits.interrupt.trigger(), work)?.map_err(|error| to_python(py, error))
    }

    /// The same for a call that changes nothing: it is made again if the connection turns out to be lost.
    fn ask<T: Send>(
        &self,
        py: Python<'_>,
        limits: &CallLimits,
        body: impl Fn(&mut Client) -> Result<T, Error> + Send + Sync,
    ) -> PyResult<T> {
        self.call(py, limits, |client, _| match body(client) {
            Err(Error::ConnectionLost(_)) => body(client),
            other => other,
        })
    }

    /// Waits until no other call is made on this client.
    fn turn(&self, limits: &CallLimits) -> Result<MutexGuard<'_, Client>, Error> {
        loop {
            match self.client.try_lock() {
                Ok(client) => return Ok(client),
                // A call that panicked has left the client able to connect anew, as after any error.
                Err(TryLockError::Poisoned(poisoned)) => return Ok(PoisonError::into_inner(poisoned)),
                Err(TryLockError::WouldBlock) => {
                    limits.left()?;
                    std::thread::sleep(TURN);
                }
            }
        }
    }

    /// Connects, and waits for a server that is only starting.
    fn connect(&self, client: &mut Client, limits: &CallLimits) -> Result<(), Error> {
        loop {
            let left = limits.left()?;
            client.set_limits(left, self.wait(), limits.interrupt.clone());
            match client.server() {
                Ok(_) => break,
                Err(error) if is_refused_connection(&error) => {
                    if limits.began.elapsed() >= limits.timeout.unwrap_or(CONNECT_WAIT) {
                        return Err(error);
                    }
                    std::thread::sleep(CONNECT_EVERY.min(left.unwrap_or(CONNECT_EVERY)));
                    if limits.timeout.is_some_and(|timeout| limits.began.elapsed() >= timeout) {
                        return Err(error);
                    }
                }
                Err(error) => return Err(told_whole(error, limits)),
            }
        }
        client.set_limits(limits.left()?, self.wait(), limits.interrupt.clone());
        Ok(())
    }

    /// Returns how to wait while others hold the lease; for an own call that was broken off a short wait does no harm.
    fn wait(&self) -> Wait {
        match self.options.wait {
            Wait::No if self.broke_off.load(Ordering::Relaxed) => Wait::For(SETTLING),
            wait => wait,
        }
    }
}

fn is_broken_off(error: &Error) -> bool {
    matches!(
        error,
        Error::Interrupted | Error::Timeout(_) | Error::Stopped | Error::Callback(_) | Error::ConnectionLost(_)
    )
}

/// A timeout is told as the caller has set it.
fn told_whole(error: Error, limits: &CallLimits) -> Error {
    match (error, limits.timeout) {
        (Error::Timeout(_), Some(timeout)) => Error::Timeout(timeout),
        (error, _) => error,
    }
}

#[pymethods]
impl NativeClient {
    #[new]
    #[pyo3(signature = (hostname, port, token, public_key, protocol, plain, wait))]
    fn new(
        hostname: String,
        port: u16,
        token: &str,
        public_key: Option<&str>,
        protocol: u8,
        plain: bool,
        wait: Option<f64>,
    ) -> PyResult<Self> {
        let mut options = ClientOptions::new(hostname, port, secrets::token(token)?);
        options.public_key = public_key.map(secrets::public_key).transpose()?;
        options.protocol = if protocol == 1 { Protocol::One } else { Protocol::Two };
        options.plain = plain;
        options.wait = match wait {
            None => Wait::No,
            Some(seconds) if seconds < 0.0 || seconds.is_nan() => {
                return Err(PyValueError::new_err("wait must be a number of seconds, 0 or more"));
            }
            Some(seconds) => Duration::try_from_secs_f64(seconds).map_or(Wait::Forever, Wait::For),
        };
        let client = Arc::new(Mutex::new(Client::new(options.clone())));
        Ok(Self { options, client, broke_off: AtomicBool::new(false) })
    }

    /// The same settings in a process that was forked: the old one's session is let go of without a word.
    fn after_fork(&self) -> Self {
        match self.client.try_lock() {
            Ok(mut client) => client.forget_session(),
            // A thread of the old process makes a call with it, and always will: it is never dropped.
            Err(_) => std::mem::forget(Arc::clone(&self.client)),
        }
        let client = Arc::new(Mutex::new(Client::new(self.options.clone())));
        Self { options: self.options.clone(), client, broke_off: AtomicBool::new(false) }
    }

    /// Ends the session, if there is one and no call goes on.
    fn disconnect(&self) {
        if let Ok(mut client) = self.client.try_lock() {
            client.disconnect();
        }
    }

    fn list(
        &self,
        py: Python<'_>,
        path: &str,
        recursive: bool,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<(Vec<Row>, Vec<String>)> {
        self.ask(py, &CallLimits::new(timeout, interrupt), |client| list(client, &remote(path)?, recursive))
    }

    fn stat(&self, py: Python<'_>, path: &str, timeout: Option<u64>, interrupt: Option<&PyInterrupt>) -> PyResult<Row> {
        self.ask(py, &CallLimits::new(timeout, interrupt), |client| Ok(row(client.stat(&remote(path)?)?, false)))
    }

    /// Opens a file; `mode` is one of `r`, `w`, `a`, `x`, and perhaps `+`.
    fn open(
        &self,
        py: Python<'_>,
        path: &str,
        mode: &str,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<NativeFile> {
        let (limits, options) = (CallLimits::new(timeout, interrupt), file::options(mode)?);
        let file = self.call(py, &limits, |client, _| client.open(&remote(path)?, options))?;
        Ok(NativeFile::new(file, limits.timeout, self.options.wait, mode.starts_with('a')))
    }

    fn create_file(
        &self,
        py: Python<'_>,
        path: &str,
        update: bool,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<()> {
        self.call(py, &CallLimits::new(timeout, interrupt), |client, _| client.create_file(&remote(path)?, update))
    }

    #[pyo3(signature = (path, update, parents, timeout, interrupt))]
    fn make_directory(
        &self,
        py: Python<'_>,
        path: &str,
        update: bool,
        parents: bool,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<()> {
        self.call(py, &CallLimits::new(timeout, interrupt), |client, _| {
            client.make_directory(&remote(path)?, update, parents)
        })
    }

    fn remove(
        &self,
        py: Python<'_>,
        path: &str,
        recursive: bool,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<(u64, u64)> {
        self.call(py, &CallLimits::new(timeout, interrupt), |client, _| {
            client.remove(&remote(path)?, recursive).map(|removed| (removed.files, removed.directories))
        })
    }

    #[pyo3(signature = (source, destination, replace, timeout, interrupt))]
    fn rename(
        &self,
        py: Python<'_>,
        source: &str,
        destination: &str,
        replace: bool,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<()> {
        self.call(py, &CallLimits::new(timeout, interrupt), |client, _| {
            client.rename(&remote(source)?, &remote(destination)?, replace)
        })
    }

    /// Software, milliseconds it serves, who holds the lease, how many wait, cipher, round trip in seconds.
    fn status(
        &self,
        py: Python<'_>,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<(String, u64, Vec<String>, u64, String, f64)> {
        self.ask(py, &CallLimits::new(timeout, interrupt), |client| {
            let status = client.status()?;
            let holders = status.report.holders.iter().map(remofile::describe_holder).collect();
            let report = status.report;
            let (cipher, round_trip) = (status.cipher.to_owned(), status.round_trip.as_secs_f64());
            Ok((report.agent, report.uptime_milliseconds, holders, report.waiting, cipher, round_trip))
        })
    }

    #[expect(clippy::too_many_arguments, reason = "it is called by our own Python code only")]
    #[pyo3(signature = (sources, destination, settings, interest, timeout, interrupt))]
    fn upload(
        &self,
        py: Python<'_>,
        sources: Vec<(PathBuf, PathBuf, Option<String>)>,
        destination: &str,
        settings: Settings,
        interest: Interest,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Report> {
        let sources: Vec<LocalSource> =
            sources.into_iter().map(|(directory, path, name)| LocalSource { directory, path, name }).collect();
        let options = settings.transfer();
        let limits = CallLimits::new(timeout, interrupt);
        let report = self.call(py, &limits, |client, caller| {
            client.upload(&sources, &remote(destination)?, &options, &mut interest.monitor(caller, &limits))
        })?;
        Report::of(py, report, 0)
    }

    #[expect(clippy::too_many_arguments, reason = "it is called by our own Python code only")]
    #[pyo3(signature = (base, sources, destination, settings, interest, timeout, interrupt))]
    fn download(
        &self,
        py: Python<'_>,
        base: &str,
        sources: Vec<(String, Option<String>)>,
        destination: PathBuf,
        settings: Settings,
        interest: Interest,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Report> {
        let options = settings.transfer();
        let limits = CallLimits::new(timeout, interrupt);
        let report = self.call(py, &limits, |client, caller| {
            let base = remote(base)?;
            let find = |(path, name)| -> Result<RemoteSource, Error> {
                let path: String = path;
                let source = RemoteSource::within(&base, &path).map_err(|invalid| Error::Local(invalid.into()))?;
                Ok(RemoteSource { name, ..source })
            };
            let sources = sources.into_iter().map(find).collect::<Result<Vec<_>, _>>()?;
            client.download(&sources, &destination, &options, &mut interest.monitor(caller, &limits))
        })?;
        Report::of(py, report, 0)
    }

    #[pyo3(signature = (is_upload, local, path, settings, interest, timeout, interrupt))]
    #[expect(clippy::too_many_arguments, reason = "it is called by our own Python code only")]
    fn synchronize(
        &self,
        py: Python<'_>,
        is_upload: bool,
        local: PathBuf,
        path: &str,
        settings: Settings,
        interest: Interest,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Report> {
        let options = settings.sync();
        let limits = CallLimits::new(timeout, interrupt);
        let report = self.call(py, &limits, |client, caller| {
            let (path, mut monitor) = (remote(path)?, interest.monitor(caller, &limits));
            match is_upload {
                true => synchronize_upload(client, &local, &path, &options, &mut monitor),
                false => synchronize_download(client, &path, &local, &options, &mut monitor),
            }
        })?;
        let deleted = report.plan.steps.iter().filter(|step| matches!(step.action, Action::Delete { .. })).count();
        Report::of(py, report.transfer, deleted as u64)
    }

    /// The content of a file.
    fn read<'py>(
        &self,
        py: Python<'py>,
        path: &str,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let content = self.ask(py, &CallLimits::new(timeout, interrupt), |client| {
            let content = Collected::default();
            let writer = Box::new(content.clone());
            client.download_stream(&remote(path)?, writer, &TransferOptions::default(), &mut Silent)?;
            Ok(std::mem::take(&mut *content.0.lock().unwrap_or_else(PoisonError::into_inner)))
        })?;
        Ok(PyBytes::new(py, &content))
    }

    /// Makes a file of some content; one that is there is replaced when the new one is complete.
    #[pyo3(signature = (path, content, replace, timeout, interrupt))]
    fn write(
        &self,
        py: Python<'_>,
        path: &str,
        content: Vec<u8>,
        replace: bool,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<()> {
        let on_conflict = if replace { OnConflict::Replace } else { OnConflict::Abort };
        let options = TransferOptions { on_conflict, ..TransferOptions::default() };
        let report = self.call(py, &CallLimits::new(timeout, interrupt), |client, _| {
            client.upload_stream(Box::new(Cursor::new(content)), &remote(path)?, &options, &mut Silent)
        })?;
        Report::of(py, report, 0).map(drop)
    }

    /// Removes what the server keeps of interrupted uploads to a path, and below it.
    fn clear_partials(
        &self,
        py: Python<'_>,
        path: &str,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<u64> {
        self.call(py, &CallLimits::new(timeout, interrupt), |client, _| {
            let path = remote(path)?;
            let paths: Vec<RemotePath> = client
                .partials()?
                .into_iter()
                .map(|partial| partial.path)
                .filter(|kept| kept.is_within(&path))
                .collect();
            if paths.is_empty() { Ok(0) } else { client.clear_partials(&paths) }
        })
    }
}

/// The bytes that were written; the holder of the other clone reads them.
#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Vec<u8>>>);

impl Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn list(client: &mut Client, path: &RemotePath, recursive: bool) -> Result<(Vec<Row>, Vec<String>), Error> {
    let (mut entries, mut failures) = (Vec::new(), Vec::new());
    client.list(path, recursive, &mut |listed| {
        match listed {
            Listed::Entry(entry) => entries.push(entry),
            Listed::Failed(failure) => failures.push(failure.to_string()),
        }
        Ok(())
    })?;
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        if entry.kind != Kind::Link {
            rows.push(row(entry, false));
            continue;
        }
        // A link is shown as what it leads to, under its own name.
        match client.stat(&entry.path) {
            Ok(target) => rows.push(row(Entry { path: entry.path, ..target }, true)),
            Err(Error::Remote(_)) => rows.push(row(entry, true)),
            Err(error) => return Err(error),
        }
    }
    Ok((rows, failures))
}

fn row(entry: Entry, is_link: bool) -> Row {
    let kind = match entry.kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Link => "link",
        Kind::Special => "special",
    };
    // As Python computes st_mtime, to the last bit.
    let modified = entry.modified.seconds() as f64 + 1e-9 * f64::from(entry.modified.nanoseconds());
    (entry.path.to_string(), kind, entry.size, modified, entry.mode, is_link)
}
