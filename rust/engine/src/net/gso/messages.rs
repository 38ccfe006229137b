//! Message headers of `sendmmsg`: where each run goes, by what address, and in what segments the kernel cuts it.

use std::io;
use std::net::IpAddr;
use std::os::fd::RawFd;

use super::{MAX_RUNS, Run};
use crate::net::address;
use crate::net::udp::UDP_SEGMENT;

const CONTROL_WORDS: usize = 8;

/// Message headers for one system call.
pub(super) struct Messages {
    headers: Box<[libc::mmsghdr]>,
    vectors: Box<[libc::iovec]>,
    names: Box<[libc::sockaddr_storage]>,
    controls: Box<[[u64; CONTROL_WORDS]]>,
}

impl Messages {
    pub(super) fn new() -> Self {
        // SAFETY: all-zero is a valid value of these plain structures.
        unsafe {
            Self {
                headers: vec![std::mem::zeroed(); MAX_RUNS].into_boxed_slice(),
                vectors: vec![std::mem::zeroed(); MAX_RUNS].into_boxed_slice(),
                names: vec![std::mem::zeroed(); MAX_RUNS].into_boxed_slice(),
                controls: vec![[0; CONTROL_WORDS]; MAX_RUNS].into_boxed_slice(),
            }
        }
    }

    /// Sends `runs`, whose bytes lie in `bytes`; how many the kernel took. An error belongs to the first.
    pub(super) fn send(&mut self, fd: RawFd, runs: &[Run], bytes: &[u8]) -> io::Result<usize> {
        let count = runs.len().min(MAX_RUNS);
        for (at, run) in runs.iter().take(count).enumerate() {
            let data = &bytes[run.start..run.start + run.len];
            self.vectors[at] = libc::iovec {
                iov_base: data.as_ptr().cast_mut().cast(),
                iov_len: run.len,
            };
            let name_len = address::write(&run.destination.to, &mut self.names[at]);
            let mut control = Control {
                words: &mut self.controls[at],
                len: 0,
            };
            if run.count > 1 {
                control.push(
                    libc::SOL_UDP,
                    UDP_SEGMENT,
                    &(run.segment as u16).to_ne_bytes(),
                );
            }
            match run.destination.source {
                Some(IpAddr::V4(ip)) => {
                    let mut info = [0; 12];
                    info[4..8].copy_from_slice(&ip.octets());
                    control.push(libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
                }
                Some(IpAddr::V6(ip)) => {
                    let mut info = [0; 20];
                    info[..16].copy_from_slice(&ip.octets());
                    control.push(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
                }
                None => {}
            }
            let control_len = control.len;
            let header = &mut self.headers[at].msg_hdr;
            header.msg_name = (&raw mut self.names[at]).cast();
            header.msg_namelen = name_len;
            header.msg_iov = &raw mut self.vectors[at];
            header.msg_iovlen = 1;
            header.msg_control = if control_len == 0 {
                std::ptr::null_mut()
            } else {
                (&raw mut self.controls[at]).cast()
            };
            header.msg_controllen = control_len;
        }
        // SAFETY: each of the `count` headers was just pointed at boxed memory of ours and at `bytes`, which outlive the call; the kernel
        // only reads what they point at.
        let sent = unsafe {
            libc::sendmmsg(
                fd,
                self.headers.as_mut_ptr(),
                count as u32,
                libc::MSG_DONTWAIT,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// Writes control messages one behind the other.
struct Control<'a> {
    words: &'a mut [u64; CONTROL_WORDS],
    len: usize,
}

impl Control<'_> {
    fn push(&mut self, level: i32, kind: i32, data: &[u8]) {
        // SAFETY: CMSG_SPACE and CMSG_LEN only compute.
        let (space, len) = unsafe {
            (
                libc::CMSG_SPACE(data.len() as u32) as usize,
                libc::CMSG_LEN(data.len() as u32) as usize,
            )
        };
        assert!(
            self.len + space <= size_of_val(self.words),
            "invariant: two messages fit"
        );
        // SAFETY: the assertion keeps header and data within `words`, whose start is aligned for a cmsghdr, as is every CMSG_SPACE.
        unsafe {
            let at = self
                .words
                .as_mut_ptr()
                .cast::<u8>()
                .add(self.len)
                .cast::<libc::cmsghdr>();
            (*at).cmsg_len = len;
            (*at).cmsg_level = level;
            (*at).cmsg_type = kind;
            std::ptr::copy_nonoverlapping(data.as_ptr(), libc::CMSG_DATA(at), data.len());
        }
        self.len += space;
    }
}
