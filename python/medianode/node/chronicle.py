"""Puts together what remembers and passes on what happens in rooms: history and webhooks."""

import ipaddress

from medianode.clock import Clock
from medianode.history.database import Database
from medianode.history.picture import picture
from medianode.history.recorder import Recorder
from medianode.history.retention import Retention
from medianode.outbound import Outbound
from medianode.rooms.directory import Directory
from medianode.settings import NodeSettings
from medianode.webhooks.delivery import Delivery
from medianode.webhooks.outbox import Endpoint, Outbox


def retention_of(settings: NodeSettings) -> Retention:
    """Returns how much history is kept."""
    return Retention(**settings.history.model_dump())


class Chronicle:
    """Follows the rooms of a node."""

    def __init__(
        self, settings: NodeSettings, database: Database, directory: Directory, clock: Clock
    ) -> None:
        hooks = settings.webhooks
        self.endpoints = tuple(
            Endpoint(endpoint.url, endpoint.secret.get_secret_value(), frozenset(endpoint.events))
            for endpoint in hooks.endpoints
        )
        outbox = Outbox(self.endpoints, hooks.queue)
        allowed = [ipaddress.ip_network(network) for network in hooks.allowed_networks]
        self._delivery = Delivery(database, outbox, Outbound(allowed), clock, hooks.keep_hours * 3600)
        self.recorder = Recorder(
            database,
            directory.announcer,
            clock,
            retention_of(settings),
            lambda: picture(directory.rooms()),
            outbox,
        )

    async def start(self) -> None:
        """Begins to follow and to send."""
        await self.recorder.start()
        await self._delivery.start()

    async def finish(self) -> None:
        """Writes and sends the last of it."""
        await self.recorder.finish()
        await self._delivery.finish()
