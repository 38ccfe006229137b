"""Constructs everything that lives long, in the order in which it starts. The one place that sees all packages."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from medianode import jws
from medianode.clock import Clock, SystemClock
from medianode.errors import InvalidArgument, Unsupported
from medianode.history.database import Database
from medianode.history.store import History
from medianode.ids import IdSource
from medianode.jws import TokenMint
from medianode.keys import KeyStore
from medianode.node.addresses import announced_ips, is_loopback
from medianode.node.chronicle import Chronicle, retention_of
from medianode.node.wallet import running_wallet
from medianode.rest.app import create_app
from medianode.rest.deps import IceServerLink, Services
from medianode.rest.server import HttpBinding, HttpServer
from medianode.rooms.directory import STOPPING, Directory, RoomLimits
from medianode.rooms.intake import Intake
from medianode.rooms.members import Members
from medianode.rooms.service import RoomService
from medianode.settings import NodeSettings
from medianode.settings.node import host_port
from medianode.sfu.interface import Sfu
from medianode.sfu.sdp import Sdp
from medianode.signalling.huddle01.session import Conversations, IceServer
from medianode.signalling.whip.play import Playing
from medianode.signalling.whip.publish import Publishing

INVITE_ROOM = "lobby"
INVITE_TTL_S = 4 * 3600

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Core:
    """A media plane and its ports."""

    sfu: Sfu
    sdp: Sdp
    media_ports: tuple[int, ...]


CoreFactory = Callable[[dict[str, Any]], Core]


@dataclass
class Node:
    """A running node."""

    settings: NodeSettings
    services: Services
    http: HttpServer
    media_ports: tuple[int, ...]
    announced: list[str]
    first_key: str | None
    """The API key that was made at first start, to be shown once."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def base_url(self) -> str:
        """Says where the pages are, by an address that a person can use."""
        host, _ = host_port(self.settings.http)
        scheme = "https" if self.settings.tls_cert is not None else "http"
        if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            host = next(iter(self.announced), "127.0.0.1")
        shown = f"[{host}]" if ":" in host else host
        return f"{scheme}://{shown}:{self.http.port}"

    @property
    def camera_allowed(self) -> bool:
        """Browsers give camera and microphone to secure contexts only: HTTPS, or this very machine."""
        host, _ = host_port(self.settings.http)
        return self.settings.tls_cert is not None or is_loopback(host)

    def invite_url(self) -> str:
        """Makes a link that lets a person in. The token stands in the fragment, which browsers do not send."""
        token = self.services.mint.mint(INVITE_ROOM, "guest", None, INVITE_TTL_S)
        return f"{self.base_url}/#token={token}"


def native_core(config: dict[str, Any]) -> Core:
    """Starts the compiled core in this process."""
    try:
        # What needs no media (tokens, keys, doctor) must run without the extension.
        from medianode.sfu.native import NativeSfu  # noqa: PLC0415
        from medianode.sfu.native_sdp import NativeSdp  # noqa: PLC0415
    except ImportError as error:
        raise Unsupported(
            f"the compiled core is missing; build and install the package (./task build): {error}"
        ) from error
    sfu = NativeSfu(config)
    return Core(sfu, NativeSdp(), sfu.media_ports())


def engine_config(settings: NodeSettings, announced: list[str]) -> dict[str, Any]:
    """Returns the core's settings."""
    return {
        "workers": settings.workers,
        "first_core": settings.first_core,
        "media_port": settings.media_port,
        "listen_ips": settings.listen_ips,
        "announced_ips": announced,
        "tcp": settings.tcp,
        "offload": settings.offload,
        "limits": settings.engine_limits,
    }


@asynccontextmanager
async def running_node(
    settings: NodeSettings, core_factory: CoreFactory = native_core, clock: Clock | None = None
) -> AsyncIterator[Node]:
    """Starts a node, and stops it in the reverse order on leaving: HTTP, rooms, core, history."""
    clock = clock or SystemClock()
    host, port = host_port(settings.http)
    keys = KeyStore(settings.data_dir, clock)
    mint = TokenMint(jws.load_key(settings.data_dir), clock)
    first_key = keys.create_first("first")
    announced = await announced_ips(settings.announced_ips, host)

    async with AsyncExitStack() as stack:
        wallet = await stack.enter_async_context(running_wallet(settings, clock))
        database = await stack.enter_async_context(Database(settings.data_dir))
        history = History(database, clock, retention_of(settings))
        core = core_factory(engine_config(settings, announced))
        stack.push_async_callback(core.sfu.close)
        ids = IdSource()
        directory = Directory(core.sfu, ids, clock, RoomLimits(**settings.rooms.model_dump()), history)
        rooms = RoomService(core.sfu, directory, ids, clock)
        members = Members(core.sfu, rooms, ids, clock)
        chronicle = Chronicle(settings, database, directory, clock)
        services = Services(
            sfu=core.sfu,
            rooms=rooms,
            conversations=Conversations(members, mint, clock, _member_ice_servers(settings)),
            publishing=Publishing(rooms, core.sdp),
            playing=Playing(rooms, core.sdp),
            mint=mint,
            keys=keys,
            history=history,
            recorder=chronicle.recorder,
            endpoints=chronicle.endpoints,
            ice_servers=_ice_servers(settings),
            wallet=wallet,
        )
        stack.push_async_callback(chronicle.finish)
        await chronicle.start()
        pump = asyncio.create_task(Intake(core.sfu, directory, members).run(), name="room events")
        stack.push_async_callback(_end, core.sfu, directory, pump)
        app = create_app(services, settings.limits.max_body_bytes, settings.limits.body_timeout_s)
        http = HttpServer(app, _binding(settings, host, port))
        stack.push_async_callback(http.stop)
        await http.start()
        node = Node(settings, services, http, core.media_ports, announced, first_key)
        stack.push_async_callback(_wind_down, node)
        yield node


async def _wind_down(node: Node) -> None:
    """Takes nobody in any more, then tells everybody before the doors close."""
    services = node.services
    services.rooms.draining = True
    directory = services.rooms.directory
    directory.end_all(STOPPING)
    await services.recorder.finish()
    directory.announcer.end_all()
    # The last words of event streams, and goodbyes of transports, need a moment on the wire.
    await asyncio.sleep(0.2)


async def _end(sfu: Sfu, directory: Directory, pump: asyncio.Task[None]) -> None:
    """Ends what came after the goodbyes, and the core."""
    directory.end_all(STOPPING)
    await sfu.close()
    await asyncio.wait([pump], timeout=1)
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)


def _member_ice_servers(settings: NodeSettings) -> tuple[IceServer, ...]:
    return tuple(IceServer(link.url, link.username, link.credential) for link in _ice_servers(settings))


def _ice_servers(settings: NodeSettings) -> tuple[IceServerLink, ...]:
    return tuple(
        IceServerLink(
            server.url,
            server.username,
            server.credential.get_secret_value() if server.credential is not None else None,
        )
        for server in settings.ice_servers
    )


def _binding(settings: NodeSettings, host: str, port: int) -> HttpBinding:
    limits = settings.limits
    if settings.media_port and settings.media_port == port:
        raise InvalidArgument(f"HTTP and media cannot both have port {port}")
    return HttpBinding(
        host=host,
        port=port,
        tls_cert=settings.tls_cert,
        tls_key=settings.tls_key,
        trusted_proxies=tuple(settings.trusted_proxies),
        header_timeout_s=limits.header_timeout_s,
        keep_alive_s=limits.keep_alive_s,
        connections=limits.connections,
    )
