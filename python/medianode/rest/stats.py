"""Joins the node's counters with the sessions they belong to. Counts nothing itself."""

from medianode.ids import TransportId
from medianode.rest.schemas import RoomStats, SessionStats
from medianode.rooms.room import Membership, Player, Publisher, Room, Session
from medianode.sfu.interface import Snapshot
from medianode.sfu.snapshots import router_in, transport_in


def stats_of(room: Room, snapshot: Snapshot, now: float) -> RoomStats:
    """Describes the counters of a room's sessions."""
    router = router_in(snapshot, room.router)
    producers, consumers = router.get("producers", []), router.get("consumers", [])
    sessions = []
    for peer in room.peers.values():
        for session in peer.sessions():
            for own, kind in _transports(session):
                sessions.append(
                    SessionStats(
                        session=session.id,
                        peer=peer.name,
                        kind=kind,
                        label=_label(session),
                        connected=session.connected,
                        seconds=round(now - session.started, 1),
                        transport=transport_in(router, own),
                        producers=[item for item in producers if item.get("transport") == own],
                        consumers=[item for item in consumers if item.get("transport") == own],
                    )
                )
    return RoomStats(room=room.name, sessions=sessions)


def _transports(session: Session) -> list[tuple[TransportId, str]]:
    """Lists the transports of a session and which way each goes."""
    if isinstance(session, Membership):
        legs = ((session.send, "publish"), (session.receive, "play"))
        return [(leg.id, kind) for leg, kind in legs if leg is not None]
    return [
        (transport, "publish" if isinstance(session, Publisher) else "play")
        for transport in session.transports
    ]


def _label(session: Session) -> str:
    if isinstance(session, Publisher):
        return session.source.label
    return session.target.label if isinstance(session, Player) else ""
