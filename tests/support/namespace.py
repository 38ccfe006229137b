"""A network of its own for a node and its clients: some offer or reach no loopback address, so a host address is needed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HOST = "192.0.2.1"  # RFC 5737: documentation


def unshared() -> list[str]:
    """Words that run a command in a network namespace of its own."""
    words = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
    if subprocess.run([*words, "ip", "link"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody but root make a network namespace, or has no iproute2")
    return words


def in_namespace(module: str, *arguments: str, home: Path) -> Any:
    """Runs a module in a network namespace of its own; returns the JSON value that it printed last."""
    done = subprocess.run(
        [*unshared(), sys.executable, "-m", module, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(home)},
        timeout=110,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def network() -> None:
    """Gives the namespace that this process runs in a host address."""
    for words in (
        "ip link set lo up",
        "ip link add host type veth peer name wire",
        f"ip addr add {HOST}/24 dev host",
        "ip link set host up",
        "ip link set wire up",
        "ip route add default via 192.0.2.2 dev host",  # Firefox asks the default route for its address
    ):
        subprocess.run(words.split(), check=True)
