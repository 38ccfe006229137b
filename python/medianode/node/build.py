"""Constructs everything that lives long, in the order in which it starts. The one place that sees all packages."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from medianode import jws
from medianode.clock import Clock, SystemClock
from medianode.errors import InvalidArgument, Unsupported
from medianode.ids import IdSource
from medianode.jws import TokenMint
from medianode.keys import KeyStore
from medianode.node.addresses import announced_ips, is_loopback
from medianode.node.chain import NodeChain, node_policy
from medianode.node.key import key_choice
from medianode.rest.app import create_app
from medianode.rest.deps import IceServerLink, Services
from medianode.rest.server import HttpBinding, HttpServer
from medianode.rooms.directory import Directory, RoomLimits
from medianode.rooms.service import RoomService
from medianode.settings import NodeSettings
from medianode.settings.node import host_port
from medianode.sfu.interface import Sfu
from medianode.sfu.sdp import Sdp
from medianode.signalling.whip.play import Playing
from medianode.signalling.whip.publish import Publishing
from medianode.wallet.facts import Observed, WalletView
from medianode.wallet.keys.choice import ledger_folder
from medianode.wallet.keys.node_key import NodeKey

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
    """Starts a node, and stops it in the reverse order on leaving: HTTP, rooms, core (layout.md 9.3)."""
    clock = clock or SystemClock()
    host, port = host_port(settings.http)
    keys = KeyStore(settings.data_dir, clock)
    mint = TokenMint(jws.load_key(settings.data_dir), clock)
    first_key = keys.create_first("first")
    announced = await announced_ips(settings.announced_ips, host)
    key = _key(settings, clock)
    chain = NodeChain(settings, key, clock) if settings.chain.rpc else None

    core = core_factory(engine_config(settings, announced))
    try:
        ids = IdSource()
        limits = RoomLimits(**settings.rooms.model_dump())
        directory = Directory(core.sfu, ids, clock, limits)
        rooms = RoomService(core.sfu, directory, ids, clock)
        services = Services(
            sfu=core.sfu,
            rooms=rooms,
            publishing=Publishing(rooms, core.sdp),
            playing=Playing(rooms, core.sdp),
            mint=mint,
            keys=keys,
            ice_servers=_ice_servers(settings),
            wallet=WalletView(key, chain),
        )
        app = create_app(services, settings.limits.max_body_bytes, settings.limits.body_timeout_s)
        http = HttpServer(app, _binding(settings, host, port))
        pump = asyncio.create_task(directory.run(), name="room events")
        wallet = [asyncio.create_task(key.run(), name="wallet key")] if isinstance(key, NodeKey) else []
        if chain is not None:
            wallet.append(asyncio.create_task(chain.run(), name="wallet chain"))
        try:
            await http.start()
            node = Node(settings, services, http, core.media_ports, announced, first_key)
            try:
                yield node
            finally:
                await _wind_down(node)
        finally:
            await http.stop()
            directory.end_all("the node is stopping")
            await core.sfu.close()
            await asyncio.wait([pump], timeout=1)
            for task in (pump, *wallet):
                task.cancel()
            await asyncio.gather(pump, *wallet, return_exceptions=True)
    finally:
        await core.sfu.close()


async def _wind_down(node: Node) -> None:
    """Takes nobody in any more, then tells everybody before the doors close."""
    node.services.rooms.draining = True
    directory = node.services.rooms.directory
    directory.end_all("the node is stopping")
    directory.announcer.end_all()
    # The last words of event streams, and goodbyes of transports, need a moment on the wire.
    await asyncio.sleep(0.2)


def _key(settings: NodeSettings, clock: Clock) -> NodeKey | Observed:
    """Returns the node's key, or what stands for it in a node that only looks at another."""
    if settings.chain.observe is not None:
        return Observed(settings.chain.observe)
    choice = key_choice(settings)
    return NodeKey(
        choice, ledger_folder(choice, settings.data_dir), clock, policy=lambda: node_policy(settings)
    )


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
