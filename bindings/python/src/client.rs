//! A client, one method for each of the library's.

use crate::call::Caller;
use crate::content::Content;
use crate::file::{self, Manner, NativeFile};
use crate::hashes::{disk_usage, hash, hash_algorithm, hashes, usage};
use crate::interrupt::PyInterrupt;
use crate::limits::{CallLimits, wait_of};
use crate::making::{NativeClient, again, twice};
use crate::monitor::LogMonitor;
use crate::reading::{RangeRow, part_to_python, read_ranges};
use crate::rows::{entry, list, row, scan, told_status};
use crate::secrets;
use crate::transfer::{Interest, Report, Settings, clear_partials, remote};
use crate::transferring::{BelowBase, Directories, deleted, downloading, synchronizing, uploading};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use remofile::protocol::wire::Timestamp;
use remofile::{Client, ClientOptions, CopyOptions, LocalSource, Protocol, TransferOptions};
use std::path::PathBuf;
use std::sync::Arc;

#[pymethods]
impl NativeClient {
    #[new]
    #[pyo3(signature = (hostname, port, token, public_key, protocol, plain, wait, identity))]
    #[expect(clippy::too_many_arguments, reason = "it is called by our own Python code only")]
    fn new(
        hostname: String,
        port: u16,
        token: &str,
        public_key: Option<&str>,
        protocol: u8,
        plain: bool,
        wait: Option<f64>,
        identity: Option<PathBuf>,
    ) -> PyResult<Self> {
        let mut options = ClientOptions::new(hostname, port, secrets::token(token)?);
        options.public_key = public_key.map(secrets::public_key).transpose()?;
        options.protocol = if protocol == 1 { Protocol::One } else { Protocol::Two };
        options.plain = plain;
        options.wait = wait_of(wait)?;
        Ok(Self::of(options, identity))
    }

    /// The same settings in a process that was forked: the old one's session is let go of without a word. The identity is
    /// another one, so that the two do not end each other's sessions.
    fn after_fork(&self) -> Self {
        self.pool.forget();
        Self::of(self.options.clone(), self.identity.clone())
    }

    /// Ends the sessions that no call uses, and the others when their calls are over.
    fn disconnect(&self) {
        self.pool.disconnect();
    }

    fn list(
        &self,
        py: Python<'_>,
        path: String,
        recursive: bool,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let limits = CallLimits::new(timeout, interrupt);
        self.answer(py, limits, None, again(move |client| list(client, &remote(&path)?, recursive)))
    }

    fn stat(
        &self,
        py: Python<'_>,
        path: String,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let limits = CallLimits::new(timeout, interrupt);
        self.answer(py, limits, None, again(move |client| Ok(row(client.stat(&remote(&path)?)?, false))))
    }

    /// Opens a file; `mode` is one of `r`, `w`, `a`, `x`, and perhaps `+`.
    #[expect(clippy::too_many_arguments, reason = "Python passes them by position")]
    fn open(
        &self,
        py: Python<'_>,
        path: String,
        mode: &str,
        strict: bool,
        follow: bool,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let (limits, options) = (CallLimits::new(timeout, interrupt), file::options(mode, strict, follow)?);
        let (timeout, wait, manner) = (limits.timeout, self.options.wait, Manner::of(mode, follow));
        let pool = Arc::clone(&self.pool);
        let body = move |client: &mut Client, _: &Arc<Caller>| client.open(&remote(&path)?, options);
        self.answer_as(py, limits, None, body, move |py, file| {
            NativeFile::new(pool, file, timeout, wait, manner).into_py_any(py)
        })
    }

    fn create_file(
        &self,
        py: Python<'_>,
        path: String,
        update: bool,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let (limits, about) = (CallLimits::new(timeout, interrupt), path.clone());
        self.answer(py, limits, Some(&about), move |client, _| client.create_file(&remote(&path)?, update))
    }

    #[pyo3(signature = (path, update, parents, timeout, interrupt))]
    fn make_directory(
        &self,
        py: Python<'_>,
        path: String,
        update: bool,
        parents: bool,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let (limits, about) = (CallLimits::new(timeout, interrupt), path.clone());
        self.answer(py, limits, Some(&about), move |client, _| client.make_directory(&remote(&path)?, update, parents))
    }

    fn remove(
        &self,
        py: Python<'_>,
        path: String,
        recursive: bool,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let (limits, about) = (CallLimits::new(timeout, interrupt), path.clone());
        self.answer(py, limits, Some(&about), move |client, _| {
            client.remove(&remote(&path)?, recursive).map(|removed| (removed.files, removed.directories))
        })
    }

