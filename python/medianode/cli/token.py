"""``medianode token``: prints a token for a client and nothing else."""

import re
from typing import Annotated

import typer

from medianode import jws
from medianode.cli import options
from medianode.cli.options import settings_from
from medianode.clock import SystemClock
from medianode.errors import InvalidArgument
from medianode.rooms.roles import Role

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def token(
    room: Annotated[str, typer.Option("--room", help="The one room that it opens.")],
    peer: Annotated[
        str | None, typer.Option("--peer", help="The name of its bearer; none: any name.")
    ] = None,
    role: Annotated[Role, typer.Option("--role", help="What its bearer may do.")] = Role.GUEST,
    ttl: Annotated[str, typer.Option("--ttl", help="How long it is good for: 90s, 30m, 4h, 7d.")] = "4h",
    data_dir: options.DataDir = None,
    config: options.Config = None,
) -> None:
    """Prints a client's token (JWT) for one room."""
    settings = settings_from(config, data_dir)
    mint = jws.TokenMint(jws.load_key(settings.data_dir), SystemClock())
    print(mint.mint(room, role, peer, seconds(ttl)))


def seconds(text: str) -> float:
    """Reads a time such as ``90s``, ``30m``, ``4h`` or ``7d``; a bare number means seconds."""
    match = re.fullmatch(r"(\d{1,9})([smhd]?)", text.strip().lower())
    if match is None or int(match[1]) == 0:
        raise InvalidArgument(f"{text!r} is no time; write 90s, 30m, 4h or 7d")
    return int(match[1]) * _UNITS[match[2] or "s"]
