//! The handle of a running engine: starts and stops the workers, and knows which of them has what. Owns no media state.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;

use medianode_webrtc::{Certificate, DtlsContext};

use crate::net::udp::{self, UdpSocket};
use crate::net::{tcp, thread};
use crate::queue::{self, CommandSender, EventQueue};
use crate::routes::{Routes, Verdict};
use crate::snapshot::{Snapshot, WorkerSnapshot};
use crate::worker::{Setup, Shared, Worker};
use crate::{Command, Config, Error, Event};

/// Tries for one port number that is free for UDP and TCP on all addresses.
const PORT_TRIES: usize = 64;

/// A running engine. Dropping it closes it.
pub struct Engine {
    workers: Vec<CommandSender>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    routes: Mutex<Routes>,
    shared: Arc<Shared>,
    ports: Vec<u16>,
}

impl Engine {
    /// Binds all sockets and starts the workers.
    ///
    /// # Errors
    /// [`Error::Config`] for a setting that cannot work, [`Error::Io`] when a socket, thread or descriptor cannot be had.
    pub fn start(config: Config) -> Result<Engine, Error> {
        let count = config.validate()?;
        let gso = config.offload && udp::probe_gso();
        let dtls = Certificate::generate()
            .and_then(DtlsContext::new)
            .map_err(|error| Error::io("certificate")(std::io::Error::other(error)))?;
        let shared = Arc::new(Shared {
            events: EventQueue::new(&config.limits)?,
            snapshots: (0..count)
                .map(|_| Mutex::new(Arc::new(WorkerSnapshot::default())))
                .collect(),
            stop: AtomicBool::new(false),
        });
        let mut engine = Engine {
            workers: Vec::new(),
            threads: Mutex::default(),
            routes: Mutex::new(Routes::new(count)),
            shared: shared.clone(),
            ports: Vec::new(),
        };
        let config = Arc::new(config);
        for index in 0..count {
            let bound = Bound::new(&config, index)?;
            let (sender, commands) = queue::commands(&config.limits)?;
            engine.workers.push(sender);
            engine.ports.push(bound.port);
            let (config, dtls, shared) = (config.clone(), dtls.clone(), shared.clone());
            let Bound {
                port,
                udp,
                listeners,
            } = bound;
            let setup = Setup {
                index,
                port,
                config,
                dtls,
                udp,
                listeners,
                gso,
                commands,
                shared,
            };
            let thread = spawn(setup)?;
            lock(&engine.threads).push(thread);
        }
        tracing::info!(workers = count, ports = ?engine.ports, gso, "engine started");
        Ok(engine)
    }

    /// Queues a command and returns its id, which the [`Event::Reply`] repeats. Never blocks.
    ///
    /// # Errors
    /// [`Error::QueueFull`] or [`Error::NotRunning`]; then nothing was queued.
    pub fn submit(&self, command: Command) -> Result<u64, Error> {
        if self.shared.stop.load(Ordering::Acquire) {
            return Err(Error::NotRunning);
        }
        let mut routes = lock(&self.routes);
        let id = routes.next_id();
        match routes.route(id, &command) {
            Verdict::Worker(worker) => {
                let sent = self.workers.get(worker).ok_or(Error::NotRunning);
                if let Err(error) = sent.and_then(|worker| worker.send(id, command)) {
                    routes.take_back(id);
                    return Err(error);
                }
            }
            Verdict::Answered(reply) => {
                self.shared.events.push(&mut vec![reply]);
            }
        }
        Ok(id)
    }

    /// Takes up to `max` events, in order for each worker.
    pub fn poll_events(&self, max: usize) -> Vec<Event> {
        let events = self.shared.events.poll(max);
        if !events.is_empty() {
            let mut routes = lock(&self.routes);
            events.iter().for_each(|event| routes.learn(event));
        }
        events
    }

