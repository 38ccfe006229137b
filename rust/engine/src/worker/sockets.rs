//! Sockets and connections that take no more for now: what waits for them leaves once epoll says that they can be written.

use super::Worker;
use super::token::Token;
use crate::net::epoll::Interest;
use crate::net::tcp::Ended;

impl Worker {
    pub(super) fn flush_tcp(&mut self) {
        while let Some(key) = self.ports.tcp_dirty.pop() {
            let Some(tcp) = self.ports.tcp.get_mut(key) else {
                continue;
            };
            tcp.dirty = false;
            self.ports.tcp_syscalls += 1;
            match tcp.connection.flush() {
                Ok(drained) => self.watch_tcp(key, !drained),
                Err(ended) => self.end_tcp(key, &ended),
            }
        }
    }

    /// Asks to be told when a blocked connection takes more, and no longer when it does.
    fn watch_tcp(&mut self, key: usize, blocked: bool) {
        let Some(tcp) = self.ports.tcp.get_mut(key) else {
            return;
        };
        if std::mem::replace(&mut tcp.blocked, blocked) == blocked {
            return;
        }
        let interest = if blocked {
            Interest::BOTH
        } else {
            Interest::READ
        };
        let fd = tcp.connection.as_raw_fd();
        if let Err(error) = self.epoll.modify(fd, Token::Tcp(key).to_u64(), interest) {
            self.end_tcp(key, &Ended::Io(error));
        }
    }

    pub(super) fn mark_tcp(&mut self, key: usize) {
        let Some(tcp) = self.ports.tcp.get_mut(key) else {
            return;
        };
        if !std::mem::replace(&mut tcp.dirty, true) {
            self.ports.tcp_dirty.push(key);
        }
    }

    pub(super) fn drain_udp(&mut self, at: usize) {
        if let Some(socket) = self.ports.udp.get(at) {
            self.ports.arena.drain(at, socket);
        }
    }

    /// Asks to be told when a blocked socket takes more, and no longer when it does.
    pub(super) fn watch_udp(&mut self, at: usize) {
        let blocked = self.ports.arena.is_blocked(at);
        let Some(watched) = self.intake.watched.get_mut(at) else {
            return;
        };
        if std::mem::replace(watched, blocked) == blocked {
            return;
        }
        let interest = if blocked {
            Interest::BOTH
        } else {
            Interest::READ
        };
        let fd = self.ports.udp[at].as_raw_fd();
        if let Err(error) = self.epoll.modify(fd, Token::Udp(at).to_u64(), interest) {
            tracing::error!(%error, "epoll");
        }
    }
}
