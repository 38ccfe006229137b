//! The loop of one pinned thread: sockets, demultiplexer, transports, routers, and out again; timers and commands in between. Owns
//! everything it touches; nothing in here is shared but the two queues and the published snapshot.

mod bucket;
mod close;
mod control;
mod data;
mod messages;
mod paths;
mod receive;
mod report;
mod send;
mod serve;
mod sockets;
mod tables;
mod timers;
mod token;
mod transports;

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use medianode_sfu::RouterEvent;
use medianode_webrtc::{DtlsContext, TransportCounters};

use crate::demux::Tuples;
use crate::net::epoll::{Epoll, Interest, Ready};
use crate::net::udp::UdpSocket;
use crate::queue::{CommandReceiver, EventQueue};
use crate::snapshot::{Dropped, WorkerSnapshot};
use crate::timer::Wheel;
use crate::{CloseCause, Config, Event, Refusal, RefusalKind, clock, supervise};
use bucket::Bucket;
use receive::Intake;
use send::Ports;
use tables::Tables;
use token::Token;

/// What a worker is made of and keeps over a restart.
pub struct Setup {
    pub index: usize,
    pub port: u16,
    pub config: Arc<Config>,
    pub dtls: Arc<DtlsContext>,
    pub udp: Vec<UdpSocket>,
    pub listeners: Vec<TcpListener>,
    pub gso: bool,
    pub commands: CommandReceiver,
    pub shared: Arc<Shared>,
}

/// What workers and the engine's handle share; no packet passes through it.
pub struct Shared {
    pub events: EventQueue,
    pub snapshots: Vec<Mutex<Arc<WorkerSnapshot>>>,
    pub stop: std::sync::atomic::AtomicBool,
}

/// One worker.
pub struct Worker {
    setup: Fixed,
    epoll: Epoll,
    ports: Ports,
    intake: Intake,
    tables: Tables,
    tuples: Tuples,
    wheel: Wheel,
    now: Instant,
    epochs: u32,
    serials: u64,
    /// Whose state is being touched: what a panic closes.
    blame: Blame,
    /// The command that is being carried out.
    command: Option<u64>,
    dirty_peers: Vec<u32>,
    dirty_rooms: Vec<u32>,
    fired: Vec<u32>,
    router_events: Vec<RouterEvent>,
    events: Vec<Event>,
    handshakes: Bucket,
    counters: Counters,
}

/// The parts of [`Setup`] that nobody moves.
struct Fixed {
    index: usize,
    port: u16,
    config: Arc<Config>,
    dtls: Arc<DtlsContext>,
    commands: CommandReceiver,
    shared: Arc<Shared>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blame {
    Nobody,
    Peer(u32),
    Room(u32),
}

#[derive(Default)]
struct Counters {
    wakes: u64,
    receives: u64,
    datagrams_received: u64,
    bytes_received: u64,
    handshakes: u64,
    panics: u64,
    restarts: u64,
    dropped: Dropped,
    /// Of transports that are closed.
    of_transports: TransportCounters,
    /// As of the last line in the log.
    told: Dropped,
    told_at: Option<Instant>,
    longest_turn: Duration,
}

/// Commands carried out per turn; the rest waits for the next.
const COMMANDS_PER_TURN: usize = 128;

impl Worker {
    /// # Errors
    /// What the kernel says about epoll.
    pub fn new(setup: Setup) -> io::Result<Self> {
        let Setup {
            index,
            port,
            config,
            dtls,
            udp,
            listeners,
            gso,
            commands,
            shared,
        } = setup;
        let max_waiting = config.limits.send_bytes_per_transport;
        let fixed = Fixed {
            index,
            port,
            config,
            dtls,
            commands,
            shared,
        };
        let ports = Ports::new(udp, listeners, gso, max_waiting);
        let worker = Self::with_empty_tables(fixed, Epoll::new()?, ports);
        worker.register()?;
        worker.publish();
        Ok(worker)
    }

    fn with_empty_tables(setup: Fixed, epoll: Epoll, ports: Ports) -> Self {
        let now = clock::now();
        Self {
            handshakes: Bucket::new(setup.config.limits.handshakes_per_second, now),
            setup,
            epoll,
            intake: Intake::new(ports.udp.len()),
            ports,
            tables: Tables::default(),
            tuples: Tuples::default(),
            wheel: Wheel::new(now),
            now,
            epochs: 0,
            serials: 0,
            blame: Blame::Nobody,
            command: None,
            dirty_peers: Vec::new(),
            dirty_rooms: Vec::new(),
            fired: Vec::new(),
            router_events: Vec::new(),
            events: Vec::new(),
            counters: Counters::default(),
        }
    }

    fn register(&self) -> io::Result<()> {
        use std::os::fd::AsRawFd;
        let add = |fd, token: Token| self.epoll.add(fd, token.to_u64(), Interest::READ);
        add(self.setup.commands.as_raw_fd(), Token::Wake)?;
        for (at, socket) in self.ports.udp.iter().enumerate() {
            add(socket.as_raw_fd(), Token::Udp(at))?;
        }
        for (at, listener) in self.ports.listeners.iter().enumerate() {
            add(listener.as_raw_fd(), Token::Listener(at))?;
        }
        Ok(())
    }

