//! The state of a server: who is in the way there, and how much room there is.

#![expect(unsafe_code, reason = "C calls these functions by name, and passes pointers")]

use crate::client::asking;
use crate::edge::call;
use crate::entries::remote;
use crate::fault::Fault;
use crate::pointers::{Out, Text};
use crate::texts::{c_text, copy_text};
use crate::types::{self, Client, DiskSpace, ErrorDetails, Holder, OnHolder, ServerStatus};
use remofile::{Error, describe_holder};
use std::ffi::{c_char, c_int, c_void};

/// Asks for the server's state, which it answers whatever others do.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_status(
    client: *mut Client,
    status: *mut ServerStatus,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (out, error) = unsafe { (Out::of(status), Out::of(error)) };
    call(error, || {
        let place = out.grown()?;
        let status = asking(client, remofile::Client::status)?;
        let report = status.report;
        let mut told = ServerStatus {
            struct_size: size_of::<ServerStatus>(),
            uptime_ms: report.uptime_milliseconds,
            round_trip_ns: u64::try_from(status.round_trip.as_nanos()).unwrap_or(u64::MAX),
            holders: report.holders.len() as u64,
            waiting: report.waiting,
            used: report.used.unwrap_or(types::REMOFILE_UNKNOWN),
            quota: report.quota.unwrap_or(types::REMOFILE_UNKNOWN),
            agent: [0; types::REMOFILE_TEXT_BYTES],
            cipher: [0; types::REMOFILE_TEXT_BYTES],
            address: [0; types::REMOFILE_TEXT_BYTES],
            token: [0; types::REMOFILE_TEXT_BYTES],
            hides_others: report.hides_others.into(),
        };
        copy_text(&mut told.agent, &report.agent);
        copy_text(&mut told.cipher, status.cipher);
        copy_text(&mut told.address, &status.address.to_string());
        copy_text(&mut told.token, report.token.as_deref().unwrap_or_default());
        place.put(&told);
        Ok(())
    })
}

/// Tells which clients hold a lease, so that others may have to wait for them.
/// @param on_holder Called with each of them.
/// @param user What that function gets as its first argument.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_holders(
    client: *mut Client,
    on_holder: OnHolder,
    user: *mut c_void,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let error = unsafe { Out::of(error) };
    call(error, || {
        let on_holder = on_holder.ok_or_else(|| Fault::null("on_holder"))?;
        for holder in &asking(client, remofile::Client::status)?.report.holders {
            let (name, activity, text) =
                (c_text(&holder.client), c_text(&holder.activity), c_text(&describe_holder(holder)));
            let address = Some(holder.address.as_str()).filter(|address| !address.is_empty()).map(c_text);
            let path = holder.path.as_deref().map(c_text);
            let told = Holder {
                struct_size: size_of::<Holder>(),
                client: name.as_ptr(),
                address: address.as_ref().map_or(std::ptr::null(), |text| text.as_ptr()),
                activity: activity.as_ptr(),
                path: path.as_ref().map_or(std::ptr::null(), |text| text.as_ptr()),
                text: text.as_ptr(),
                held_ms: holder.held_milliseconds,
            };
            // SAFETY: the function is the caller's, and by its contract may be called with these.
            if unsafe { on_holder(user, &raw const told) } != 0 {
                return Err(Error::Stopped.into());
            }
        }
        Ok(())
    })
}

/// Tells the room of the disk that a path is on. To a token with a quota, its quota is the disk.
/// @return REMOFILE_UNSUPPORTED by a server that cannot.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remofile_disk_space(
    client: *mut Client,
    path: *const c_char,
    space: *mut DiskSpace,
    error: *mut ErrorDetails,
) -> c_int {
    // SAFETY: the caller keeps the crate's contract.
    let (path, out, error) = unsafe { (Text::of(path, "path"), Out::of(space), Out::of(error)) };
    call(error, || {
        let (told, path) = (out.get()?, remote(path.get()?)?);
        let space = asking(client, |client| client.disk_space(&path))?;
        *told = DiskSpace {
            struct_size: size_of::<DiskSpace>(),
            size: space.size,
            used: space.used,
            free: space.free,
            files: space.files.unwrap_or(types::REMOFILE_UNKNOWN),
            free_files: space.free_files.unwrap_or(types::REMOFILE_UNKNOWN),
        };
        Ok(())
    })
}
