"""``medianode token``: prints a token for a client and nothing else."""

import json
import re
from typing import Annotated

import typer

from medianode import jws
from medianode.cli import options
from medianode.cli.options import settings_from
from medianode.clock import SystemClock
from medianode.errors import InvalidArgument
from medianode.rooms.roles import Role
from medianode.rooms.tokens import checked_extras

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def token(
    room: Annotated[str, typer.Option("--room", help="The one room that it opens.")],
    peer: Annotated[
        str | None, typer.Option("--peer", help="The name of its bearer; none: any name.")
    ] = None,
    role: Annotated[
        str,
        typer.Option(
            "--role", help=f"What its bearer is: {', '.join(Role)}; another one with --permissions."
        ),
    ] = Role.GUEST,
    permissions: Annotated[
        str | None,
        typer.Option(
            "--permissions",
            help="What its bearer may do instead, as JSON with all seven fields of Huddle01's tokens: "
            "admin, canConsume, canProduce, canProduceSources {cam, mic, screen}, canSendData, canRecvData, "
            "canUpdateMetadata.",
        ),
    ] = None,
    metadata: Annotated[
        str | None, typer.Option("--metadata", help="JSON text that describes its bearer to others.")
    ] = None,
    ttl: Annotated[str, typer.Option("--ttl", help="How long it is good for: 90s, 30m, 4h, 7d.")] = "4h",
    data_dir: options.DataDir = None,
    config: options.Config = None,
) -> None:
    """Prints a client's token (JWT) for one room."""
    settings = settings_from(config, data_dir)
    mint = jws.TokenMint(jws.load_key(settings.data_dir), SystemClock())
    extras = checked_extras(role, object_of(permissions) if permissions is not None else None, metadata)
    print(mint.mint(room, role, peer, seconds(ttl), extras))


def object_of(text: str) -> dict[str, object]:
    """Reads a JSON object."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"--permissions must be JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidArgument("--permissions must be a JSON object")
    return value


def seconds(text: str) -> float:
    """Reads a time such as ``90s``, ``30m``, ``4h`` or ``7d``; a bare number means seconds."""
    match = re.fullmatch(r"(\d{1,9})([smhd]?)", text.strip().lower())
    if match is None or int(match[1]) == 0:
        raise InvalidArgument(f"{text!r} is no time; write 90s, 30m, 4h or 7d")
    return int(match[1]) * _UNITS[match[2] or "s"]
