//! ICE-TCP passive connections (RFC 6544): accepting, and datagrams with the framing of RFC 4571 over a bounded write queue. Refuses to
//! know whose connection it is.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};

use medianode_webrtc::ice::tcp::{Deframer, FramingLost, frame_prefix};
use socket2::{Domain, Protocol, Socket, Type};

const BACKLOG: i32 = 256;
/// Bytes read from one connection before others have their turn.
const READ_BYTES: usize = 32 << 10;

/// Binds a listener; IPv6 listeners take no IPv4 connections.
///
/// # Errors
/// The address is taken or not ours, or the family is not there.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The next connection that waits; none when nothing waits.
///
/// # Errors
/// What the kernel says, usually too many open files.
pub fn accept(listener: &TcpListener) -> io::Result<Option<Connection>> {
    match listener.accept() {
        Ok((stream, remote)) => Connection::new(stream, remote).map(Some),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        // The peer was gone before we looked.
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => Ok(None),
        Err(error) => Err(error),
    }
}

/// One accepted connection.
pub struct Connection {
    stream: TcpStream,
    local: SocketAddr,
    remote: SocketAddr,
    deframer: Deframer,
    queue: Vec<u8>,
    written: usize,
}

/// The connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    #[error("closed by the peer")]
    Closed,
    #[error(transparent)]
    Framing(#[from] FramingLost),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Connection {
    fn new(stream: TcpStream, remote: SocketAddr) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let (local, remote) = (plain(stream.local_addr()?), plain(remote));
        let (deframer, queue) = (Deframer::default(), Vec::new());
        Ok(Self {
            stream,
            local,
            remote,
            deframer,
            queue,
            written: 0,
        })
    }

    pub fn local(&self) -> SocketAddr {
        self.local
    }

    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    pub fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }

    /// Reads a bounded part of what waits; take the frames with [`Connection::next_frame`].
    ///
    /// # Errors
    /// The connection ended or cannot be followed.
    pub fn receive(&mut self, scratch: &mut [u8]) -> Result<(), Ended> {
        let room = scratch.len().min(READ_BYTES);
        match self.stream.read(&mut scratch[..room]) {
            Ok(0) => Err(Ended::Closed),
            Ok(len) => Ok(self.deframer.push(&scratch[..len])?),
            Err(error) if is_transient(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The next whole datagram, in place.
    ///
    /// # Errors
    /// The framing is lost.
    pub fn next_frame(&mut self) -> Result<Option<&mut [u8]>, FramingLost> {
        self.deframer.next_frame()
    }

    /// Bytes not yet taken by the kernel.
    pub fn waiting(&self) -> usize {
        self.queue.len() - self.written
    }

    /// Queues one frame: `build` gets `room` bytes and returns how many of them it used, or none to give up.
    pub fn push_with(
        &mut self,
        room: usize,
        build: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Option<usize> {
        let start = self.queue.len();
        self.queue.resize(start + 2 + room, 0);
        let framed =
            build(&mut self.queue[start + 2..]).and_then(|len| Some((len, frame_prefix(len)?)));
        let Some((len, prefix)) = framed else {
            self.queue.truncate(start);
            return None;
        };
        self.queue[start..start + 2].copy_from_slice(&prefix);
        self.queue.truncate(start + 2 + len);
        Some(len)
    }

    /// Writes what waits, as far as it goes; true when nothing is left.
    ///
    /// # Errors
    /// The connection ended.
    pub fn flush(&mut self) -> Result<bool, Ended> {
        while self.written < self.queue.len() {
            match self.stream.write(&self.queue[self.written..]) {
                Ok(0) => return Err(Ended::Closed),
                Ok(len) => self.written += len,
                Err(error) if is_transient(&error) => {
                    // Keeps the queue from growing at its front while the peer never catches up entirely.
                    if self.written >= self.queue.len() / 2 {
                        self.queue.drain(..self.written);
                        self.written = 0;
                    }
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.queue.clear();
        self.written = 0;
        Ok(true)
    }
}

/// The same address without a flow label, which is not part of who a peer is.
fn plain(mut address: SocketAddr) -> SocketAddr {
    if let SocketAddr::V6(v6) = &mut address {
        v6.set_flowinfo(0);
    }
    address
}

fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect() -> (TcpStream, Connection) {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(accept(&listener).unwrap().is_none());
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let connection = accept(&listener).unwrap().expect("connected");
        (client, connection)
    }

    #[test]
    fn frames_in_both_directions() {
        let (mut client, mut connection) = connect();
        client.write_all(&[0, 3, 1, 2, 3, 0, 1, 9]).unwrap();
        let mut scratch = [0; 64];
        connection.receive(&mut scratch).unwrap();
        assert_eq!(connection.next_frame().unwrap().unwrap(), [1, 2, 3]);
        assert_eq!(connection.next_frame().unwrap().unwrap(), [9]);
        assert!(connection.next_frame().unwrap().is_none());

        connection.push_with(8, |room| {
            room[..2].copy_from_slice(&[7, 8]);
            Some(2)
        });
        assert_eq!(connection.push_with(8, |_| None), None);
        assert!(connection.flush().unwrap());
        let mut read = [0; 4];
        client.read_exact(&mut read).unwrap();
        assert_eq!(read, [0, 2, 7, 8]);
    }

    #[test]
    fn tells_what_the_kernel_did_not_take_and_goes_on_later() {
        let (mut client, mut connection) = connect();
        let mut frames = 0usize;
        while connection.flush().unwrap() {
            connection.push_with(1500, |_| Some(1500));
            frames += 1;
        }
        assert!(connection.waiting() > 0);
        let mut read = vec![0; frames * 1502];
        client
            .set_read_timeout(Some(std::time::Duration::from_secs(5)))
            .unwrap();
        let mut at = 0;
        while at < read.len() {
            at += client.read(&mut read[at..]).unwrap();
            connection.flush().unwrap();
        }
        assert!(read.chunks(1502).all(|frame| frame[..2] == [5, 220]));
        assert_eq!(connection.waiting(), 0);
        drop(client);
        let mut scratch = [0; 8];
        assert!(matches!(
            connection.receive(&mut scratch),
            Err(Ended::Closed)
        ));
    }
}
