//! The connection to a server, and single calls over it.

pub(super) mod asking_again;
pub(super) mod beside;
mod between_calls;
pub(super) mod call;
pub(super) mod connect;
pub(super) mod context;
pub(super) mod deadline;
pub(super) mod ended;
pub(super) mod endpoint;
pub(super) mod flight;
pub(super) mod handler;
pub(super) mod idle;
pub(super) mod interrupt;
pub(super) mod lane_choice;
pub(super) mod lane_opening;
mod lanes;
pub(super) mod measuring;
mod opening;
pub(super) mod racing;
pub(super) mod resolve;
pub(super) mod service;
mod settling;
pub(super) mod stall_watch;
pub(super) mod traffic;
mod tried;
pub(super) mod waiting;
