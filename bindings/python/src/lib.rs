//! The native half of the Python package: it translates and never decides.
//!
//! Participants: a *call* takes its turn at a client's *pool* of connections, while Python's main thread serves Python
//! (signals, callbacks); the answer of one that is awaited comes to the *mailbox* of an event loop; a *client*, a *server* and a *handler* are the library's, one method each; *errors* is the one table
//! from the library's errors to Python's exceptions. What Python code sees is in `python/remofile/`.

#![expect(clippy::needless_pass_by_value, reason = "arguments of Python's calls arrive as values")]

mod call;
mod callbacks;
mod client;
mod conflicts;
mod content;
mod entries;
mod errors;
mod file;
mod handler;
mod hashes;
mod interrupt;
mod limits;
mod logging;
mod mailbox;
mod making;
mod monitor;
mod place;
mod pool;
mod reading;
mod relaying;
mod rows;
mod secrets;
mod server;
mod tokens;
mod transfer;
mod transferring;

use pyo3::prelude::*;

/// Called by Python when it imports the module.
#[pymodule]
fn _remofile(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<interrupt::PyInterrupt>()?;
    module.add_class::<mailbox::NativeMailbox>()?;
    module.add_class::<making::NativeClient>()?;
    module.add_class::<file::NativeFile>()?;
    module.add_class::<server::NativeServer>()?;
    module.add_class::<handler::NativeHandler>()?;
    module.add_class::<tokens::NativeTokens>()?;
    module.add_class::<transfer::Report>()?;
    module.add_function(wrap_pyfunction!(interrupt::timed_out, module)?)?;
    module.add_function(wrap_pyfunction!(secrets::generate_token, module)?)?;
    module.add_function(wrap_pyfunction!(secrets::generate_keys, module)?)?;
    module.add_function(wrap_pyfunction!(secrets::check_token, module)?)?;
    module.add_function(wrap_pyfunction!(secrets::check_file_name, module)?)?;
    module.add_function(wrap_pyfunction!(relaying::copy_between, module)?)?;
    module.add_function(wrap_pyfunction!(transfer::clear_local_partials, module)?)?;
    module.add_function(wrap_pyfunction!(logging::harmless, module)?)?;
    module.add_function(wrap_pyfunction!(logging::take_logs, module)?)?;
    module.add_function(wrap_pyfunction!(logging::wait_for_logs, module)?)?;
    module.add_function(wrap_pyfunction!(logging::wake_for_logs, module)?)?;
    Ok(())
}
