//! The connection to a server, and single calls over it.

pub(super) mod call;
pub(super) mod connect;
pub(super) mod context;
pub(super) mod deadline;
pub(super) mod ended;
pub(super) mod endpoint;
pub(super) mod idle;
pub(super) mod interrupt;
pub(super) mod measuring;
pub(super) mod resolve;
pub(super) mod traffic;
pub(super) mod unanswered;
pub(super) mod waiting;
