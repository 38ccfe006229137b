//! UDP sockets of synthetic clients, with GRO in and GSO out. The only `unsafe` of this crate.
#![allow(
    unsafe_code,
    reason = "recvmsg, sendmsg and epoll have no safe wrapper that carries UDP_GRO and UDP_SEGMENT"
)]

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

const UDP_SEGMENT: libc::c_int = 103;
const UDP_GRO: libc::c_int = 104;

/// Binds a non-blocking socket next to `remote`, connects it and asks for GRO where the kernel has it.
pub fn connect(remote: SocketAddr, offload: bool) -> io::Result<UdpSocket> {
    let any: SocketAddr = if remote.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0u16; 8], 0).into()
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(remote)?;
    prepare(&socket, offload)?;
    Ok(socket)
}

/// Makes a socket non-blocking with roomy buffers and, if asked, GRO.
pub fn prepare(socket: &UdpSocket, offload: bool) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    for option in [libc::SO_RCVBUF, libc::SO_SNDBUF] {
        let _ = set_option(socket.as_raw_fd(), libc::SOL_SOCKET, option, 1 << 21);
    }
    if offload {
        let _ = set_option(socket.as_raw_fd(), libc::SOL_UDP, UDP_GRO, 1);
    }
    Ok(())
}

fn set_option(
    fd: RawFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let length = u32::try_from(size_of::<libc::c_int>()).expect("a c_int is small");
    // SAFETY: the value outlives the call and its length is told right.
    let result = unsafe { libc::setsockopt(fd, level, name, ptr::from_ref(&value).cast(), length) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// One receive: total bytes in `buffer` and the size of its segments (the last may be shorter). None when nothing waits.
pub fn receive(fd: RawFd, buffer: &mut [u8]) -> io::Result<Option<(usize, usize)>> {
    let mut iov = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let mut control = [0u64; 8];
    // SAFETY: all-zero is a valid msghdr.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut iov;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: every pointer in the header refers to a live local.
    let length = unsafe { libc::recvmsg(fd, &raw mut message, libc::MSG_DONTWAIT) };
    let Ok(length) = usize::try_from(length) else {
        let error = io::Error::last_os_error();
        return match error.kind() {
            // A refused datagram (ICMP) is reported on a connected socket; it says nothing about this read.
            io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionRefused => Ok(None),
            _ => Err(error),
        };
    };
    let mut segment = length;
    // SAFETY: the kernel filled the control buffer that the header names; CMSG_* walk it within its length.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_UDP && (*header).cmsg_type == UDP_GRO {
                let value: libc::c_int = ptr::read_unaligned(libc::CMSG_DATA(header).cast());
                segment = usize::try_from(value).unwrap_or(length);
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
    }
    Ok(Some((length, segment.max(1))))
}

/// Sends `data` as datagrams of `segment` bytes (the last may be shorter) on a connected socket, in one call.
pub fn send_run(fd: RawFd, data: &[u8], segment: usize) -> io::Result<()> {
    send(fd, data, segment, None)
}

/// The same on an unconnected socket.
pub fn send_run_to(fd: RawFd, data: &[u8], segment: usize, to: SocketAddr) -> io::Result<()> {
    send(fd, data, segment, Some(to))
}

fn send(fd: RawFd, data: &[u8], segment: usize, to: Option<SocketAddr>) -> io::Result<()> {
    let mut iov = libc::iovec {
        iov_base: data.as_ptr().cast_mut().cast(),
        iov_len: data.len(),
    };
    let mut control = [0u64; 4];
    let address = to.map(socket2::SockAddr::from);
    // SAFETY: all-zero is a valid msghdr.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut iov;
    message.msg_iovlen = 1;
    if let Some(address) = &address {
        message.msg_name = address.as_ptr().cast_mut().cast();
        message.msg_namelen = address.len();
    }
    if data.len() > segment {
        message.msg_control = control.as_mut_ptr().cast();
        // SAFETY: the control buffer is large and aligned enough for one u16 message.
        unsafe {
            message.msg_controllen = libc::CMSG_SPACE(2) as usize;
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_UDP;
            (*header).cmsg_type = UDP_SEGMENT;
            (*header).cmsg_len = libc::CMSG_LEN(2) as usize;
            ptr::write_unaligned(
                libc::CMSG_DATA(header).cast(),
                u16::try_from(segment).unwrap_or(u16::MAX),
            );
        }
    }
    // SAFETY: every pointer in the header refers to a live local or to `data`, which sendmsg only reads.
    let sent = unsafe { libc::sendmsg(fd, &raw const message, libc::MSG_DONTWAIT) };
    if sent < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Readiness of many sockets; each registered with a number.
pub struct Poller {
    fd: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Poller {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; a negative result is checked before the descriptor is owned.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: epoll_create1 gave us this descriptor and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self {
            fd,
            events: vec![libc::epoll_event { events: 0, u64: 0 }; 256],
        })
    }

    pub fn add(&self, fd: RawFd, number: usize) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN.cast_unsigned(),
            u64: number as u64,
        };
        // SAFETY: the event outlives the call.
        let result = unsafe {
            libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event)
        };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Waits at most `timeout`; fills `ready` with the numbers that can be read.
    pub fn wait(&mut self, timeout: Duration, ready: &mut Vec<usize>) {
        ready.clear();
        let millis = i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(1000);
        let room = i32::try_from(self.events.len()).unwrap_or(i32::MAX);
        // SAFETY: the buffer holds `room` events.
        let count = unsafe {
            libc::epoll_wait(self.fd.as_raw_fd(), self.events.as_mut_ptr(), room, millis)
        };
        let count = usize::try_from(count).unwrap_or(0);
        ready.extend(self.events[..count].iter().map(|event| event.u64 as usize));
    }
}

/// Nanoseconds of CPU that this thread has used, user and system together.
pub fn thread_cpu_ns() -> u64 {
    clock_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Nanoseconds of the monotonic clock, the same in every process of this machine.
pub fn monotonic_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC)
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the timespec outlives the call.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Keeps the calling thread on one core; false where the system refuses.
pub fn pin_thread(core: usize) -> bool {
    // SAFETY: an all-zero cpu_set_t is empty; CPU_SET checks its bound; the set outlives the call.
    unsafe {
        let mut set: libc::cpu_set_t = zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) == 0
    }
}
