"""A network of its own for a node and its clients: some offer or reach no loopback address, so a host address is needed."""

import os
import subprocess

import pytest

HOST = "192.0.2.1"  # RFC 5737: documentation


def unshared() -> list[str]:
    """Words that run a command in a network namespace of its own."""
    words = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
    if subprocess.run([*words, "ip", "link"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody but root make a network namespace, or has no iproute2")
    return words


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
