//! Servers in this process.

#![expect(unsafe_code, reason = "C calls these functions by name, and passes pointers")]

use crate::codes::Own;
use crate::edge::call;
use crate::fault::Fault;
use crate::flags::{self, check};
use crate::handles::{self, Handle};
use crate::options::{self, ServerOptions};
use crate::place::Place;
use crate::pointers::{In, Out, Text};
use crate::types::{ErrorDetails, Server};
use remofile::Error;
use std::ffi::c_int;
use std::net::{IpAddr, ToSocketAddrs};
use std::thread::JoinHandle;
use std::time::Duration;

/// The place of a server.
pub(crate) struct ServerPlace {
    place: Place<Running>,
    port: u16,
}

impl Handle for Server {
    type Place = ServerPlace;
    const NAME: &'static str = "remofile_server";
}

#[cfg(test)]
impl ServerPlace {
    /// The place of a server that is stopped already.
    pub(crate) fn idle() -> Self {
        let server = remofile::Server::with_store(
            std::sync::Arc::new(remofile::store::MemoryStore::new()),
            remofile::protocol::token::Token::generate(),
        );
        Self { place: Place::new(Running { server, thread: std::thread::spawn(|| Ok(())) }), port: 0 }
    }
}

/// A server that serves on a thread of its own.
struct Running {
    server: remofile::Server,
    thread: JoinHandle<Result<(), Error>>,
}

/// Starts a server on a thread of its own. Clients may connect when this returns.
/// @param options Root, token and more; copied.
/// @param server Receives the handle, to be closed with remofile_server_stop; set to NULL if that fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_server_start(
    options: *const ServerOptions,
    server: *mut *mut Server,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (options, out, error) = unsafe { (In::of(options), Out::of(server), Out::of(error)) };
    call(error, || {
        let out = out.required("server")?;
        out.put(std::ptr::null_mut());
        let given = options.get()?;
        // SAFETY: as above, for the texts in the options.
        let (root, token, address, key) = unsafe {
            (
                Text::of(given.root, "root"),
                Text::of(given.token, "token"),
                Text::of(given.address, "address"),
                Text::of(given.private_key, "private_key"),
            )
        };
        let made = remofile::Server::new(root.path()?, options::token(token)?)?;
        made.set_options(server_options(given, key, made.options())?)?;
        let bound = made.bind(given.port, address.optional()?.map(resolve).transpose()?)?;
        let port = bound.addresses().first().map_or(0, std::net::SocketAddr::port);
        let thread = std::thread::Builder::new().name("remofile server".to_owned()).spawn(move || bound.serve());
        let thread = thread.map_err(|source| Error::System { what: "cannot start a thread", source })?;
        let place = Place::new(Running { server: made.clone(), thread });
        match handles::open::<Server>(ServerPlace { place, port }) {
            Ok(handle) => out.put(handle),
            Err(fault) => {
                // It may have stopped by itself.
                let _stopped = made.terminate();
                return Err(fault);
            }
        }
        Ok(())
    })
}

fn server_options(
    given: &ServerOptions,
    key: Text<'_>,
    mut options: remofile::ServerOptions,
) -> Result<remofile::ServerOptions, Fault> {
    let flags = check(
        given.flags,
        flags::REMOFILE_SERVE_READ_ONLY
            | flags::REMOFILE_SERVE_PLAIN
            | flags::REMOFILE_SERVE_ENCRYPTED
            | flags::REMOFILE_SERVE_EXCLUSIVE
            | flags::REMOFILE_SERVE_POSIX_NAMES,
    )?;
    options.private_key = options::private_key(key)?;
    options.read_only = flags.has(flags::REMOFILE_SERVE_READ_ONLY);
    options.allow_plain = flags.has(flags::REMOFILE_SERVE_PLAIN);
    options.require_encryption = flags.has(flags::REMOFILE_SERVE_ENCRYPTED);
    options.exclusive = flags.has(flags::REMOFILE_SERVE_EXCLUSIVE);
    options.names = flags::names(flags);
    options.fsync = flags::fsync(given.fsync)?;
    if given.max_sessions > 0 {
        options.max_sessions = given.max_sessions as usize;
    }
    if given.file_size_limit > 0 {
        options.file_size_limit = given.file_size_limit;
    }
    if given.idle_timeout_ms > 0 {
        options.idle_timeout = Duration::from_millis(given.idle_timeout_ms);
    }
    Ok(options)
}

fn resolve(address: &str) -> Result<IpAddr, Fault> {
    if let Ok(address) = address.parse() {
        return Ok(address);
    }
    let found = (address, 0).to_socket_addrs().ok().and_then(|mut found| found.next());
    let unknown = || Fault::argument(format!("cannot listen on {address}: it is no address of this machine"));
    found.map(|found| found.ip()).ok_or_else(unknown)
}

/// Tells the port that a server listens on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_server_port(server: *mut Server, port: *mut u16, error: *mut ErrorDetails) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (port, error) = unsafe { (Out::of(port), Out::of(error)) };
    call(error, || {
        let port = port.required("port")?;
        port.put(handles::get(server)?.port);
        Ok(())
    })
}

/// Stops a server, waits for its end and closes it. Its clients get a reason.
/// @return What ended it if that was an error; it is closed all the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_server_stop(server: *mut Server, error: *mut ErrorDetails) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let error = unsafe { Out::of(error) };
    call(error, || {
        let place = handles::get(server)?;
        let running = if place.place.is_broken() { None } else { place.place.take()?.remove() };
        handles::close(server)?;
        let Some(running) = running else { return Ok(()) };
        let Running { server, thread } = *running;
        // It may have stopped by itself.
        let _stopped = server.terminate();
        match thread.join() {
            Ok(served) => Ok(served?),
            Err(panic) => {
                std::mem::forget(panic);
                Err(Fault::wrong(Own::Panic, "the server met an error of Remofile itself: please report it"))
            }
        }
    })
}