    #[pyo3(signature = (source, destination, replace, timeout, interrupt))]
    fn rename(
        &self,
        py: Python<'_>,
        source: String,
        destination: String,
        replace: bool,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let (limits, about) = (CallLimits::new(timeout, interrupt), source.clone());
        self.answer(py, limits, Some(&about), move |client, _| {
            client.rename(&remote(&source)?, &remote(&destination)?, replace)
        })
    }

    fn status(&self, py: Python<'_>, timeout: Option<u64>, interrupt: Option<&PyInterrupt>) -> PyResult<Py<PyAny>> {
        self.answer_as(py, CallLimits::new(timeout, interrupt), None, again(Client::status), told_status)
    }

    /// Bytes that are used, that may be, and that are left.
    fn usage(&self, py: Python<'_>, timeout: Option<u64>, interrupt: Option<&PyInterrupt>) -> PyResult<Py<PyAny>> {
        let limits = CallLimits::new(timeout, interrupt);
        self.answer(py, limits, None, again(usage))
    }

    /// Bytes that the disk of a path has, that are used, and that are left.
    fn disk_usage(
        &self,
        py: Python<'_>,
        path: String,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let limits = CallLimits::new(timeout, interrupt);
        self.answer(py, limits, None, again(move |client| disk_usage(client, &remote(&path)?)))
    }

    fn hash(
        &self,
        py: Python<'_>,
        path: String,
        algorithm: &str,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let (limits, algorithm) = (CallLimits::new(timeout, interrupt), hash_algorithm(algorithm)?);
        self.answer(py, limits, None, again(move |client| hash(client, &remote(&path)?, algorithm)))
    }

    fn hashes(
        &self,
        py: Python<'_>,
        path: String,
        algorithm: &str,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let (limits, algorithm) = (CallLimits::new(timeout, interrupt), hash_algorithm(algorithm)?);
        self.answer(py, limits, None, again(move |client| hashes(client, &remote(&path)?, algorithm)))
    }

    #[expect(clippy::too_many_arguments, reason = "it is called by our own Python code only")]
    #[pyo3(signature = (sources, destination, settings, interest, timeout, interrupt))]
    fn upload(
        &self,
        py: Python<'_>,
        sources: Vec<(PathBuf, PathBuf, Option<String>)>,
        destination: String,
        settings: Settings,
        interest: Interest,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let sources: Vec<LocalSource> =
            sources.into_iter().map(|(directory, path, name)| LocalSource { directory, path, name }).collect();
        let limits = CallLimits::new(timeout, interrupt).unless_stalled(interest.stall_timeout());
        let about = sources.first().filter(|_| sources.len() == 1).and_then(|source| source.name.as_ref());
        let about = about.map(|name| format!("{}/{name}", destination.trim_end_matches('/')));
        let body = uploading(sources, destination, settings.transfer(), interest, limits.clone());
        self.answer_as(py, limits, about.as_deref(), body, |py, report| Report::of(py, report, 0)?.into_py_any(py))
    }

    #[expect(clippy::too_many_arguments, reason = "it is called by our own Python code only")]
    #[pyo3(signature = (base, sources, destination, settings, interest, timeout, interrupt))]
    fn download(
        &self,
        py: Python<'_>,
        base: String,
        sources: Vec<(String, Option<String>)>,
        destination: PathBuf,
        settings: Settings,
        interest: Interest,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let limits = CallLimits::new(timeout, interrupt).unless_stalled(interest.stall_timeout());
        let sources = BelowBase { base, sources };
        let body = downloading(sources, destination, settings.transfer(), interest, limits.clone());
        self.answer_as(py, limits, None, body, |py, report| Report::of(py, report, 0)?.into_py_any(py))
    }

    #[pyo3(signature = (is_upload, local, path, settings, interest, timeout, interrupt))]
    #[expect(clippy::too_many_arguments, reason = "it is called by our own Python code only")]
    fn synchronize(
        &self,
        py: Python<'_>,
        is_upload: bool,
        local: PathBuf,
        path: String,
        settings: Settings,
        interest: Interest,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let limits = CallLimits::new(timeout, interrupt).unless_stalled(interest.stall_timeout());
        let about = path.clone();
        let directories = Directories { is_upload, local, remote: path };
        let body = synchronizing(directories, settings.sync(), interest, limits.clone());
        self.answer_as(py, limits, Some(&about), body, |py, report| {
            let deleted = deleted(&report);
            Report::of(py, report.transfer, deleted)?.into_py_any(py)
        })
    }

