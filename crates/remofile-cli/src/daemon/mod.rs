//! Servers: in the foreground, put into the background, and stopped there.

mod activation;
mod announcement;
mod background;
mod bucket;
mod check;
mod complaints;
#[cfg_attr(not(feature = "coordinator"), path = "coordinator_left_out.rs")]
mod coordinator;
mod hang_up;
mod hooks;
mod logfile;
mod login_line;
mod logs;
mod names;
mod notify;
mod observers;
mod pidfile;
mod place;
#[cfg_attr(not(target_os = "linux"), path = "proof_elsewhere.rs")]
mod proof;
mod reloading;
mod serve;
#[cfg_attr(not(feature = "opentelemetry"), path = "spans_left_out.rs")]
mod spans;
mod status;
mod stop;
mod users;

pub(crate) use background::{launch, serve_in_background, serve_in_foreground};
pub(crate) use check::check;
pub(crate) use coordinator::address as coordinator_address;
pub(crate) use hooks::{run_if_asked as run_hooks_if_asked, webhook_address};
pub(crate) use stop::{running, stop};
