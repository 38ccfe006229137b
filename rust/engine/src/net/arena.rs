//! The receive arena: one `recvmmsg` fills up to [`SLOTS`] super-datagrams, each one or many datagrams of the same 4-tuple (UDP GRO).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::address;
use super::udp::{UDP_GRO, UdpSocket};

/// Messages of one receive call.
pub const SLOTS: usize = 32;
/// Bytes of one slot: what GRO coalesces at most.
const SLOT_BYTES: usize = 1 << 16;
/// Room for GRO size, overflow counter and IPv6 packet information.
const CONTROL_WORDS: usize = 16;

/// Fixed memory for received datagrams, used again by every call.
pub struct ReceiveArena {
    bytes: Box<[u8]>,
    headers: Box<[libc::mmsghdr]>,
    names: Box<[libc::sockaddr_storage]>,
    /// Kept alive for `headers`, which point into them.
    _controls: Box<[[u64; CONTROL_WORDS]]>,
    _vectors: Box<[libc::iovec]>,
    filled: usize,
    local: SocketAddr,
    overflows: Option<u32>,
}

/// Datagrams of one 4-tuple.
pub struct Slot<'a> {
    /// One datagram after the other.
    pub bytes: &'a mut [u8],
    /// Length of each datagram but the last, which may be shorter; at least 1.
    pub segment: usize,
    pub remote: SocketAddr,
    pub local: SocketAddr,
}

impl Default for ReceiveArena {
    fn default() -> Self {
        Self::new()
    }
}

impl ReceiveArena {
    pub fn new() -> Self {
        let mut bytes = vec![0u8; SLOTS * SLOT_BYTES].into_boxed_slice();
        // SAFETY: all-zero is a valid value of these plain structures.
        let (mut names, mut headers) = unsafe {
            (
                vec![std::mem::zeroed::<libc::sockaddr_storage>(); SLOTS].into_boxed_slice(),
                vec![std::mem::zeroed::<libc::mmsghdr>(); SLOTS].into_boxed_slice(),
            )
        };
        let mut controls = vec![[0u64; CONTROL_WORDS]; SLOTS].into_boxed_slice();
        let mut vectors: Box<[libc::iovec]> = bytes
            .chunks_exact_mut(SLOT_BYTES)
            .map(|slot| libc::iovec {
                iov_base: slot.as_mut_ptr().cast(),
                iov_len: SLOT_BYTES,
            })
            .collect();
        for (at, header) in headers.iter_mut().enumerate() {
            header.msg_hdr.msg_iov = &raw mut vectors[at];
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = (&raw mut names[at]).cast();
            header.msg_hdr.msg_control = (&raw mut controls[at]).cast();
        }
        let local = SocketAddr::from(([0, 0, 0, 0], 0));
        Self {
            bytes,
            headers,
            names,
            _controls: controls,
            _vectors: vectors,
            filled: 0,
            local,
            overflows: None,
        }
    }

    /// Receives what waits on `socket`, up to [`SLOTS`] messages; their number.
    ///
    /// # Errors
    /// What the kernel says; `WouldBlock` when nothing waits.
    pub fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        for header in &mut self.headers[..] {
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as u32;
            header.msg_hdr.msg_controllen = size_of::<[u64; CONTROL_WORDS]>();
            header.msg_hdr.msg_flags = 0;
        }
        self.filled = 0;
        self.local = socket.local();
        // SAFETY: every header points into boxed memory of this arena that is neither moved nor lent out now, with its true lengths.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                SLOTS as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        self.filled = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        Ok(self.filled)
    }

    /// The datagrams in slot `at`; none when it holds nothing usable (empty, cut off, no IP source).
    pub fn slot(&mut self, at: usize) -> Option<Slot<'_>> {
        let header = self.headers[..self.filled].get(at)?;
        let len = (header.msg_len as usize).min(SLOT_BYTES);
        let remote = address::read(&self.names[at])?;
        let mut local = self.local;
        let mut segment = len;
        let mut overflows = self.overflows;
        for_each_control(&header.msg_hdr, |level, kind, data| match (level, kind) {
            (libc::SOL_UDP, UDP_GRO) => segment = read_i32(data).max(1) as usize,
            (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => {
                overflows = Some(read_i32(data).cast_unsigned());
            }
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                // in_pktinfo: interface, local address, header destination.
                if let Some(octets) = data.get(8..12).and_then(|d| <[u8; 4]>::try_from(d).ok()) {
                    local.set_ip(IpAddr::V4(Ipv4Addr::from(octets)));
                }
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                if let Some(octets) = data.get(..16).and_then(|d| <[u8; 16]>::try_from(d).ok()) {
                    local.set_ip(IpAddr::V6(Ipv6Addr::from(octets)));
                }
            }
            _ => {}
        });
        self.overflows = overflows;
        let cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
        if len == 0 || cut {
            return None;
        }
        let bytes = &mut self.bytes[at * SLOT_BYTES..at * SLOT_BYTES + len];
        Some(Slot {
            bytes,
            segment,
            remote,
            local,
        })
    }

    /// Datagrams that the kernel dropped because nobody took them, as the last slot told: cumulative per socket, wrapping.
    pub fn take_overflows(&mut self) -> Option<u32> {
        self.overflows.take()
    }
}

fn for_each_control(header: &libc::msghdr, mut each: impl FnMut(i32, i32, &[u8])) {
    // SAFETY: the kernel filled the control buffer and told its length; CMSG_* stay within it, and the data of one message ends where
    // its own length says.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while let Some(current) = message.as_ref() {
            let start = libc::CMSG_DATA(message);
            let len = current.cmsg_len.saturating_sub(libc::CMSG_LEN(0) as usize);
            each(
                current.cmsg_level,
                current.cmsg_type,
                std::slice::from_raw_parts(start, len),
            );
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
}

fn read_i32(data: &[u8]) -> i32 {
    data.get(..4)
        .and_then(|d| d.try_into().ok())
        .map_or(0, i32::from_ne_bytes)
}
