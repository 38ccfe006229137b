"""The ``Sfu`` of this process, over the compiled core. Owns the map of pending answers and the wake-ups of the event queue."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import structlog

from medianode import _core
from medianode.errors import (
    Conflict,
    EnginePanic,
    InternalError,
    InvalidArgument,
    LimitReached,
    MedianodeError,
    NetworkUnavailable,
    NotFound,
    Overloaded,
    Unsupported,
    WrongState,
)
from medianode.sfu import wire
from medianode.sfu.commands import REPLY_TAGS, Command, Done, Refusal, RefusalKind, Reply
from medianode.sfu.events import Event
from medianode.sfu.interface import Snapshot

BATCH = 1024
REPLY_TIMEOUT_S = 5.0
LOG_PERIOD_S = 2.0

_EVENTS = wire.tags(Event)

_REFUSALS: dict[RefusalKind, type[MedianodeError]] = {
    RefusalKind.INVALID_ARGUMENT: InvalidArgument,
    RefusalKind.NOT_FOUND: NotFound,
    RefusalKind.CONFLICT: Conflict,
    RefusalKind.WRONG_STATE: WrongState,
    RefusalKind.UNSUPPORTED: Unsupported,
    RefusalKind.LIMIT_REACHED: LimitReached,
    RefusalKind.INTERNAL: InternalError,
}

T = TypeVar("T")

log = structlog.get_logger(__name__)


class NativeSfu:
    """Runs the core in this process. Create it inside a running event loop, which it then belongs to."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._loop = asyncio.get_running_loop()
        self._pending: dict[int, asyncio.Future[Reply]] = {}
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._closed = False
        self._engine = _call(lambda: _core.Engine(json.dumps(config)))
        self._fd = self._engine.event_fd()
        self._loop.add_reader(self._fd, self._drain)
        self._log_timer = self._loop.call_later(LOG_PERIOD_S, self._drain_logs_again)

    def submit(self, command: Command) -> asyncio.Future[Reply]:
        """Queues a command; see ``Sfu.submit``."""
        if self._closed:
            raise WrongState("the core is closed")
        text = json.dumps(wire.encode_tagged(command))
        future: asyncio.Future[Reply] = self._loop.create_future()
        future.add_done_callback(_retrieve)
        number = _call(lambda: self._engine.submit(text))
        self._pending[number] = future
        timer = self._loop.call_later(REPLY_TIMEOUT_S, self._late, number, type(command).__name__)
        future.add_done_callback(lambda _: timer.cancel())
        return future

    async def events(self) -> AsyncIterator[Event]:
        """Yields facts until the core is closed."""
        while (event := await self._events.get()) is not None:
            yield event

    def media_ports(self) -> tuple[int, ...]:
        """Returns the UDP and TCP port of each worker."""
        return tuple(_call(self._engine.media_ports))

    def snapshot(self) -> Snapshot:
        """Returns the latest counters."""
        if self._closed:
            return {}
        snapshot: Snapshot = json.loads(_call(self._engine.snapshot))
        return snapshot

    async def close(self) -> None:
        """Ends the core: its workers say goodbye to the peers and stop. Events that are already queued are still read."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._fd)
        try:
            await self._loop.run_in_executor(None, self._engine.close)
        finally:
            self._log_timer.cancel()
            self._drain()
            for future in self._pending.values():
                if not future.done():
                    future.set_exception(WrongState("the core was closed"))
            self._pending.clear()
            self._events.put_nowait(None)

    def _late(self, number: int, command: str) -> None:
        future = self._pending.pop(number, None)
        if future is not None and not future.done():
            log.error("the core did not answer", command=command, seconds=REPLY_TIMEOUT_S)
            future.set_exception(Overloaded(f"{command} was not answered in {REPLY_TIMEOUT_S} s"))

    def _drain(self) -> None:
        """Takes whole batches until the queue is empty; one attach to the core per batch, none per event."""
        while True:
            batch = json.loads(self._engine.poll_events(BATCH))
            for item in batch:
                self._take(item)
            if len(batch) < BATCH:
                break
        self._drain_logs()

    def _drain_logs(self) -> None:
        """Hands on what the core logged. It does not wake us for that: what it logs beside an event comes with it."""
        for line in json.loads(self._engine.poll_logs()):
            _log_line(line)

    def _drain_logs_again(self) -> None:
        self._drain_logs()
        self._log_timer = self._loop.call_later(LOG_PERIOD_S, self._drain_logs_again)

    def _take(self, item: dict[str, Any]) -> None:
        if item["type"] == "reply":
            self._answer(item)
            return
        kind = _EVENTS.get(item["type"])
        if kind is None:
            log.error("the core told something unknown", type=item["type"])
            return
        self._events.put_nowait(wire.decode(kind, item))

    def _answer(self, item: dict[str, Any]) -> None:
        future = self._pending.pop(item["id"], None)
        if future is None or future.done():
            return
        if item.get("refusal") is not None:
            refusal = wire.decode(Refusal, item["refusal"])
            future.set_exception(_REFUSALS[refusal.kind](refusal.detail))
        elif item.get("reply") is not None:
            future.set_result(wire.decode(REPLY_TAGS[item["reply"]["type"]], item["reply"]))
        else:
            future.set_result(Done())


def _retrieve(future: asyncio.Future[Reply]) -> None:
    """Marks an error as seen, so that an answer nobody waits for leaves no warning behind."""
    if not future.cancelled():
        future.exception()


def _call(function: Callable[[], T]) -> T:
    """Calls into the core; whatever it raises becomes one of our errors, a Rust panic included."""
    try:
        return function()
    except _core.QueueFullError as error:
        raise Overloaded(str(error)) from error
    except _core.NotRunningError as error:
        raise WrongState(str(error)) from error
    except ValueError as error:
        raise InvalidArgument(str(error)) from error
    except OSError as error:
        raise NetworkUnavailable(str(error)) from error
    except BaseException as error:
        if (
            type(error).__name__ == "PanicException"
        ):  # not an Exception, so that it would pass every other net
            raise EnginePanic(f"the core panicked: {error}") from error
        raise


def _log_line(line: dict[str, Any]) -> None:
    level = str(line.get("level", "info")).lower()
    method = {"trace": "debug", "warn": "warning"}.get(level, level)
    fields = {key: value for key, value in line.items() if key not in ("level", "message", "event")}
    getattr(log, method, log.info)(str(line.get("message", line.get("event", ""))), **fields)