    /// Runs until the engine stops, then closes everything. A panic that nobody can be blamed for empties the worker, and it goes on.
    pub fn run(mut self) {
        tracing::debug!(
            worker = self.setup.index,
            port = self.setup.port,
            "worker runs"
        );
        while let Err(message) = supervise::catch(|| self.run_until_stopped()) {
            tracing::error!(worker = self.setup.index, %message, "worker panicked; all its routers end");
            self = self.restarted();
        }
        self.now = clock::now();
        let ended = supervise::catch(|| {
            let rooms: Vec<u32> = self.tables.room_ids.values().copied().collect();
            for room in rooms {
                self.close_room(room, CloseCause::Worker);
            }
            self.ports.flush();
            self.flush_tcp();
        });
        if let Err(message) = ended {
            tracing::error!(worker = self.setup.index, %message, "panic while stopping");
        }
        self.setup.shared.events.push(&mut self.events);
        self.publish();
    }

    fn run_until_stopped(&mut self) {
        use std::sync::atomic::Ordering::Acquire;
        while !self.setup.shared.stop.load(Acquire) {
            self.turn();
        }
    }

    /// The same worker with empty tables: sockets, queues and counters live on. Tells the end of everything it had.
    fn restarted(self) -> Self {
        let Self {
            setup,
            epoll,
            ports,
            tables,
            mut events,
            mut counters,
            ..
        } = self;
        counters.restarts += 1;
        counters.panics += 1;
        if let Some(id) = self.command {
            let refusal = Refusal::new(RefusalKind::Internal, "the worker panicked");
            events.push(Event::Reply {
                id,
                reply: None,
                refusal: Some(refusal),
            });
        }
        close::tell_all_closed(&tables, CloseCause::Worker, &mut events);
        supervise::discard(tables);
        let worker = Self {
            // Old username fragments must not find new tenants.
            epochs: self.epochs,
            serials: self.serials,
            events,
            counters,
            ..Self::with_empty_tables(setup, epoll, ports.emptied())
        };
        worker.publish();
        worker
    }

    /// One wake-up: a bounded part of what arrived, all timers that are due, a bounded part of the commands, then everything that
    /// follows from them out in as few calls as possible.
    fn turn(&mut self) {
        let timeout = self
            .wheel
            .next()
            .map(|at| at.saturating_duration_since(clock::now()));
        let waited = self.epoll.wait(timeout);
        self.now = clock::now();
        let began = self.now;
        self.counters.wakes += 1;
        if let Err(error) = waited {
            tracing::error!(%error, "epoll");
        }
        for at in 0..self.epoll.len() {
            let Some(Ready { token, read, write }) = self.epoll.ready(at) else {
                break;
            };
            match Token::from_u64(token) {
                Token::Wake => self.setup.commands.clear(),
                Token::Udp(at) => {
                    if write {
                        self.drain_udp(at);
                    }
                    if read {
                        self.receive_udp(at);
                    }
                }
                Token::Listener(at) => self.accept(at),
                Token::Tcp(key) => {
                    if write {
                        self.mark_tcp(key);
                    }
                    if read {
                        self.receive_tcp(key);
                    }
                }
            }
        }
        self.fire_timers();
        self.take_commands();
        self.flush();
        self.counters.dropped.data_unread += self.setup.shared.events.push(&mut self.events);
        if self.counters.dropped != self.counters.told {
            self.need_housekeeping();
        }
        let took = clock::now().saturating_duration_since(began);
        self.counters.longest_turn = self.counters.longest_turn.max(took);
    }

    fn take_commands(&mut self) {
        for _ in 0..COMMANDS_PER_TURN {
            let Some((id, command)) = self.setup.commands.take() else {
                return;
            };
            self.command = Some(id);
            let result = self.guarded(|worker| worker.handle_command(command));
            let result = result.unwrap_or_else(|| {
                Err(Refusal::new(RefusalKind::Internal, "the command panicked"))
            });
            let (reply, refusal) = match result {
                Ok(reply) => (Some(reply), None),
                Err(refusal) => (None, Some(refusal)),
            };
            self.events.push(Event::Reply { id, reply, refusal });
            self.command = None;
        }
        if !self.setup.commands.is_empty() {
            // More wait: look again after the sockets have had their turn.
            self.setup.commands.rewake();
        }
    }

    /// Runs `work`; a panic in it closes what was blamed, and goes on up if nobody was.
    fn guarded<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> Option<R> {
        self.blame = Blame::Nobody;
        match supervise::catch(|| work(self)) {
            Ok(result) => Some(result),
            Err(message) => {
                self.punish(&message);
                None
            }
        }
    }

    #[cold]
    fn punish(&mut self, message: &str) {
        let blame = std::mem::replace(&mut self.blame, Blame::Nobody);
        self.counters.panics += 1;
        match blame {
            Blame::Peer(slot) => {
                tracing::error!(message, "panic in a transport; closing it");
                self.close_peer(slot, CloseCause::Panic);
            }
            Blame::Room(slot) => {
                tracing::error!(message, "panic in a router; closing it");
                self.close_room(slot, CloseCause::Panic);
            }
            Blame::Nobody => std::panic::resume_unwind(Box::new(message.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
