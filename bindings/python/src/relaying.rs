//! Copies from one server to another.

use crate::call::Caller;
use crate::interrupt::PyInterrupt;
use crate::limits::CallLimits;
use crate::making::NativeClient;
use crate::transfer::{Interest, Report, Settings, remote};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use remofile::protocol::path::InvalidPath;
use remofile::{Client, ClientOptions, Error, RelayEnd, RemoteSource, relay};
use std::sync::Arc;

/// Copies a file or directory of one client's server to a path at another's. The limits are those of the call.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "it is called by our own Python code only")]
pub(crate) fn copy_between(
    py: Python<'_>,
    client: &NativeClient,
    other: &NativeClient,
    source: String,
    destination: String,
    parents: bool,
    settings: Settings,
    interest: Interest,
    timeout: Option<u64>,
    interrupt: Option<&PyInterrupt>,
) -> PyResult<Py<PyAny>> {
    let options = settings.transfer();
    let limits = CallLimits::new(timeout, interrupt).unless_stalled(interest.stall_timeout());
    let (own, other) = (limits.clone(), other.options.clone());
    let labels = [label(&client.options), label(&other)];
    let body = move |client: &mut Client, caller: &Arc<Caller>| {
        // The same identity as that of the other client's own sessions: what both do never stands in its own way.
        let mut to = Client::new(other.clone());
        to.set_limits(own.left()?, other.wait, own.interrupt.clone());
        to.set_stall_timeout(own.stall_timeout);
        to.set_on_waiting(caller.on_waiting());
        let destination = remote(&destination)?;
        let invalid = |invalid: InvalidPath| Error::Local(invalid.into());
        let (directory, name) = destination.split().map_err(invalid)?;
        if parents && !directory.is_root() {
            to.make_directory(&directory, true, true).map_err(|error| match error {
                Error::Remote(failure) => match failure.path.clone() {
                    Some(path) => Error::Remote(failure.at(format!("{}{path}", labels[1]))),
                    None => Error::Remote(failure),
                },
                error => error,
            })?;
        }
        let source = RemoteSource { name: Some(name.as_str().to_owned()), ..RemoteSource::from(remote(&source)?) };
        let [from_label, to_label] = labels;
        let ends = [RelayEnd { client, label: from_label }, RelayEnd { client: &mut to, label: to_label }];
        let [from, to] = ends;
        let relayed = relay(from, to, &[source], &directory, &options, &mut interest.monitor(caller, &own));
        relayed.map_err(|error| error.error)
    };
    client.answer_as(py, limits, None, body, |py, report| Report::of(py, report, 0)?.into_py_any(py))
}

/// The server of a client in front of its paths, as URLs have it.
fn label(options: &ClientOptions) -> String {
    let servers = options.servers().unwrap_or_default();
    format!("remofile://{}", servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
}