    /// A descriptor that is readable while events wait. It belongs to the engine.
    pub fn event_fd(&self) -> RawFd {
        self.shared.events.as_raw_fd()
    }

    /// The latest numbers of every worker.
    pub fn snapshot(&self) -> Snapshot {
        let latest = |worker: &Mutex<Arc<WorkerSnapshot>>| lock(worker).clone();
        Snapshot {
            workers: self.shared.snapshots.iter().map(latest).collect(),
            ports: self.ports.clone(),
            events_queued: self.shared.events.len(),
        }
    }

    /// UDP and TCP port of each worker.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Says goodbye to all peers, stops the workers and waits for them. Events can still be polled. Closing twice does nothing.
    pub fn close(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.workers.iter().for_each(CommandSender::wake);
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            if thread.join().is_err() {
                tracing::error!("a worker's thread ended in a panic");
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

/// Locks what no panic leaves half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a worker's thread and waits until it runs.
fn spawn(setup: Setup) -> Result<JoinHandle<()>, Error> {
    let (started, starting) = mpsc::channel();
    let index = setup.index;
    let core = setup.config.first_core.map(|first| first + index);
    let body = move || {
        thread::block_signals();
        if let Some(core) = core
            && !thread::pin(core)
        {
            tracing::debug!(worker = index, core, "not pinned");
        }
        // Made here: it never leaves this thread.
        match Worker::new(setup) {
            Ok(worker) => {
                let _ = started.send(Ok(()));
                worker.run();
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        }
    };
    let thread = std::thread::Builder::new()
        .name(format!("medianode-{index}"))
        .spawn(body)
        .map_err(Error::io("thread"))?;
    match starting.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(error)) => Err(Error::io("worker")(error)),
        Err(_) => Err(Error::io("worker")(std::io::Error::other(
            "ended at its start",
        ))),
    }
}

/// The sockets of one worker, all on one port number.
struct Bound {
    port: u16,
    udp: Vec<UdpSocket>,
    listeners: Vec<TcpListener>,
}

impl Bound {
    fn new(config: &Config, index: usize) -> Result<Self, Error> {
        if config.media_port != 0 {
            let port = config
                .media_port
                .checked_add(index as u16)
                .ok_or(Error::Config {
                    name: "media_port",
                    reason: "leaves no port number for every worker".to_owned(),
                })?;
            return Self::on(config, port);
        }
        let mut last = Error::io("media port")(std::io::Error::other("no free port"));
        for _ in 0..PORT_TRIES {
            match Self::on(config, 0) {
                Ok(bound) => return Ok(bound),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// With port 0 the first address chooses the number; the others may find it taken.
    fn on(config: &Config, port: u16) -> Result<Self, Error> {
        let mut bound = Self {
            port,
            udp: Vec::new(),
            listeners: Vec::new(),
        };
        for ip in &config.listen_ips {
            let refused = |error| Error::io(&format!("media port {} on {ip}", bound.port))(error);
            let socket = match UdpSocket::bind(SocketAddr::new(*ip, bound.port), config.offload) {
                Ok(socket) => socket,
                Err(error) if ip.is_ipv6() && ip.is_unspecified() && no_family(&error) => {
                    tracing::info!("this machine has no IPv6");
                    continue;
                }
                Err(error) => return Err(refused(error)),
            };
            let port = socket.local().port();
            if config.tcp {
                let listener = tcp::listen(SocketAddr::new(*ip, port)).map_err(refused)?;
                bound.listeners.push(listener);
            }
            bound.port = port;
            bound.udp.push(socket);
        }
        if bound.udp.is_empty() {
            let none = std::io::Error::other("none of the listen addresses is usable");
            return Err(Error::io("media port")(none));
        }
        Ok(bound)
    }
}

fn no_family(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::AddrNotAvailable | std::io::ErrorKind::Unsupported
    ) || error.raw_os_error() == Some(97) // EAFNOSUPPORT
}
