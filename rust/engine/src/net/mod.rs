//! The kernel's side: sockets, epoll, batches in and out. Owns every system call and all `unsafe` of the crate; refuses to know what a
//! datagram carries.
#![allow(
    unsafe_code,
    reason = "recvmmsg, sendmmsg with UDP_SEGMENT, epoll and affinity have no safe wrapper; each block states why it is sound"
)]

mod address;
pub mod arena;
pub mod epoll;
pub mod gso;
mod option;
pub mod tcp;
pub mod thread;
pub mod udp;
