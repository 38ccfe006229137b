"""Finds one router or transport in a snapshot of counters. Counts nothing itself."""

from collections.abc import Mapping
from typing import Any

from medianode.ids import RouterId, TransportId
from medianode.sfu.interface import Snapshot


def routers_in(snapshot: Snapshot) -> list[Mapping[str, Any]]:
    """Lists the routers of all workers."""
    return [router for worker in snapshot.get("workers", []) for router in worker.get("routers", [])]


def router_in(snapshot: Snapshot, router: RouterId) -> Mapping[str, Any]:
    """Returns the counters of one router; empty if it is too young for this snapshot."""
    return next((found for found in routers_in(snapshot) if found.get("router") == router), {})


def transport_in(router: Mapping[str, Any], transport: TransportId) -> dict[str, Any]:
    """Returns the counters of one transport of a router: its association's and its estimates."""
    found: dict[str, Any] = {}
    for part in (*router.get("transports", []), *router.get("legs", [])):
        if part.get("transport") == transport:
            found |= part
    return found
