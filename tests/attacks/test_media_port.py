"""Hostile bytes on the media port while people talk through it: counted, never answered, and nobody in the call notices."""

import contextlib
import itertools
import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.attacks import packets
from tests.attacks.packets import paced
from tests.support import metrics
from tests.support.call import Call
from tests.support.middleman import Middleman, udp_socket
from tests.support.running_node import RunningNode, start_node


@pytest.fixture
def strangers(node: RunningNode) -> Iterator[Callable[[int], list[socket.socket]]]:
    """Sockets that no check has validated; not a byte may ever come back to them."""
    made: list[socket.socket] = []

    def some(count: int) -> list[socket.socket]:
        for _ in range(count):
            made.append(udp_socket())
            made[-1].connect(("127.0.0.1", node.ready["media_ports"][0]))
        return made[-count:]

    yield some
    try:
        for stranger in made:
            with pytest.raises(BlockingIOError):
                stranger.recv(65536)
    finally:
        for stranger in made:
            stranger.close()


def spread(over: list[socket.socket]) -> Callable[[bytes], None]:
    """Sends from one socket after the other; what a full buffer refuses is lost as on any network."""
    turn = itertools.cycle(over)

    def send(datagram: bytes) -> None:
        with contextlib.suppress(BlockingIOError):
            next(turn).send(datagram)

    return send


def until_counted(node: RunningNode, *causes: str) -> "Expectation":
    return Expectation(node, causes)


class Expectation:
    """Inside ``with`` each cause has to be counted at least once."""

    def __init__(self, node: RunningNode, causes: Iterable[str]) -> None:
        self._node, self._causes = node, tuple(causes)

    def __enter__(self) -> None:
        self._before = {cause: metrics.counted(self._node, cause) for cause in self._causes}

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            for cause, before in self._before.items():
                metrics.until(
                    lambda c=cause, b=before: metrics.counted(self._node, c) > b,
                    f"{cause} counted beyond {before}",
                )


def test_garbage_of_every_first_byte_and_length(node, strangers):
    with until_counted(node, "unclassified", "unknown_tuple", "unknown_ufrag"), Call(node, "garbage") as call:
        send = spread(strangers(4))
        while call.going:
            paced(packets.garbage(), send)


def test_stun_that_does_not_authenticate(node, strangers):
    with Middleman(node) as man, Call(node, "stun", base_url=man.base_url) as call:
        known = man.credentials()

        def lies() -> Iterator[bytes]:
            for ufrag, password in known:
                name = f"{ufrag}:load"
                yield packets.stun(name, "x" * 22)
                yield packets.stun(name, password[:-1])
                yield packets.stun(name, password, integrity=False)
                yield packets.stun(name, password, fingerprint=False)
                yield packets.stun(name, "x" * 22, role=packets.ICE_CONTROLLED)
                yield packets.stun(name[1:], password)
                yield packets.stun(ufrag, password)
                yield packets.stun(f"{ufrag[:11]}{'A' * (len(ufrag) - 11)}:load", password)
                for kind in (
                    packets.BINDING_INDICATION,
                    packets.BINDING_SUCCESS,
                    packets.BINDING_ERROR,
                    0x0003,
                ):
                    yield packets.stun(name, password, kind=kind)
                right = packets.stun(name, password)
                yield from (right[:length] for length in range(len(right)))
                yield from (right + bytes(extra) for extra in (1, 4, 1000, 60_000))
                for at in range(len(right)):
                    yield right[:at] + bytes([right[at] ^ 0x10]) + right[at + 1 :]
                many = b"".join(packets.attribute(0xC000 + n, b"") for n in range(200))
                yield packets.stun(name, password, extra=many)
                yield packets.stun(name, password, extra=packets.attribute(0xC001, bytes(40_000)))
            for name in (":", "", "a:b", "Z" * 600, "0" * 11 + ":x", "zzzzzzzzzzzzzzz:x"):
                yield packets.stun(name, "x" * 22)

        send = spread(strangers(300))
        causes = (
            "unknown_ufrag",
            "stun_wrong_integrity",
            "stun_wrong_username",
            "stun_malformed",
            "stun_unexpected",
        )
        with until_counted(node, *causes):
            while call.going:
                paced(lies(), send)
                for passer in man.passers:
                    paced(lies(), passer.inject)


def test_dtls_from_strangers_is_not_answered(node, strangers):
    with Middleman(node) as man, Call(node, "hello", base_url=man.base_url) as call:
        hellos = [datagram for passer in man.passers for datagram in passer.kind(22, 22)[:2]]
        assert hellos
        send = spread(strangers(100))
        with until_counted(node, "unknown_tuple"):
            while call.going:
                paced(hellos * 50, send)
                paced(packets.dtls_junk(), send)


def test_dtls_junk_and_forged_alerts_from_validated_addresses(node):
    with Middleman(node) as man, Call(node, "alerts", base_url=man.base_url) as call:
        with until_counted(node, "dtls_plaintext", "dtls_malformed"):
            while call.going:
                for passer in man.passers:
                    handshake = passer.kind(20, 25)[:8]
                    paced(itertools.chain(packets.dtls_junk(), handshake * 3), passer.inject)


