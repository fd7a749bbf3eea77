//! From addresses to a session.

use crate::carrier::LONG_ROUND_TRIP;
use crate::client::servers::ServerAddress;
use crate::client::servers::kept::ServerPlace;
use crate::client::session::asking_again::while_busy;
use crate::client::session::call::Session;
use crate::client::session::context::CallContext;
use crate::client::session::lane_choice::LaneChoice;
use crate::client::session::opening::{Opened, connect_any};
use crate::client::session::racing::{Race, Won};
use crate::client::session::resolve::resolve;
use crate::client::session::settling::until_settled;
use crate::client::session::tried::{Tried, conclude};
use crate::client::{ClientOptions, Protocol};
use crate::error::{Error, Result, Unopened};
use crate::gateway;
use remofile_protocol::handshake::{ClientCredentials, Refusal};
use std::net::TcpStream;
use std::time::Duration;

/// Connects to the first server that answers, and opens a session. `head_start` is the time that each has before the next is
/// tried beside it. Where the line is long, further connections are begun meanwhile: those that a large transfer may have, which
/// is expected then.
pub(crate) fn connect(
    options: &ClientOptions,
    expected: LaneChoice,
    head_start: Duration,
    context: &CallContext,
) -> Result<Session> {
    let servers = options.servers()?;
    let session = match options.protocol {
        Protocol::One => connect_gateway(options, &servers, context)?,
        Protocol::Two => connect_native(options, &servers, expected, head_start, context)?,
    };
    options.kept_servers.opened(&servers, &session.place);
    Ok(session)
}

fn connect_native(
    options: &ClientOptions,
    servers: &[ServerAddress],
    expected: LaneChoice,
    head_start: Duration,
    context: &CallContext,
) -> Result<Session> {
    // Stretching a chosen token takes a while: done before connecting, as servers soon drop peers that say nothing.
    let token = options.kept_keys.stretch(&options.token);
    let credentials = ClientCredentials { token, server: options.public_key };
    let race = || Race::new(options, &credentials, expected, head_start, context).run(servers);
    let won = until_settled(context, race).inspect_err(|error| {
        if matches!(error.most_telling(), Error::Refused(Refusal::Token)) {
            options.kept_keys.forget(&options.token);
        }
    })?;
    let Won { opened: Opened { link, hello, answered }, connection, place, connected, lanes } = won;
    // Either may have waited for something else, as for a first packet that was lost: those begun ahead knew only one of them.
    let round_trip = connected.min(answered);
    let lanes = lanes.filter(|_| hello.takes_lanes && round_trip >= LONG_ROUND_TRIP);
    let lanes = lanes.and_then(|lanes| lanes.at_most(expected, round_trip));
    let mut session = Session::new(link, hello, place).over(round_trip).known_by(connection);
    (session.lanes, session.answered) = (lanes, answered);
    Ok(session)
}

/// Connects to a server of protocol 1, the first of these that answers.
fn connect_gateway(options: &ClientOptions, servers: &[ServerAddress], context: &CallContext) -> Result<Session> {
    while_busy(context, &options.on_waiting, || {
        until_settled(context, || {
            let mut tried = Vec::new();
            for server in options.kept_servers.order(servers) {
                match gateway_to(options, &server, context) {
                    Ok(session) => return Ok(session),
                    Err(Unopened::Failed(error @ (Error::Interrupted | Error::Timeout(_) | Error::Stalled(_)))) => {
                        return Err(error.into());
                    }
                    Err(reason) => tried.push(Tried { server, address: None, reason }),
                }
            }
            Err(conclude(tried))
        })
    })
}

fn gateway_to(
    options: &ClientOptions,
    server: &ServerAddress,
    context: &CallContext,
) -> std::result::Result<Session, Unopened> {
    let addresses = resolve(&server.hostname, server.port, context)?;
    let (stream, address) = connect_any(server, &addresses, context)?;
    open_gateway(options, stream, ServerPlace { server: server.clone(), address }, context)
}

fn open_gateway(
    options: &ClientOptions,
    stream: TcpStream,
    place: ServerPlace,
    context: &CallContext,
) -> std::result::Result<Session, Unopened> {
    let mut wait = |stream: &TcpStream, flags, limit| context.wait(stream, flags, limit);
    let gateway = gateway::open(stream, &options.token, options.public_key, &mut wait)?;
    let protection = if options.public_key.is_some() { "CURVE" } else { "none" };
    gateway.guard.choose_chunk(options.chunk_size);
    Ok(Session::new(gateway.link, gateway.hello, place).behind(gateway.guard, protection))
}