    /// Parts of files, each by path, offset and length (`None` for all that follows), in their order: the bytes, or the
    /// error.
    fn read_ranges(
        &self,
        py: Python<'_>,
        ranges: Vec<RangeRow>,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let body = again(move |client| read_ranges(client, &ranges));
        self.answer_as(py, CallLimits::new(timeout, interrupt), None, body, |py, parts| {
            parts.into_iter().map(|part| part_to_python(py, part)).collect::<Vec<_>>().into_py_any(py)
        })
    }

    /// The content of a file.
    fn read(
        &self,
        py: Python<'_>,
        path: String,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let content = Content::new(py)?;
        let body = move |client: &mut Client, caller: &Arc<Caller>| {
            let (writer, options) = (content.writer(caller), TransferOptions::default());
            client.download_stream(&remote(&path)?, writer, &options, &mut LogMonitor(caller))?;
            Ok(content.clone())
        };
        let limits = CallLimits::new(timeout, interrupt);
        self.answer_as(py, limits, None, twice(body), |py, content| content.whole(py)?.into_py_any(py))
    }

    /// Makes a file of some content; one that is there is replaced when the new one is complete.
    #[pyo3(signature = (path, content, replace, timeout, interrupt))]
    fn write(
        &self,
        py: Python<'_>,
        path: String,
        content: PyBackedBytes,
        replace: bool,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let (limits, about) = (CallLimits::new(timeout, interrupt), path.clone());
        self.answer(py, limits, Some(&about), move |client, _| client.write_file(&remote(&path)?, &content, replace))
    }

    /// Removes what the server keeps of interrupted uploads to a path, and below it.
    fn clear_partials(
        &self,
        py: Python<'_>,
        path: String,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let limits = CallLimits::new(timeout, interrupt);
        self.answer(py, limits, None, move |client, _| clear_partials(client, &remote(&path)?))
    }

    /// The entries of a directory as what they are, with the targets of links, and what could not be listed.
    fn scan(
        &self,
        py: Python<'_>,
        path: String,
        recursive: bool,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let limits = CallLimits::new(timeout, interrupt);
        self.answer(py, limits, None, again(move |client| scan(client, &remote(&path)?, recursive)))
    }

    /// The entry of a path; a link is followed, or told as what it is with its target.
    fn entry(
        &self,
        py: Python<'_>,
        path: String,
        follow: bool,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let limits = CallLimits::new(timeout, interrupt);
        self.answer(py, limits, None, again(move |client| entry(client, &remote(&path)?, follow)))
    }

    #[expect(clippy::too_many_arguments, reason = "it is called by our own Python code only")]
    #[pyo3(signature = (source, destination, recursive, on_conflict, parents, timeout, interrupt))]
    fn copy(
        &self,
        py: Python<'_>,
        source: String,
        destination: String,
        recursive: bool,
        on_conflict: &str,
        parents: bool,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let on_conflict = crate::conflicts::on_conflict(on_conflict)?;
        let options = CopyOptions { recursive, on_conflict, parents, ..CopyOptions::default() };
        let (limits, about) = (CallLimits::new(timeout, interrupt), destination.clone());
        let body =
            move |client: &mut Client, _: &Arc<Caller>| client.copy(&remote(&source)?, &remote(&destination)?, options);
        self.answer_as(py, limits, Some(&about), body, |py, report| Report::of(py, report, 0)?.into_py_any(py))
    }

    fn make_link(
        &self,
        py: Python<'_>,
        path: String,
        target: String,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let (limits, about) = (CallLimits::new(timeout, interrupt), path.clone());
        self.answer(py, limits, Some(&about), move |client, _| client.make_link(&remote(&path)?, &target, false))
    }

    fn set_attributes(
        &self,
        py: Python<'_>,
        path: String,
        mode: Option<u32>,
        modified: Option<(i64, u32)>,
        timeout: Option<u64>,
        interrupt: Option<&PyInterrupt>,
    ) -> PyResult<Py<PyAny>> {
        let modified = modified.map(|(seconds, nanoseconds)| Timestamp::new(seconds, nanoseconds));
        let (limits, about) = (CallLimits::new(timeout, interrupt), path.clone());
        self.answer(py, limits, Some(&about), move |client, _| client.set_attributes(&remote(&path)?, mode, modified))
    }
}
