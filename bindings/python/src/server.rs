//! A server.

use crate::call::{Caller, run};
use crate::errors::{errno, to_python};
use crate::handler::NativeHandler;
use crate::tokens::{NativeTokens, Place, of_file};
use crate::{logging, secrets};
use pyo3::exceptions::{PyNotADirectoryError, PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use remofile::protocol::path::NameRule;
use remofile::server::AuditLog;
use remofile::tokens::{TokensFollower, TokensWatch};
use remofile::{Bound, Error, Server, ServerOptions};
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The interval at which lines of the log are looked for.
const LOG_EVERY: Duration = Duration::from_millis(100);

#[pyclass(frozen, module = "remofile._remofile")]
pub(crate) struct NativeServer {
    server: Server,
    tokens: Mutex<Following>,
    audit: Option<(PathBuf, AuditLog)>,
    background: Mutex<Option<JoinHandle<Result<(), Error>>>>,
}

/// Options that came later, as a dictionary.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct MoreOptions {
    allow_plain: bool,
    file_mode: Option<u32>,
    directory_mode: Option<u32>,
    names: String,
    partial_expiry: f64,
}

impl MoreOptions {
    fn set(self, options: &mut ServerOptions) -> PyResult<()> {
        options.allow_plain = self.allow_plain;
        options.file_mode = self.file_mode;
        options.directory_mode = self.directory_mode;
        options.names = match self.names.as_str() {
            "portable" => NameRule::Portable,
            "posix" => NameRule::Posix,
            _ => return Err(PyValueError::new_err("names must be portable or posix")),
        };
        options.partial_expiry = crate::transfer::seconds("partial_expiry", self.partial_expiry)?;
        Ok(())
    }
}

/// The following of a tokens file.
enum Following {
    Nothing,
    /// The file was read, and is followed as soon as the server listens.
    Ready(Box<TokensFollower>),
    Under(TokensWatch),
}

#[pymethods]
impl NativeServer {
    #[new]
    #[pyo3(signature = (
        root, token, tokens, private_key, file_size_limit, chunk_size_range, read_only, require_encryption, idle_timeout,
        max_hold, max_sessions, session_memory, server_memory, audit_log, exclusive, fsync, more
    ))]
    #[expect(clippy::too_many_arguments, reason = "it is called by our own Python code only")]
    fn new(
        root: PathBuf,
        token: Option<&str>,
        tokens: Option<&NativeTokens>,
        private_key: Option<&str>,
        file_size_limit: u64,
        chunk_size_range: (u32, u32),
        read_only: bool,
        require_encryption: bool,
        idle_timeout: f64,
        max_hold: f64,
        max_sessions: usize,
        session_memory: Option<u64>,
        server_memory: Option<u64>,
        audit_log: Option<PathBuf>,
        exclusive: bool,
        fsync: &str,
        more: MoreOptions,
    ) -> PyResult<Self> {
        let (server, following) = server_of(&root, token, tokens)?;
        let open = |path: PathBuf| {
            AuditLog::open(&path).map(|log| (path.clone(), log)).map_err(|error| cannot_open(&error, &path))
        };
        let audit = audit_log.map(open).transpose()?;
        let mut options = server.options();
        options.private_key = private_key.map(secrets::private_key).transpose()?;
        options.file_size_limit = file_size_limit;
        options.chunk_size_range = chunk_size_range;
        options.read_only = read_only;
        options.require_encryption = require_encryption;
        options.idle_timeout = seconds("idle_timeout", idle_timeout)?;
        options.max_hold = seconds("max_hold", max_hold)?;
        options.max_sessions = max_sessions;
        options.session_memory = session_memory.unwrap_or(options.session_memory);
        options.server_memory = server_memory.unwrap_or(options.server_memory);
        options.audit = audit.as_ref().map(|(_, log)| log.clone());
        options.exclusive = exclusive;
        options.fsync = crate::transfer::fsync(fsync)?;
        more.set(&mut options)?;
        server.set_options(options).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { server, tokens: Mutex::new(following), audit, background: Mutex::new(None) })
    }

    /// Listens, calls `listening` with the ports, and serves until it is terminated; calls `logged` whenever
    /// there are lines to take.
    fn run(
        &self,
        py: Python<'_>,
        port: u16,
        address: Option<&str>,
        listening: &pyo3::Bound<'_, PyAny>,
        logged: Py<PyAny>,
    ) -> PyResult<()> {
        let bound = self.bind(py, port, address)?;
        listening.call1((ports(&bound),))?;
        logging::listen();
        let stop = || {
            // It may have stopped by itself.
            let _stopped = self.server.terminate();
        };
        let (ends, ended) = channel::<()>();
        let logged = Arc::new(logged);
        let serve = move |caller: &Arc<Caller>| {
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    while ended.recv_timeout(LOG_EVERY) == Err(RecvTimeoutError::Timeout) {
                        if logging::has_lines() {
                            let logged = Arc::clone(&logged);
                            caller.tell(move |py| logged.call0(py).map(drop));
                        }
                    }
                });
                let served = bound.serve();
                drop(ends);
                served
            })
        };
        run(py, &stop, serve)?.map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }

    /// Listens, and serves on a thread of its own until it is stopped.
    fn start(&self, py: Python<'_>, port: u16, address: Option<&str>) -> PyResult<Vec<u16>> {
        let bound = self.bind(py, port, address)?;
        logging::listen();
        let ports = ports(&bound);
        let serve = move || bound.serve();
        let thread = std::thread::Builder::new().name("remofile server".to_owned()).spawn(serve)?;
        *self.background.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(ports)
    }

    /// Ends what [`NativeServer::start`] has begun, and waits for its end.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        let thread = self.background.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return Ok(()) };
        // It may have stopped by itself.
        let _stopped = self.server.terminate();
        match py.detach(|| thread.join()) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(PyRuntimeError::new_err(error.to_string())),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    fn terminate(&self, py: Python<'_>) -> PyResult<()> {
        self.server.terminate().map_err(|error| to_python(py, error))
    }

    /// Takes the tokens file as it is now, and opens the audit log by its path again.
    fn reload(&self) -> PyResult<()> {
        if let Following::Under(watch) = &*self.following() {
            watch.reload();
        }
        match &self.audit {
            Some((path, log)) => log.reopen().map_err(|error| cannot_open(&error, path)),
            None => Ok(()),
        }
    }

    /// Ends what goes on beside the server: called when it has ended.
    fn end(&self, py: Python<'_>) {
        let following = std::mem::replace(&mut *self.following(), Following::Nothing);
        py.detach(|| {
            drop(following);
            if let Some((_, log)) = &self.audit {
                log.flush();
            }
        });
    }

    /// Returns the handler that serves a ZeroMQ socket.
    fn handler(&self, py: Python<'_>) -> PyResult<NativeHandler> {
        self.follow()?;
        let handler = self.server.handler().map_err(|error| to_python(py, error))?;
        logging::listen();
        Ok(NativeHandler::new(handler))
    }
}

