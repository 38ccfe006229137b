"""Counters in the OpenMetrics text format. Owns the names; counts nothing itself."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from medianode import __version__
from medianode.rooms.directory import Directory
from medianode.sfu.interface import Snapshot
from medianode.wallet.facts import WalletFacts
from medianode.webhooks.outbox import Endpoint

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

Sample = tuple[dict[str, str], float]


def metrics_text(
    directory: Directory,
    snapshot: Snapshot,
    facts_lost: int,
    endpoints: Sequence[Endpoint],
    wallet: WalletFacts,
) -> str:
    """Writes everything that is counted. Labels are ours alone: no name that a client chose becomes a series."""
    lines: list[str] = []
    rooms = directory.rooms()
    lines += _family("medianode_build", "info", "Version of this node.", [({"version": __version__}, 1)])
    lines += _family("medianode_rooms", "gauge", "Open rooms.", [({}, len(rooms))])
    lines += _family(
        "medianode_peers", "gauge", "Peers in all rooms.", [({}, sum(len(r.peers) for r in rooms))]
    )
    lines += _family(
        "medianode_sessions", "gauge", "Open WHIP and WHEP sessions.", [({}, len(directory.sessions()))]
    )
    lines += _family(
        "medianode_sessions_started",
        "counter",
        "Sessions that were opened.",
        [({}, directory.sessions_started)],
    )
    lines += _family(
        "medianode_sessions_ended",
        "counter",
        "Sessions that ended, by cause.",
        [({"cause": cause}, count) for cause, count in sorted(directory.sessions_ended.items())],
    )
    lines += _family(
        "medianode_history_facts_lost",
        "counter",
        "What happened and could not be written down.",
        [({}, facts_lost)],
    )
    lines += _family(
        "medianode_webhooks",
        "counter",
        "Tries that were delivered, failed or refused; events that were given up, expired or dropped.",
        [
            ({"endpoint": str(number), "outcome": outcome}, count)
            for number, endpoint in enumerate(endpoints)
            for outcome, count in endpoint.counts.items()
        ],
    )
    lines += _wallet(wallet)
    lines += _core(snapshot)
    return "\n".join([*lines, "# EOF", ""])


def _wallet(wallet: WalletFacts) -> Iterator[str]:
    """Writes how the key is, and what the chain shows of it."""
    yield from _family(
        "medianode_wallet_ready", "gauge", "1 when the key is open.", [({}, wallet.state == "ready")]
    )
    requests = [({"event": event}, count) for event, count in sorted(wallet.signatures.items())]
    yield from _family(
        "medianode_wallet_signatures", "counter", "Lines of the audit log, by event.", requests
    )
    chain = wallet.chain
    if chain is None:
        return
    figures = (
        ("balance_wei", "What the key has for gas.", chain.balance_wei),
        ("actions_left", "Transactions that the balance pays for.", chain.actions_left),
        ("pending", "Transactions that are not final.", chain.pending),
        ("oldest_pending_seconds", "Age of the oldest of them.", chain.oldest_pending_s),
    )
    for name, text, value in figures:
        if value is not None:
            yield from _family(f"medianode_wallet_{name}", "gauge", text, [({}, value)])
    alarms = [({"alarm": name}, 1) for name in chain.alarms]
    yield from _family("medianode_wallet_alarm", "gauge", "1 while an operator must look.", alarms)
    up = [({"endpoint": str(endpoint.index)}, float(endpoint.up)) for endpoint in chain.endpoints]
    yield from _family("medianode_wallet_endpoint_up", "gauge", "1 when the RPC endpoint is used.", up)


def _core(snapshot: Snapshot) -> Iterator[str]:
    """Writes the numbers of the core: one family a name, one sample a worker."""
    families: dict[str, list[Sample]] = {}
    _collect(families, {key: value for key, value in snapshot.items() if key != "workers"}, "", {})
    for index, worker in enumerate(snapshot.get("workers", [])):
        totals = {key: value for key, value in worker.items() if key != "routers"}
        labels = {"worker": str(index)}
        _collect(families, totals, "worker_", labels)
        _collect(families, _sums(worker.get("routers", [])), "worker_", labels)
    for name, samples in sorted(families.items()):
        yield from _family(f"medianode_core_{name}", "unknown", "Counted by the core.", samples)


def _sums(routers: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Adds up what the routers of a worker carry now."""
    producers = [producer for router in routers for producer in router.get("producers", [])]
    consumers = [consumer for router in routers for consumer in router.get("consumers", [])]
    encodings = [encoding for producer in producers for encoding in producer.get("encodings", [])]
    discarded: dict[str, int] = {}
    for router in routers:
        for cause, count in router.get("packets_discarded", {}).items():
            discarded[cause] = discarded.get(cause, 0) + count
    return {
        "routers": len(routers),
        "producers": len(producers),
        "consumers": len(consumers),
        "incoming_bitrate": sum(encoding.get("bitrate", 0) for encoding in encodings),
        "outgoing_bitrate": sum(consumer.get("bitrate", 0) for consumer in consumers),
        "packets_discarded": discarded,
    }


def _collect(
    families: dict[str, list[Sample]], values: Mapping[str, Any], prefix: str, labels: dict[str, str]
) -> None:
    for key, value in values.items():
        name = prefix + re.sub(r"\W", "_", key)
        if isinstance(value, bool | int | float):
            families.setdefault(name, []).append((labels, float(value)))
        elif isinstance(value, Mapping):
            for cause, count in value.items():
                if isinstance(count, int | float):
                    families.setdefault(name, []).append(({**labels, "kind": str(cause)}, float(count)))
                elif isinstance(count, Mapping):
                    _collect(families, {cause: count}, f"{name}_", labels)


def _family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# TYPE {name} {kind}"
    yield f"# HELP {name} {text}"
    suffix = {"counter": "_total", "info": "_info"}.get(kind, "")
    for labels, value in samples:
        inside = ",".join(f'{key}="{_escape(item)}"' for key, item in labels.items())
        yield f"{name}{suffix}{{{inside}}} {_number(value)}" if inside else f"{name}{suffix} {_number(value)}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
