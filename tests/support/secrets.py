"""Looks for a key or a password wherever a run of the node may have left it."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path


def forms(secret: bytes) -> set[bytes]:
    """The ways in which a secret may have been written down."""
    number = int.from_bytes(secret)
    return {
        secret,
        secret.hex().encode(),
        secret.hex().upper().encode(),
        base64.b64encode(secret).rstrip(b"="),
        base64.urlsafe_b64encode(secret).rstrip(b"="),
        str(number).encode(),
        f"{number:x}".encode(),
        repr(secret)[2:-1].encode(),
    }


def process_places(pids: Iterable[int]) -> Iterator[tuple[str, bytes]]:
    """What other processes see of these and of all their children."""
    for pid in pids:
        for name in ("cmdline", "environ"):
            yield f"{name} of {pid}", Path(f"/proc/{pid}/{name}").read_bytes()
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            yield from process_places(int(child) for child in children.read_text().split())


def file_places(folder: Path, besides: Iterable[Path] = ()) -> Iterator[tuple[str, bytes]]:
    """Every file of a folder but those that hold the secret by design."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path not in set(besides):
            yield str(path), path.read_bytes()


def assert_nowhere(secrets: Mapping[str, bytes], places: Iterable[tuple[str, bytes]]) -> None:
    """Fails where a place holds a secret in any of its forms; and where there was nothing to look at."""
    seen = 0
    for where, content in places:
        seen += 1
        for what, secret in secrets.items():
            assert not any(form in content for form in forms(secret)), f"{what} in {where}"
    assert seen
