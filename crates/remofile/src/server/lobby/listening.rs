//! The sockets at which the lobby listens.

use crate::error::{Error, Result};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// Connections the kernel keeps for us between two looks.
const BACKLOG: i32 = 4096;

/// Opens the listening sockets.
pub(in crate::server) fn listen(port: u16, address: Option<IpAddr>) -> Result<Vec<TcpListener>> {
    let bind = |address: IpAddr, port, only_v6| {
        let address = SocketAddr::new(address, port);
        bind(address, only_v6).map_err(|source| Error::Listen { address: address.to_string(), source })
    };
    match address {
        Some(address) => Ok(vec![bind(address, port, true)?]),
        None => match bind(Ipv6Addr::UNSPECIFIED.into(), port, false) {
            Ok(both) => Ok(vec![both]),
            Err(Error::Listen { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {
                Err(Error::Listen { address: format!("port {port}"), source })
            }
            // No IPv6 on this machine.
            Err(_) => Ok(vec![bind(Ipv4Addr::UNSPECIFIED.into(), port, true)?]),
        },
    }
}

fn bind(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
