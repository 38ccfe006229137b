//! The engine as one Python class. Translates calls; holds no rule. Engine threads never attach to the interpreter.

use medianode_engine as core;
use pyo3::{PyResult, Python, pyclass, pymethods};

use crate::error::{NotRunningError, from_engine, from_json};
use crate::log;

/// The media core: workers with their sockets, transports and routers.
#[pyclass(frozen, module = "medianode._core")]
pub struct Engine {
    /// Always there until it is dropped.
    engine: Option<core::Engine>,
    /// The process that started the workers: a fork has none.
    process: u32,
}

impl Engine {
    fn engine(&self) -> PyResult<&core::Engine> {
        match &self.engine {
            Some(engine) if std::process::id() == self.process => Ok(engine),
            _ => Err(NotRunningError::new_err(
                "the engine does not survive a fork: start one in this process",
            )),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // In a fork there are no workers to wait for.
        if std::process::id() != self.process {
            std::mem::forget(self.engine.take());
        }
    }
}

#[pymethods]
impl Engine {
    /// Starts workers as `config` (JSON) says.
    #[new]
    fn new(py: Python<'_>, config: &str) -> PyResult<Self> {
        let config: core::Config =
            serde_json::from_str(config).map_err(|error| from_json("config", &error))?;
        log::install();
        let engine = py
            .detach(|| core::Engine::start(config))
            .map_err(|error| from_engine(&error))?;
        Ok(Self {
            engine: Some(engine),
            process: std::process::id(),
        })
    }

    /// Queues a command (JSON); its answer is an event with the id that this returns.
    fn submit(&self, command: &str) -> PyResult<u64> {
        let command: core::Command =
            serde_json::from_str(command).map_err(|error| from_json("command", &error))?;
        self.engine()?
            .submit(command)
            .map_err(|error| from_engine(&error))
    }

    /// Takes up to `max` events as a JSON array; empty after the engine was closed and all were read.
    fn poll_events(&self, py: Python<'_>, max: usize) -> PyResult<String> {
        let engine = self.engine()?;
        py.detach(|| serde_json::to_string(&engine.poll_events(max)))
            .map_err(|error| from_json("events", &error))
    }

    /// Takes the core's log lines as a JSON array.
    #[expect(
        clippy::unused_self,
        reason = "the queue belongs to the process, the method to whoever holds the engine"
    )]
    fn poll_logs(&self) -> String {
        log::take()
    }

    /// Readable while events wait.
    fn event_fd(&self) -> PyResult<i32> {
        Ok(self.engine()?.event_fd())
    }

    /// UDP and TCP port of each worker.
    fn media_ports(&self) -> PyResult<Vec<u16>> {
        Ok(self.engine()?.ports().to_vec())
    }

    /// The latest counters as a JSON object.
    fn snapshot(&self, py: Python<'_>) -> PyResult<String> {
        let engine = self.engine()?;
        py.detach(|| serde_json::to_string(&engine.snapshot()))
            .map_err(|error| from_json("snapshot", &error))
    }

    /// Says goodbye to all peers and ends the workers; events that are queued can still be polled. Closing twice does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let engine = self.engine()?;
        py.detach(|| engine.close());
        Ok(())
    }
}