def test_srtp_with_wrong_keys_and_lying_headers(node, strangers):
    with Middleman(node) as man, Call(node, "srtp", base_url=man.base_url) as call:
        others = spread(strangers(4))
        causes = ("srtp_unauthenticated", "srtp_malformed", "unknown_tuple")
        with until_counted(node, *causes):
            while call.going:
                for passer in man.passers:
                    sealed = passer.kind(128, 191)[-10:]
                    forged = [bad for each in sealed for bad in packets.damaged(each)]
                    paced(itertools.chain(forged, packets.short_srtp()), passer.inject)
                    paced(forged + sealed, others)


def test_an_ssrc_flood_leaves_no_state(node):
    with Middleman(node) as man, Call(node, "ssrcs", base_url=man.base_url) as call:
        with until_counted(node, "srtp_unauthenticated"):
            while call.going:
                flood = (b"\x80\x60" + os.urandom(1100) for _ in range(3000))
                paced(flood, man.publisher.inject)


def test_replays_are_not_forwarded(node):
    with (
        Middleman(node) as man,
        Call(node, "replays", base_url=man.base_url) as call,
        until_counted(node, "srtp_replayed"),
    ):
        while call.going:
            for passer in man.passers:
                paced(passer.sent[:50] + passer.sent[-500:], passer.inject)
                paced(passer.sent[-100:], passer.inject)


def test_a_peer_that_sends_to_another_session_reaches_nobody(node):
    """A validated address is one session's: the sealed packets of another mean nothing there."""
    with Middleman(node) as man, Call(node, "crossed", base_url=man.base_url) as call:
        with until_counted(node, "srtp_unauthenticated"):
            while call.going:
                publisher = man.publisher
                for player in man.players:
                    paced(publisher.kind(128, 191)[-100:], player.inject)
                    paced(player.kind(128, 191)[-100:], publisher.inject)


class Stream:
    """A TCP connection to the media port."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)

    def send(self, data: bytes) -> bool:
        """False when the node had enough of us."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def ended(self, seconds: float) -> bool:
        """The node closes; true also when it did so rudely. Bytes from the node are an error."""
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(4096)
        except TimeoutError:
            return False
        except OSError:
            return True
        assert data == b"", "an answer to a stranger"
        return True

    def close(self) -> None:
        self.socket.close()


def frame(datagram: bytes) -> bytes:
    return struct.pack("!H", len(datagram)) + datagram


def test_tcp_that_does_not_follow_the_framing_is_cut(node):
    port = node.ready["media_ports"][0]
    with until_counted(node, "tcp_unverified"), Call(node, "tcp") as call:
        while call.going:
            for data in (
                b"\xff\xff" * 50_000,
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                os.urandom(100_000) + b"\xff" * 9000,
            ):
                stream = Stream(port)
                stream.send(data)
                assert stream.ended(20)
                stream.close()
            for data in (b"", b"\x00", b"\x00\x40", b"\x00\x40abc", bytes(2), bytes(40_000)):
                stream = Stream(port)
                stream.send(data)
                stream.close()
            junk = Stream(port)
            for datagram in itertools.chain(
                itertools.islice(packets.garbage(), 0, 16_640, 37), packets.dtls_junk()
            ):
                if not junk.send(frame(datagram[:2048])):
                    break
            junk.close()


LIMITS = {"tcp_connections_per_worker": 64, "connect_timeout_s": 3}


@pytest.fixture(scope="module")
def small_node(tmp_path_factory):
    running = start_node(
        tmp_path_factory.mktemp("small"),
        "--announced-ip",
        "127.0.0.1",
        "--workers",
        "1",
        MEDIANODE_ENGINE_LIMITS=json.dumps(LIMITS),
    )
    yield running
    assert running.stop() == 0, "".join(running.log)


def descriptors(node: RunningNode) -> int:
    return len(list(Path(f"/proc/{node.process.pid}/fd").iterdir()))


def test_ten_thousand_connections_are_bounded(small_node):
    port, before = small_node.ready["media_ports"][0], descriptors(small_node)
    with until_counted(small_node, "tcp_connections"), Call(small_node, "many") as call:
        most = opened = 0
        while opened < 10_000:
            some = []
            for _ in range(500):
                with contextlib.suppress(OSError):
                    some.append(socket.create_connection(("127.0.0.1", port), timeout=5))
            opened += 500
            most = max(most, descriptors(small_node))
            for each in some:
                each.close()
        assert call is not None
    slack = 30  # HTTP and the call's own
    assert most <= before + LIMITS["tcp_connections_per_worker"] + slack
    metrics.until(lambda: descriptors(small_node) <= before + 4, "descriptors back")


def test_idle_and_dripping_connections_are_cut_in_time(small_node):
    port = small_node.ready["media_ports"][0]
    with Call(small_node, "idle", seconds=8) as call:
        idle = [Stream(port) for _ in range(10)]
        slow = [Stream(port) for _ in range(10)]
        drip = itertools.cycle(frame(packets.stun("x:y", "z" * 22)))
        open_ones, end = list(slow), time.monotonic() + 30
        while open_ones and time.monotonic() < end:
            byte = bytes([next(drip)])
            open_ones = [stream for stream in open_ones if stream.send(byte) and not stream.ended(0.01)]
        assert open_ones == [], "a connection that never authenticated is kept"
        assert all(stream.ended(20) for stream in idle)
        for stream in idle + slow:
            stream.close()
        assert call is not None
