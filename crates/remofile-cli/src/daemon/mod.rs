//! Servers: in the foreground, put into the background, and stopped there.

mod announcement;
mod background;
mod complaints;
mod logfile;
mod pidfile;
mod place;
mod proof;
mod serve;
mod stop;

pub(crate) use background::{launch, serve_in_background};
pub(crate) use serve::serve;
pub(crate) use stop::stop;
