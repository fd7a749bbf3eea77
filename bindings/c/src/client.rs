//! Clients: connected, cloned, limited, cancelled and closed.

#![expect(unsafe_code, reason = "C calls these functions by name, and passes pointers")]

use crate::edge::call;
use crate::fault::Fault;
use crate::flags::{self, check};
use crate::handles::{self, Handle};
use crate::options::{self, ClientOptions};
use crate::place::{Place, Turn};
use crate::pointers::{In, Out, Text};
use crate::texts::c_text;
use crate::types::{Client, ErrorDetails, OnWaiting};
use remofile::{Error, Interrupt, Wait, describe_holder};
use std::ffi::{c_char, c_int, c_void};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The place of a client.
pub(crate) struct ClientPlace {
    pub(crate) place: Place<remofile::Client>,
    /// Makes no calls, but siblings, whatever the other does.
    origin: Mutex<remofile::Client>,
    limits: Mutex<Limits>,
}

/// The limits of later calls.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) timeout: Option<Duration>,
    pub(crate) stall_timeout: Option<Duration>,
    pub(crate) wait: Wait,
}

impl Handle for Client {
    type Place = ClientPlace;
    const NAME: &'static str = "remofile_client";
}

impl ClientPlace {
    fn new(client: remofile::Client, limits: Limits) -> Self {
        let origin = Mutex::new(client.sibling());
        Self { place: Place::new(client), origin, limits: Mutex::new(limits) }
    }

    pub(crate) fn limits(&self) -> Limits {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the client for a call, within its limits.
    pub(crate) fn take(&self) -> Result<Turn<'_, remofile::Client>, Fault> {
        let mut turn = self.place.take()?;
        let (limits, interrupt) = (self.limits(), turn.interrupt());
        let client = turn.object()?;
        client.set_limits(limits.timeout, limits.wait, interrupt);
        client.set_stall_timeout(limits.stall_timeout);
        Ok(turn)
    }
}

/// Makes a call of a client.
pub(crate) fn with<T>(
    handle: *const Client,
    body: impl FnOnce(&mut remofile::Client, &Interrupt) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let place = handles::get(handle)?;
    let mut turn = place.take()?;
    let interrupt = turn.interrupt();
    body(turn.object()?, &interrupt)
}

/// Makes a call that changes nothing: once more if the connection turns out to be lost.
pub(crate) fn asking<T>(
    handle: *const Client,
    body: impl Fn(&mut remofile::Client) -> Result<T, Error>,
) -> Result<T, Fault> {
    with(handle, |client, _| match body(client) {
        Err(Error::ConnectionLost(_)) => Ok(body(client)?),
        other => Ok(other?),
    })
}

/// A function of C with its first argument, which the caller has promised to be good on any thread.
struct WaitingCallback {
    function: unsafe extern "C-unwind" fn(*mut c_void, *const c_char),
    user: *mut c_void,
}

// SAFETY: it is called on the threads of those who use the client and its clones, as its documentation says.
unsafe impl Send for WaitingCallback {}
// SAFETY: as above.
unsafe impl Sync for WaitingCallback {}

fn on_waiting(function: OnWaiting, user: *mut c_void) -> remofile::OnWaiting {
    let Some(function) = function else { return remofile::OnWaiting::default() };
    let told = WaitingCallback { function, user };
    remofile::OnWaiting::new(move |holders| {
        let told = &told;
        let who: Vec<String> = holders.iter().map(describe_holder).collect();
        let text = c_text(&who.join(", "));
        // SAFETY: the function is the caller's, and by its contract may be called with these.
        unsafe { (told.function)(told.user, text.as_ptr()) };
    })
}

/// Connects a client to a server and proves its token.
/// @param options Hostname, port, token and more; copied.
/// @param client Receives the handle, to be closed with remofile_client_close; set to NULL if that fails.
/// @param error Receives the reason of a failure; may be NULL. So it is of every function.
/// @return REMOFILE_OK, or a code of `remofile/codes.h`. So it is of every function that returns an int.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_connect(
    options: *const ClientOptions,
    client: *mut *mut Client,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (options, out, error) = unsafe { (In::of(options), Out::of(client), Out::of(error)) };
    call(error, || {
        let out = out.required("client")?;
        out.put(std::ptr::null_mut());
        let given = options.get()?;
        // SAFETY: as above, for the texts in the options.
        let (hostname, token, key) = unsafe {
            (
                Text::of(given.hostname, "hostname"),
                Text::of(given.token, "token"),
                Text::of(given.public_key, "public_key"),
            )
        };
        let flags = check(given.flags, flags::REMOFILE_PROTOCOL_1 | flags::REMOFILE_PLAIN)?;
        let mut made = remofile::ClientOptions::new(hostname.get()?, given.port, options::token(token)?);
        made.public_key = options::public_key(key)?;
        made.protocol = options::protocol(flags);
        made.plain = flags.has(flags::REMOFILE_PLAIN);
        made.on_waiting = on_waiting(given.on_waiting, given.user);
        let limits = limits(given.timeout_ms, given.stall_timeout_ms, given.wait_ms);
        (made.timeout, made.stall_timeout, made.wait) = (limits.timeout, limits.stall_timeout, limits.wait);
        let client = remofile::Client::connect(made)?;
        out.put(handles::open(ClientPlace::new(client, limits))?);
        Ok(())
    })
}

fn limits(timeout_ms: u64, stall_timeout_ms: u64, wait_ms: u64) -> Limits {
    Limits {
        timeout: options::time_limit(timeout_ms),
        stall_timeout: options::time_limit(stall_timeout_ms),
        wait: options::wait(wait_ms),
    }
}

/// Makes another client of the same server, for calls at the same time, on another thread or in a callback. The two share idle
/// connections. Each is closed for itself.
/// @param clone Receives the handle; set to NULL if that fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_client_clone(
    client: *mut Client,
    clone: *mut *mut Client,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (out, error) = unsafe { (Out::of(clone), Out::of(error)) };
    call(error, || {
        let out = out.required("clone")?;
        out.put(std::ptr::null_mut());
        let place = handles::get(client)?;
        let sibling = place.origin.lock().unwrap_or_else(PoisonError::into_inner).sibling();
        out.put(handles::open(ClientPlace::new(sibling, place.limits()))?);
        Ok(())
    })
}

/// Sets the limits of later calls of a client, as the options of the same names do.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_client_set_limits(
    client: *mut Client,
    timeout_ms: u64,
    stall_timeout_ms: u64,
    wait_ms: u64,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let error = unsafe { Out::of(error) };
    call(error, || {
        let place = handles::get(client)?;
        *place.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits(timeout_ms, stall_timeout_ms, wait_ms);
        Ok(())
    })
}

/// Ends the call that runs with a client, from any thread or from a callback: it returns REMOFILE_INTERRUPTED. Later calls are
/// made as usual. It is not for signal handlers.
/// @return REMOFILE_NOT_RUNNING if there is no such call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_client_cancel(client: *mut Client, error: *mut ErrorDetails) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let error = unsafe { Out::of(error) };
    call(error, || handles::get(client)?.place.cancel())
}

/// Ends the session and closes a client. Open files go on.
/// @return REMOFILE_IN_USE and REMOFILE_IN_CALLBACK if a call is running: then it stays open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_client_close(client: *mut Client, error: *mut ErrorDetails) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let error = unsafe { Out::of(error) };
    call(error, || {
        let place = handles::get(client)?;
        if !place.place.is_broken() {
            drop(place.place.take()?.remove());
        }
        handles::close(client)
    })
}
