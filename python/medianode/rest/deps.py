"""What the routes work with, and who calls them. Proves identities; decides no right in a room."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from medianode.errors import PermissionDenied, Unauthenticated
from medianode.history.recorder import Recorder
from medianode.history.store import History
from medianode.jws import TokenMint
from medianode.keys import KeyStore
from medianode.rooms.service import RoomService
from medianode.rooms.tokens import Grant, grant_of
from medianode.sfu.interface import Sfu
from medianode.signalling.huddle01.session import Conversations
from medianode.signalling.whip.play import Playing
from medianode.signalling.whip.publish import Publishing
from medianode.wallet.facts import WalletView
from medianode.webhooks.outbox import Endpoint


@dataclass(frozen=True, slots=True)
class IceServerLink:
    """One STUN or TURN server as clients are told of it (RFC 9725 section 4.6)."""

    url: str
    username: str | None = None
    credential: str | None = None

    def header(self) -> str:
        """Writes the value of a Link header."""
        parts = [f"<{self.url}>", 'rel="ice-server"']
        if self.username is not None:
            parts.append(f'username="{self.username}"')
        if self.credential is not None:
            parts += [f'credential="{self.credential}"', 'credential-type="password"']
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the routes call, made by the composition root."""

    sfu: Sfu
    rooms: RoomService
    conversations: Conversations
    publishing: Publishing
    playing: Playing
    mint: TokenMint
    keys: KeyStore
    history: History
    recorder: Recorder
    wallet: WalletView
    endpoints: tuple[Endpoint, ...] = ()
    """Whom webhooks are sent to."""
    ice_servers: tuple[IceServerLink, ...] = ()


_bearer = HTTPBearer(auto_error=False, description="an API key, or a client's token where the text says so")


def services(request: Request) -> Services:
    """Finds the services of this application."""
    found: Services = request.app.state.services
    return found


Ours = Annotated[Services, Depends(services)]
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def operator(ours: Ours, credentials: Credentials) -> str:
    """Lets in whoever has an API key; returns the key's id."""
    key = ours.keys.check(credentials.credentials) if credentials is not None else None
    if key is None:
        raise Unauthenticated("this needs an API key (medianode keys create)")
    return key.id


def client(ours: Ours, credentials: Credentials) -> Grant:
    """Lets in whoever has a client's token."""
    if credentials is None:
        raise Unauthenticated("this needs a token (medianode token --room ROOM)")
    return grant_of(ours.mint.verify(credentials.credentials))


def operator_or_client(ours: Ours, credentials: Credentials) -> Grant | None:
    """Lets in both; none stands for an operator."""
    if credentials is not None and ours.keys.check(credentials.credentials) is not None:
        return None
    return client(ours, credentials)


def operator_or_moderator(room: str, ours: Ours, credentials: Credentials) -> None:
    """Lets in an operator, and a client that moderates this room."""
    grant = operator_or_client(ours, credentials)
    if grant is not None and not grant.for_room(room).permissions.moderate:
        raise PermissionDenied("this token may not moderate")


Operator = Annotated[str, Depends(operator)]
Client = Annotated[Grant, Depends(client)]
OperatorOrClient = Annotated[Grant | None, Depends(operator_or_client)]
OperatorOrModerator = Annotated[None, Depends(operator_or_moderator)]
