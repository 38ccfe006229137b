"""Looks before the start whether this machine can carry a node, and says what to do where it cannot. Repairs nothing."""

import asyncio
import contextlib
import errno
import resource
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medianode.errors import MedianodeError
from medianode.node.addresses import announced_ips, is_loopback
from medianode.settings import NodeSettings
from medianode.settings.node import host_port

SOL_UDP = 17
UDP_SEGMENT = 103
UDP_GRO = 104
WANTED_BUFFER = 4 << 20
WANTED_FILES = 16384
CLOCK_SERVER = ("pool.ntp.org", 123)
NTP_EPOCH = 2_208_988_800
MAX_SKEW_S = 30.0

ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104 - bound for a moment

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what to do about it."""

    check: str
    state: State
    found: str
    fix: str = ""


async def examine(settings: NodeSettings) -> list[Finding]:
    """Runs all checks."""
    checks: list[Callable[[NodeSettings], Awaitable[list[Finding]]]] = [
        _data_folder,
        _http_port,
        _media_ports,
        _addresses,
        _offload,
        _buffers,
        _files,
        _clock,
        _secure_context,
        _certificate,
    ]
    findings: list[Finding] = []
    for check in checks:
        try:
            findings += await check(settings)
        except (OSError, MedianodeError) as error:
            name = check.__name__.removeprefix("_").replace("_", " ")
            findings.append(Finding(name, "fail", str(error), "see the text"))
    return findings


async def _data_folder(settings: NodeSettings) -> list[Finding]:
    folder = settings.data_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / ".doctor"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        return [
            Finding("data folder", "fail", f"{folder}: {error.strerror}", "choose another: --data-dir DIR")
        ]
    loose = [p.name for p in folder.glob("*.key") if p.stat().st_mode & 0o077]
    if loose:
        return [
            Finding("data folder", "fail", f"others may read {loose[0]}", f"chmod 600 {folder / loose[0]}")
        ]
    return [Finding("data folder", "ok", str(folder))]


async def _http_port(settings: NodeSettings) -> list[Finding]:
    host, port = host_port(settings.http)
    return [
        _bindable(
            "HTTP port",
            host,
            port,
            socket.SOCK_STREAM,
            "stop what uses it, or choose another: --http HOST:PORT",
        )
    ]


async def _media_ports(settings: NodeSettings) -> list[Finding]:
    findings = []
    fix = "stop what uses it, or choose another: --media-port N"
    for ip in settings.listen_ips:
        for name, kind in (("UDP", socket.SOCK_DGRAM), ("TCP", socket.SOCK_STREAM)):
            if kind == socket.SOCK_STREAM and not settings.tcp:
                continue
            finding = _bindable(f"media port {name} {_family_name(ip)}", ip, settings.media_port, kind, fix)
            if finding.state == "fail" and ":" in ip and "not supported" in finding.found:
                finding = Finding(finding.check, "warn", "this machine has no IPv6", "--listen-ip 0.0.0.0")
            findings.append(finding)
    return findings


def _bindable(check: str, host: str, port: int, kind: socket.SocketKind, fix: str) -> Finding:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=kind)[0]
        with socket.socket(family, kind, proto) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return Finding(check, "fail", f"port {port} is in use (by a running node?)", fix)
        return Finding(check, "fail", f"port {port}: {error.strerror or error}", fix)
    return Finding(check, "ok", "any free one" if port == 0 else str(port))


async def _addresses(settings: NodeSettings) -> list[Finding]:
    """Sends a datagram and opens a connection to every announced address, from this machine."""
    host, _ = host_port(settings.http)
    try:
        ips = await announced_ips(settings.announced_ips, host)
    except MedianodeError as error:
        return [Finding("announced addresses", "fail", str(error), "name the address: --announced-ip IP")]
    findings = []
    if all(is_loopback(ip) for ip in ips) and not is_loopback(host):
        findings.append(
            Finding(
                "announced addresses",
                "fail",
                "only loopback is announced",
                "name the address: --announced-ip IP",
            )
        )
    for ip in ips:
        udp, tcp = _udp_reaches(ip), await _tcp_reaches(ip)
        if udp and tcp:
            findings.append(Finding(f"announced address {ip}", "ok", "UDP and TCP reach this machine"))
        else:
            missing = " and ".join(name for name, works in (("UDP", udp), ("TCP", tcp)) if not works)
            findings.append(
                Finding(
                    f"announced address {ip}",
                    "warn",
                    f"{missing} from here does not come back (a NAT without hairpin looks the same)",
                    "check from outside that the media ports are forwarded to this machine",
                )
            )
    return findings


def _udp_reaches(ip: str) -> bool:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with (
            socket.socket(family, socket.SOCK_DGRAM) as receiver,
            socket.socket(family, socket.SOCK_DGRAM) as sender,
        ):
            receiver.bind((ANY[family], 0))
            receiver.settimeout(0.5)
            sender.sendto(b"medianode doctor", (ip, receiver.getsockname()[1]))
            return receiver.recv(64) == b"medianode doctor"
    except OSError:
        return False


async def _tcp_reaches(ip: str) -> bool:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        server = await asyncio.start_server(
            lambda _, writer: writer.close(),
            ANY[family],
            0,
            family=family,
        )
        async with server:
            port = server.sockets[0].getsockname()[1]
            _, writer = await asyncio.wait_for(asyncio.open_connection(ip, port), 0.5)
            writer.close()
    except (OSError, TimeoutError):
        return False
    return True


async def _offload(settings: NodeSettings) -> list[Finding]:
    if not settings.offload:
        return [Finding("UDP offload", "warn", "switched off by setting", "unset offload = false")]
    findings = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for name, option, value in (("send (GSO)", UDP_SEGMENT, 1200), ("receive (GRO)", UDP_GRO, 1)):
            try:
                probe.setsockopt(SOL_UDP, option, value)
                findings.append(Finding(f"UDP offload, {name}", "ok", "the kernel has it"))
            except OSError as error:
                findings.append(
                    Finding(
                        f"UDP offload, {name}",
                        "warn",
                        f"the kernel refuses it ({error.strerror}); a packet costs several times as much",
                        "run Linux 5.0 or later",
                    )
                )
    return findings


async def _buffers(_settings: NodeSettings) -> list[Finding]:
    findings = []
    for name in ("rmem_max", "wmem_max"):
        path = Path("/proc/sys/net/core") / name
        try:
            size = int(path.read_text())
        except (OSError, ValueError):
            findings.append(
                Finding(f"socket buffers, {name}", "warn", "cannot be read", "check sysctl net.core")
            )
            continue
        enough = size >= WANTED_BUFFER
        findings.append(
            Finding(
                f"socket buffers, {name}",
                "ok" if enough else "warn",
                f"{size} bytes",
                "" if enough else f"sysctl -w net.core.{name}={WANTED_BUFFER}",
            )
        )
    return findings


async def _files(_settings: NodeSettings) -> list[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = float("inf") if soft == resource.RLIM_INFINITY else soft
    if limit >= WANTED_FILES:
        return [Finding("open files", "ok", str(soft))]
    possible = hard == resource.RLIM_INFINITY or hard >= WANTED_FILES
    fix = f"ulimit -n {WANTED_FILES}" if possible else f"LimitNOFILE={WANTED_FILES} in the service unit"
    return [Finding("open files", "warn", f"at most {soft}", fix)]


async def _clock(_settings: NodeSettings) -> list[Finding]:
    """Compares with a time server where one answers: tokens are judged by this clock."""
    skew = await asyncio.to_thread(_ntp_skew)
    if skew is None:
        return [Finding("clock", "ok", "no time server answers; not compared")]
    if abs(skew) > MAX_SKEW_S:
        return [Finding("clock", "fail", f"{skew:+.0f} s off", "set the clock: timedatectl set-ntp true")]
    return [Finding("clock", "ok", f"{skew:+.1f} s off")]


def _ntp_skew() -> float | None:
    """Asks a time server (RFC 5905, mode 3); none when it does not answer."""
    with contextlib.suppress(OSError):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(1)
            probe.sendto(b"\x23" + bytes(47), CLOCK_SERVER)
            answer = probe.recv(512)
        seconds = int.from_bytes(answer[40:44], "big")
        if seconds:
            return time.time() - (seconds - NTP_EPOCH)  # noqa: TID251 - the clock itself is what is examined
    return None


async def _secure_context(settings: NodeSettings) -> list[Finding]:
    host, _ = host_port(settings.http)
    if settings.tls_cert is not None or is_loopback(host):
        return [
            Finding(
                "camera in browsers", "ok", "HTTPS" if settings.tls_cert else "pages on this machine only"
            )
        ]
    if settings.trusted_proxies:
        return [Finding("camera in browsers", "ok", "a proxy stands in front; it must speak HTTPS")]
    return [
        Finding(
            "camera in browsers",
            "fail",
            f"plain HTTP on {host}: browsers give no camera and no microphone to its pages",
            "serve HTTPS: --tls-cert CERT --tls-key KEY, or put a proxy with HTTPS in front (--trusted-proxy)",
        )
    ]


async def _certificate(settings: NodeSettings) -> list[Finding]:
    if settings.tls_cert is None or settings.tls_key is None:
        return []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:
        return [
            Finding(
                "certificate", "fail", str(error), "give a chain and its key in PEM: --tls-cert, --tls-key"
            )
        ]
    return [Finding("certificate", "ok", str(settings.tls_cert))]


def _family_name(ip: str) -> str:
    return "IPv6" if ":" in ip else "IPv4"
