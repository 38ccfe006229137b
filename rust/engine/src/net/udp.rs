//! A bound UDP socket with the options that batches need. Owns the options; refuses to read or write.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};

use socket2::{Domain, Protocol, Socket, Type};

use super::option;

/// Bytes asked for in each direction; the kernel may grant less.
const BUFFER_BYTES: i32 = 8 << 20;

pub(super) const UDP_SEGMENT: i32 = 103;
pub(super) const UDP_GRO: i32 = 104;

/// One bound socket.
pub struct UdpSocket {
    socket: Socket,
    local: SocketAddr,
    /// Bound to the unspecified address, so every datagram tells and names its local address.
    any: bool,
    gro: bool,
    receive_buffer: usize,
    send_buffer: usize,
}

impl UdpSocket {
    /// Binds `address`; IPv6 sockets take no IPv4 traffic. `gro` asks for coalesced receives.
    ///
    /// # Errors
    /// The address is taken or not ours, or the family is not there.
    pub fn bind(address: SocketAddr, gro: bool) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        socket.set_nonblocking(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        let fd = socket.as_raw_fd();
        let any = address.ip().is_unspecified();
        grow(fd, libc::SO_RCVBUFFORCE, libc::SO_RCVBUF);
        grow(fd, libc::SO_SNDBUFFORCE, libc::SO_SNDBUF);
        let _ = option::set(fd, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1);
        // A forged "fragmentation needed" must not shrink what we send: only the interface's own MTU counts.
        if address.is_ipv4() {
            let mode = libc::IP_PMTUDISC_OMIT;
            let _ = option::set(fd, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, mode);
            if any {
                option::set(fd, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?;
            }
        } else {
            let mode = libc::IPV6_PMTUDISC_OMIT;
            let _ = option::set(fd, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, mode);
            if any {
                option::set(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
            }
        }
        let gro = gro && option::set(fd, libc::SOL_UDP, UDP_GRO, 1).is_ok();
        socket.bind(&address.into())?;
        let local = socket
            .local_addr()?
            .as_socket()
            .ok_or_else(|| io::Error::other("bound to an address that is no IP address"))?;
        let size = |name| option::get(fd, libc::SOL_SOCKET, name).map_or(0, i32::cast_unsigned);
        let (receive_buffer, send_buffer) = (
            size(libc::SO_RCVBUF) as usize,
            size(libc::SO_SNDBUF) as usize,
        );
        Ok(Self {
            socket,
            local,
            any,
            gro,
            receive_buffer,
            send_buffer,
        })
    }

    /// Where the socket is bound.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The source to name when a datagram leaves from `local`: none where the binding says it already.
    pub fn source(&self, local: SocketAddr) -> Option<IpAddr> {
        self.any.then_some(local.ip())
    }

    pub fn gro(&self) -> bool {
        self.gro
    }

    /// Bytes the kernel granted for received datagrams, with its own overhead.
    pub fn receive_buffer(&self) -> usize {
        self.receive_buffer
    }

    /// Bytes the kernel granted for datagrams on their way out, with its own overhead.
    pub fn send_buffer(&self) -> usize {
        self.send_buffer
    }

    pub fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Asks beyond the administrator's limit first, then up to it.
fn grow(fd: RawFd, force: i32, plain: i32) {
    if option::set(fd, libc::SOL_SOCKET, force, BUFFER_BYTES).is_err() {
        let _ = option::set(fd, libc::SOL_SOCKET, plain, BUFFER_BYTES);
    }
}

/// Tries a segmented send over loopback: does this kernel have UDP GSO?
pub fn probe_gso() -> bool {
    let attempt = || -> io::Result<()> {
        let socket = std::net::UdpSocket::bind(("127.0.0.1", 0))?;
        let address = socket.local_addr()?;
        option::set(socket.as_raw_fd(), libc::SOL_UDP, UDP_SEGMENT, 1)?;
        socket.send_to(&[0; 2], address).map(drop)
    };
    attempt().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_large_buffers_and_names_the_source_only_when_bound_to_any() {
        let any = UdpSocket::bind("0.0.0.0:0".parse().unwrap(), true).unwrap();
        let one = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), false).unwrap();
        let local: SocketAddr = "127.0.0.1:9".parse().unwrap();
        assert_eq!(any.source(local), Some(local.ip()));
        assert_eq!(one.source(local), None);
        assert!(!one.gro());
        assert!(any.receive_buffer() >= 200_000 && any.send_buffer() >= 200_000);
    }
}