impl NativeServer {
    fn bind(&self, py: Python<'_>, port: u16, address: Option<&str>) -> PyResult<Bound> {
        let failed = |error: Error| match error {
            Error::Listen { .. } | Error::Usage(_) => to_python(py, error),
            other => PyRuntimeError::new_err(other.to_string()),
        };
        let address = address.map(|address| resolve(py, address)).transpose()?;
        let bound = self.server.bind(port, address).map_err(failed)?;
        self.follow()?;
        Ok(bound)
    }

    /// Begins to follow the tokens file, if there is one.
    fn follow(&self) -> PyResult<()> {
        let mut following = self.following();
        if let Following::Ready(follower) = std::mem::replace(&mut *following, Following::Nothing) {
            *following = Following::Under(TokensWatch::begin(*follower)?);
        }
        Ok(())
    }

    fn following(&self) -> MutexGuard<'_, Following> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the server of the one token, or of many.
fn server_of(root: &Path, token: Option<&str>, tokens: Option<&NativeTokens>) -> PyResult<(Server, Following)> {
    let (made, following) = match (token, tokens.map(NativeTokens::place)) {
        (Some(token), None) => (Server::new(root, secrets::token(token)?), Following::Nothing),
        (None, Some(Place::Memory(tokens))) => (Server::with_tokens(root, tokens.clone()), Following::Nothing),
        (None, Some(Place::File(file))) => {
            let follower = TokensFollower::begin(file.clone()).map_err(of_file)?;
            let made = Server::with_tokens(root, follower.tokens().clone());
            (made, Following::Ready(Box::new(follower)))
        }
        _ => return Err(PyValueError::new_err("a server has a token or tokens, one of the two")),
    };
    let server = made.map_err(|error| PyNotADirectoryError::new_err(error.to_string()))?;
    Ok((server, following))
}

/// The exception for an audit log that cannot be opened.
fn cannot_open(error: &io::Error, path: &Path) -> PyErr {
    let path = path.to_string_lossy().into_owned();
    PyOSError::new_err((error.raw_os_error().unwrap_or(errno::IO), format!("cannot open the audit log: {error}"), path))
}

fn resolve(py: Python<'_>, address: &str) -> PyResult<IpAddr> {
    if let Ok(address) = address.parse() {
        return Ok(address);
    }
    let resolved = py.detach(|| (address, 0).to_socket_addrs().ok().and_then(|mut found| found.next()));
    let unknown = || PyRuntimeError::new_err(format!("cannot listen on {address}: it is no address of this machine"));
    resolved.map(|found| found.ip()).ok_or_else(unknown)
}

fn ports(bound: &Bound) -> Vec<u16> {
    bound.addresses().iter().map(std::net::SocketAddr::port).collect()
}

/// A time of more than none; one that is longer than can be told is for ever.
fn seconds(name: &str, seconds: f64) -> PyResult<Duration> {
    if seconds.is_nan() || seconds <= 0.0 {
        return Err(PyValueError::new_err(format!("{name} must be a number of seconds, more than 0")));
    }
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}
