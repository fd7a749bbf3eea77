//! A line that does harm: it forwards one connection, and cuts it or flips a bit of it at a byte.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

/// The harm that is done to one direction.
#[derive(Debug, Clone, Copy)]
pub enum Harm {
    None,
    /// The connection ends when so many bytes have passed.
    Cut(u64),
    /// The lowest bit of this byte arrives flipped.
    Flip(u64),
    /// Nothing passes after so many bytes, and the connection stays.
    Stall(u64),
}

/// Forwards the next connection to a server. The thread ends with the connection, and tells how many
/// bytes went up and down.
pub fn proxy(server: SocketAddr, up: Harm, down: Harm) -> (SocketAddr, JoinHandle<(u64, u64)>) {
    let listener = TcpListener::bind((super::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let client = listener.accept().unwrap().0;
        drop(listener);
        let server = TcpStream::connect(server).unwrap();
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
        }
        std::thread::scope(|scope| {
            let upwards = scope.spawn(|| pump(&client, &server, up));
            (pump(&server, &client, down), upwards.join().unwrap())
        })
    });
    let thread = std::thread::spawn(move || {
        let (down, up) = thread.join().unwrap();
        (up, down)
    });
    (address, thread)
}

fn pump(mut from: &TcpStream, mut to: &TcpStream, harm: Harm) -> u64 {
    let mut passed = 0;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let room = match harm {
            Harm::Cut(at) => usize::try_from(at - passed).unwrap().min(buffer.len()),
            Harm::None | Harm::Flip(_) => buffer.len(),
            Harm::Stall(at) if at == passed => {
                while from.read(&mut buffer).is_ok_and(|count| count > 0) {}
                0
            }
            Harm::Stall(at) => usize::try_from(at - passed).unwrap().min(buffer.len()),
        };
        let count = match room {
            0 => 0,
            room => from.read(&mut buffer[..room]).unwrap_or(0),
        };
        if let Harm::Flip(at) = harm
            && (passed..passed + count as u64).contains(&at)
        {
            buffer[usize::try_from(at - passed).unwrap()] ^= 1;
        }
        let is_taken = to.write_all(&buffer[..count]).is_ok();
        if !is_taken {
            // Until the other side has closed as well: what is unread then would be a reset, which overtakes what it is sent.
            while from.read(&mut buffer).is_ok_and(|count| count > 0) {}
        }
        if count == 0 || !is_taken {
            // What has passed before a cut arrives, however far behind the other side is.
            let is_cut = matches!(harm, Harm::Cut(at) if at == passed);
            let _closed = from.shutdown(Shutdown::Both);
            let _closed = to.shutdown(if is_cut { Shutdown::Write } else { Shutdown::Both });
            return passed;
        }
        passed += count as u64;
    }
}

/// Forwards one connection after the other, each with the next harm; those after the last come to none.
/// Ends with [`CuttingLine::end`], which tells how many bytes went up and down in all, and over how many
/// connections.
pub struct CuttingLine {
    pub address: SocketAddr,
    ended: std::sync::Arc<std::sync::atomic::AtomicBool>,
    thread: JoinHandle<(u64, u64, usize)>,
}

impl CuttingLine {
    pub fn new(server: SocketAddr, harms: Vec<(Harm, Harm)>) -> Self {
        let listener = TcpListener::bind((super::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let own = std::sync::Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            let mut harms = harms.into_iter();
            let (mut up, mut down, mut connections) = (0, 0, 0);
            while let Ok((client, _)) = listener.accept() {
                if own.load(std::sync::atomic::Ordering::SeqCst) {
                    break;
                }
                connections += 1;
                let (harm_up, harm_down) = harms.next().unwrap_or((Harm::None, Harm::None));
                let server = TcpStream::connect(server).unwrap();
                for stream in [&client, &server] {
                    stream.set_nodelay(true).unwrap();
                }
                std::thread::scope(|scope| {
                    let upwards = scope.spawn(|| pump(&client, &server, harm_up));
                    down += pump(&server, &client, harm_down);
                    up += upwards.join().unwrap();
                });
            }
            (up, down, connections)
        });
        Self { address, ended, thread }
    }

    pub fn end(self) -> (u64, u64, usize) {
        self.ended.store(true, std::sync::atomic::Ordering::SeqCst);
        let _woken = TcpStream::connect(self.address);
        self.thread.join().unwrap()
    }
}

/// Forwards connections for as long as the process runs. When a client goes, or the first has sent so many bytes, the
/// client's side ends and the server's stays open: the server sees nothing of it.
pub fn haunted(server: SocketAddr, most: u64) -> SocketAddr {
    let listener = TcpListener::bind((super::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut most = most;
        for client in listener.incoming().map(Result::unwrap) {
            let server = TcpStream::connect(server).unwrap();
            for stream in [&client, &server] {
                stream.set_nodelay(true).unwrap();
            }
            let most = std::mem::replace(&mut most, u64::MAX);
            std::thread::spawn(move || {
                std::thread::scope(|scope| {
                    scope.spawn(|| std::io::copy(&mut &server, &mut &client));
                    let _passed = std::io::copy(&mut (&client).take(most), &mut &server);
                    let _closed = client.shutdown(Shutdown::Both);
                });
                // Until the server itself ends it.
                let _ended = (&server).read_to_end(&mut Vec::new());
            });
        }
    });
    address
}
