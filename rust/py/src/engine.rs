//! The engine as one Python class. Translates calls; holds no rule. Engine threads never attach to the interpreter.

use std::sync::{Mutex, PoisonError};

use medianode_engine as core;
use pyo3::{PyResult, Python, pyclass, pymethods};

use crate::error::{NotRunningError, from_engine, from_json};
use crate::log;

/// The media core: workers with their sockets, transports and routers.
#[pyclass(frozen, module = "medianode._core")]
pub struct Engine {
    engine: Mutex<Option<core::Engine>>,
    /// The process that started the workers: a fork has none.
    process: u32,
    ports: Vec<u16>,
    event_fd: i32,
}

impl Engine {
    fn with<T>(&self, act: impl FnOnce(&mut core::Engine) -> Result<T, core::Error>) -> PyResult<T> {
        if std::process::id() != self.process {
            return Err(NotRunningError::new_err("the engine does not survive a fork: start one in this process"));
        }
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let engine = engine.as_mut().ok_or_else(|| from_engine(&core::Error::NotRunning))?;
        act(engine).map_err(|error| from_engine(&error))
    }
}

#[pymethods]
impl Engine {
    /// Starts workers as `config` (JSON) says.
    #[new]
    fn new(py: Python<'_>, config: &str) -> PyResult<Self> {
        let config: core::Config = serde_json::from_str(config).map_err(|error| from_json("config", &error))?;
        log::install();
        let engine = py.detach(|| core::Engine::start(config)).map_err(|error| from_engine(&error))?;
        Ok(Self {
            ports: engine.ports().to_vec(),
            event_fd: engine.event_fd(),
            engine: Mutex::new(Some(engine)),
            process: std::process::id(),
        })
    }

    /// Queues a command (JSON); its answer is an event with the id that this returns.
    fn submit(&self, command: &str) -> PyResult<u64> {
        let command: core::Command = serde_json::from_str(command).map_err(|error| from_json("command", &error))?;
        self.with(|engine| engine.submit(command))
    }

    /// Takes up to `max` events as a JSON array; empty after the engine was closed and all were read.
    fn poll_events(&self, py: Python<'_>, max: usize) -> PyResult<String> {
        let events = py.detach(|| self.with(|engine| Ok(engine.poll_events(max))));
        let events = match events {
            Err(error) if error.is_instance_of::<NotRunningError>(py) => Vec::new(),
            other => other?,
        };
        serde_json::to_string(&events).map_err(|error| from_json("events", &error))
    }

    /// Takes the core's log lines as a JSON array.
    #[expect(clippy::unused_self, reason = "the queue belongs to the process, the method to whoever holds the engine")]
    fn poll_logs(&self) -> String {
        log::take()
    }

    /// Readable while events wait.
    fn event_fd(&self) -> i32 {
        self.event_fd
    }

    /// UDP and TCP port of each worker.
    fn media_ports(&self) -> Vec<u16> {
        self.ports.clone()
    }

    /// The latest counters as a JSON object.
    fn snapshot(&self) -> PyResult<String> {
        let snapshot = self.with(|engine| Ok(engine.snapshot()))?;
        serde_json::to_string(&snapshot).map_err(|error| from_json("snapshot", &error))
    }

    /// Says goodbye to all peers and ends the workers; events that are queued can still be polled. Closing twice does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let closed = py.detach(|| {
            self.with(|engine| {
                engine.close();
                Ok(())
            })
        });
        match closed {
            Err(error) if error.is_instance_of::<NotRunningError>(py) => Ok(()),
            other => other,
        }
    }
}
