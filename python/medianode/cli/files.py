"""Reads what a person names on the command line."""

from pathlib import Path

from medianode.errors import InvalidArgument, NotFound


def read_text(path: Path) -> str:
    """Reads a text file."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"cannot read {path}: {error}") from None
