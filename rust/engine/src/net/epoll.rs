//! Waiting: which descriptors are ready, and a way to be woken by another thread. Refuses to know what the tokens mean.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// What to be told about a descriptor; always level-triggered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    pub read: bool,
    pub write: bool,
}

impl Interest {
    /// Errors and hang-ups are told nevertheless.
    pub const NONE: Interest = Interest {
        read: false,
        write: false,
    };
    pub const READ: Interest = Interest {
        read: true,
        write: false,
    };
    pub const BOTH: Interest = Interest {
        read: true,
        write: true,
    };
}

/// One ready descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    pub token: u64,
    pub read: bool,
    pub write: bool,
}

/// Events taken per wait.
const EVENTS: usize = 128;

/// An epoll instance.
pub struct Epoll {
    fd: OwnedFd,
    events: Box<[libc::epoll_event; EVENTS]>,
    ready: usize,
}

impl Epoll {
    /// # Errors
    /// What the kernel says, usually too many open files.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; a non-negative result is a descriptor that nobody else owns.
        let fd = unsafe { owned(libc::epoll_create1(libc::EPOLL_CLOEXEC))? };
        let events = Box::new([libc::epoll_event { events: 0, u64: 0 }; EVENTS]);
        Ok(Self {
            fd,
            events,
            ready: 0,
        })
    }

    /// # Errors
    /// What the kernel says.
    pub fn add(&self, fd: RawFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, token, interest)
    }

    /// # Errors
    /// What the kernel says.
    pub fn modify(&self, fd: RawFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, token, interest)
    }

    fn control(&self, op: i32, fd: RawFd, token: u64, interest: Interest) -> io::Result<()> {
        let read = if interest.read { libc::EPOLLIN } else { 0 };
        let write = if interest.write { libc::EPOLLOUT } else { 0 };
        let mut event = libc::epoll_event {
            events: (read | write).cast_unsigned(),
            u64: token,
        };
        // SAFETY: the event lives through the call.
        let result = unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), op, fd, &raw mut event) };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Waits until something is ready or `timeout` has passed (none: for ever), rounded up to a millisecond.
    ///
    /// # Errors
    /// What the kernel says; an interrupted wait is an empty one.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let millis = timeout.map_or(-1, |t| {
            i32::try_from(t.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
        });
        self.ready = 0;
        // SAFETY: the buffer has room for the number of events told.
        let count = unsafe {
            libc::epoll_wait(
                self.fd.as_raw_fd(),
                self.events.as_mut_ptr(),
                EVENTS as i32,
                millis,
            )
        };
        match usize::try_from(count) {
            Ok(count) => self.ready = count,
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Number of ready descriptors after a wait.
    pub fn len(&self) -> usize {
        self.ready
    }

    pub fn is_empty(&self) -> bool {
        self.ready == 0
    }

    /// The ready descriptor at `at` of the last wait; errors and hang-ups read as both.
    pub fn ready(&self, at: usize) -> Option<Ready> {
        let event = self.events[..self.ready].get(at)?;
        let (events, token) = (event.events.cast_signed(), event.u64);
        let broken = events & (libc::EPOLLERR | libc::EPOLLHUP) != 0;
        Some(Ready {
            token,
            read: broken || events & libc::EPOLLIN != 0,
            write: broken || events & libc::EPOLLOUT != 0,
        })
    }
}

/// A counter that makes a descriptor readable while it is not zero.
pub struct EventFd {
    fd: OwnedFd,
}

impl EventFd {
    /// # Errors
    /// What the kernel says, usually too many open files.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; a non-negative result is a descriptor that nobody else owns.
        let fd = unsafe { owned(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))? };
        Ok(Self { fd })
    }

    pub fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Makes the descriptor readable. Fails only when it is so already.
    pub fn set(&self) {
        let one = 1u64;
        // SAFETY: eight bytes of a live value are read.
        unsafe { libc::write(self.fd.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    /// Makes the descriptor unreadable.
    pub fn clear(&self) {
        let mut count = 0u64;
        // SAFETY: eight bytes of a live value are written.
        unsafe { libc::read(self.fd.as_raw_fd(), (&raw mut count).cast(), 8) };
    }
}

/// # Safety
/// A non-negative `fd` is open and owned by nobody else.
unsafe fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_readable_from_set_to_clear() {
        let (mut epoll, wake) = (Epoll::new().unwrap(), EventFd::new().unwrap());
        epoll.add(wake.as_raw_fd(), 7, Interest::READ).unwrap();
        epoll.wait(Some(Duration::ZERO)).unwrap();
        assert_eq!(epoll.ready(0), None);
        wake.set();
        wake.set();
        epoll.wait(None).unwrap();
        assert_eq!(
            epoll.ready(0),
            Some(Ready {
                token: 7,
                read: true,
                write: false
            })
        );
        wake.clear();
        epoll.wait(Some(Duration::ZERO)).unwrap();
        assert!(epoll.is_empty());
    }
}
