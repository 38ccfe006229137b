"""Joins the node's counters with the sessions they belong to. Counts nothing itself."""

from medianode.rest.schemas import RoomStats, SessionStats
from medianode.rooms.room import Player, Room, Session, Source
from medianode.sfu.interface import Snapshot
from medianode.sfu.snapshots import router_in, transport_in


def stats_of(room: Room, snapshot: Snapshot, now: float) -> RoomStats:
    """Describes the counters of a room's sessions."""
    router = router_in(snapshot, room.router)
    producers, consumers = router.get("producers", []), router.get("consumers", [])
    sessions = []
    for peer in room.peers.values():
        for session in [*peer.sources.values(), *peer.players.values()]:
            own = session.transport
            sessions.append(
                SessionStats(
                    session=session.id,
                    peer=peer.name,
                    kind="publish" if isinstance(session, Source) else "play",
                    label=_label(session),
                    connected=session.connected,
                    seconds=round(now - session.started, 1),
                    transport=transport_in(router, own),
                    producers=[item for item in producers if item.get("transport") == own],
                    consumers=[item for item in consumers if item.get("transport") == own],
                )
            )
    return RoomStats(room=room.name, sessions=sessions)


def _label(session: Session) -> str:
    if isinstance(session, Source):
        return session.label
    return session.target.label if isinstance(session, Player) else ""
