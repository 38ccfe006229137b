"""Turns what happened into the events of ``@huddle01/server-sdk`` 2.6.2. Pure; times are milliseconds since 1970."""

from medianode.history.records import (
    Happening,
    ParticipantJoined,
    ParticipantLeft,
    RoomSession,
    SessionEnded,
    SessionStarted,
    TrackPublished,
    TrackUnpublished,
)
from medianode.rooms.announce import ClientInfo
from medianode.webhooks.user_agent import browser_of, device_of

Payload = dict[str, object]

EVENTS: dict[type[Happening], str] = {
    SessionStarted: "meeting:started",
    SessionEnded: "meeting:ended",
    ParticipantJoined: "peer:joined",
    ParticipantLeft: "peer:left",
    TrackPublished: "peer:trackPublished",
    TrackUnpublished: "peer:trackUnpublished",
}


def event_of(happening: Happening) -> tuple[str, Payload]:
    """Names the event and writes its payload. Whole numbers only: see ``signature.body_of``."""
    return EVENTS[type(happening)], _payload(happening)


def _payload(happening: Happening) -> Payload:
    match happening:
        case SessionStarted(session=session):
            return _session(session)
        case SessionEnded(session=session):
            return {**_session(session), **_end(session)}
        case ParticipantJoined(participant=peer, room=room, client=client):
            return _present(
                id=peer.peer,
                sessionId=peer.session,
                roomId=room,
                joinedAt=_ms(peer.present_since),
                metadata=peer.metadata,
                role=peer.role,
                **_client(client or ClientInfo()),
            )
        case ParticipantLeft(participant=peer, room=room):
            left_at = peer.left_at or peer.present_since
            return _present(
                id=peer.peer,
                sessionId=peer.session,
                roomId=room,
                leftAt=_ms(left_at),
                duration=_ms(left_at) - _ms(peer.present_since),
                metadata=peer.metadata,
                role=peer.role,
            )
        case TrackPublished(peer=peer, name=name) | TrackUnpublished(peer=peer, name=name):
            return {"id": peer, "track": name}


def _session(session: RoomSession) -> Payload:
    return {"sessionId": session.id, "roomId": session.room, "createdAt": _ms(session.started_at)}


def _end(session: RoomSession) -> Payload:
    ended_at = session.ended_at or session.started_at
    return {
        "endedAt": _ms(ended_at),
        "duration": _ms(ended_at) - _ms(session.started_at),
        "participants": session.participants,
        "maxParticipants": session.most_present,
        "audioMinutes": round(session.audio_seconds / 60),
        "videoMinutes": round(session.video_seconds / 60),
    }


def _client(client: ClientInfo) -> Payload:
    where = {"region": client.region, "country": client.country}
    agent = client.user_agent or ""
    return {
        "version": client.version,
        "browser": browser_of(agent),
        "geoData": where if client.region and client.country else None,
        "device": device_of(agent),
    }


def _present(**fields: object) -> Payload:
    """Leaves out what is not known."""
    return {name: value for name, value in fields.items() if value is not None}


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
