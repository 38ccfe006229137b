"""Walls that import-linter cannot see: the compiled module, and who may name SDP and the web."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "python" / "medianode"

IMPORTERS = {
    "medianode._core": {"sfu/native.py", "sfu/native_sdp.py", "bench/__main__.py"},
    "medianode.sfu.native": {"node/build.py"},
    "medianode.sfu.native_sdp": {"node/build.py"},
    "medianode.sfu.sdp": {
        "sfu/native_sdp.py",
        "node/build.py",
        "signalling/whip/exchange.py",
        "signalling/whip/play.py",
        "signalling/whip/publish.py",
        "signalling/whip/trickle.py",
    },
    "jwt": {"jws.py"},
    "uvicorn": {"rest/server.py"},
}
FOLDERS = {
    "fastapi": ("rest",),
    "starlette": ("rest",),
    "pydantic_settings": ("settings",),
    "typer": ("cli",),
    "web3": ("wallet/chain", "wallet/actions"),
    "eth_account": ("wallet/keys", "wallet/typed"),
    "eth_keys": ("wallet/keys", "wallet/typed"),
    "eth_keyfile": ("wallet/keys",),
    "pkcs11": ("wallet/keys",),
    "boto3": ("wallet/keys/kms.py",),
    "botocore": ("wallet/keys/kms.py",),
    "aiohttp": ("wallet/keys", "wallet/chain", "outbound.py"),
    "sqlite3": ("wallet/keys", "wallet/tx", "history", "webhooks"),
    "google": ("signalling",),
    "medianode.signalling.huddle01.wire": ("signalling/huddle01",),
}
SLOW = {"web3", "eth_account", "eth_keyfile", "eth_abi", "boto3"}
"""Most of a second to import, so that a command and a start load them only where they are used."""


def imports(path: Path) -> Iterator[str]:
    """Names every module that a file imports; `from a import b` counts as both `a` and `a.b`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("module", IMPORTERS)
def test_a_module_is_named_only_where_it_may(module: str) -> None:
    found = {str(path.relative_to(PACKAGE)) for path in files() if module in set(imports(path))}
    assert found <= IMPORTERS[module], found


@pytest.mark.parametrize("package", FOLDERS)
def test_a_library_is_named_only_in_its_folders(package: str) -> None:
    for path in files():
        if any(f"{name}.".startswith(f"{package}.") for name in imports(path)):
            assert str(path.relative_to(PACKAGE)).startswith(FOLDERS[package]), path


def test_the_chains_libraries_do_not_slow_the_start() -> None:
    script = "import sys, medianode.cli, medianode.node.build; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=100
    )
    assert not SLOW & set(loaded.stdout.split())


def test_no_method_of_the_core_takes_or_gives_bytes() -> None:
    names = {
        node.id
        for node in ast.walk(ast.parse((PACKAGE / "_core.pyi").read_text()))
        if isinstance(node, ast.Name)
    }
    assert not names & {"bytes", "bytearray", "memoryview"}
