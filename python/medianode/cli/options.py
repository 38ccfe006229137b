"""Options that several commands share, and what they become in the settings."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from medianode.settings import NodeSettings, load

Config = Annotated[Path | None, typer.Option("--config", help="Settings file (TOML); also MEDIANODE_CONFIG.")]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Where keys are kept; also MEDIANODE_DATA_DIR.")
]
Http = Annotated[
    str | None, typer.Option("--http", metavar="HOST:PORT", help="Pages and API; port 0: any free one.")
]
MediaPort = Annotated[
    int | None, typer.Option("--media-port", help="UDP and TCP port of media; 0: any free one.")
]
AnnouncedIp = Annotated[
    list[str] | None,
    typer.Option("--announced-ip", help="Address that clients are told, or stun:HOST:PORT. Repeatable."),
]
ListenIp = Annotated[
    list[str] | None, typer.Option("--listen-ip", help="Address to bind media to. Repeatable.")
]
TlsCert = Annotated[
    Path | None, typer.Option("--tls-cert", help="Certificate chain (PEM); reread when it changes.")
]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", help="Private key (PEM); reread when it changes.")]
TrustedProxy = Annotated[
    list[str] | None,
    typer.Option("--trusted-proxy", help="Address or network whose X-Forwarded-* count. Repeatable."),
]
Workers = Annotated[int | None, typer.Option("--workers", help="Media threads; 0: all cores but one.")]
LogFormat = Annotated[str | None, typer.Option("--log-format", help="text or json.")]
LogLevel = Annotated[str | None, typer.Option("--log-level", help="debug, info, warning or error.")]
Rpc = Annotated[
    list[str] | None, typer.Option("--rpc", metavar="URL", help="JSON-RPC endpoint of the chain. Repeatable.")
]
Observe = Annotated[
    str | None, typer.Option("--observe", metavar="0x...", help="Look at this node without any key.")
]
Keystore = Annotated[
    Path | None,
    typer.Option("--keystore", help="The key's file; default: wallet/key.json in the data folder."),
]
PasswordFile = Annotated[
    Path | None, typer.Option("--password-file", help="File (mode 600) with the password of the keystore.")
]
PasswordFd = Annotated[
    int | None, typer.Option("--password-fd", help="Descriptor from which the password is read.")
]
OwnerKeystore = Annotated[
    Path | None, typer.Option("--owner-keystore", help="The owner's key, for this command alone.")
]
OwnerPasswordFile = Annotated[
    Path | None, typer.Option("--owner-password-file", help="Its password (mode 600); else it is asked for.")
]
Owner = Annotated[
    str | None,
    typer.Option(
        "--owner",
        metavar="0x...",
        help="The owner whose key is elsewhere, such as a Safe: print what it is to send, or sign (--to-relay).",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be signed; sign nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """Lets a command take a dataclass of options as one argument: each of its fields becomes an option."""
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {
        name: item.annotation for name, item in signature.parameters.items() if is_dataclass(item.annotation)
    }
    parameters = [
        item.replace(kind=item.KEYWORD_ONLY)
        for name, item in signature.parameters.items()
        if name not in groups
    ]
    for group in groups.values():
        parameters += [
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type
            )
            for field in fields(group)
        ]

    @wraps(command)
    def called(**values: object) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    called.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {item.name: item.annotation for item in parameters}
    return called


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """What commands about a whole node can set."""

    config: Config = None
    data_dir: DataDir = None
    http: Http = None
    media_port: MediaPort = None
    announced_ip: AnnouncedIp = None
    listen_ip: ListenIp = None
    tls_cert: TlsCert = None
    tls_key: TlsKey = None
    trusted_proxy: TrustedProxy = None
    workers: Workers = None
    log_format: LogFormat = None
    log_level: LogLevel = None
    rpc: Rpc = None
    observe: Observe = None

    def settings(self) -> NodeSettings:
        """Reads the settings with these options on top."""
        flags = {
            "data_dir": self.data_dir,
            "http": self.http,
            "media_port": self.media_port,
            "announced_ips": self.announced_ip,
            "listen_ips": self.listen_ip,
            "tls_cert": self.tls_cert,
            "tls_key": self.tls_key,
            "trusted_proxies": self.trusted_proxy,
            "workers": self.workers,
            "log_format": self.log_format,
            "log_level": self.log_level,
            "chain": _given({"rpc": self.rpc, "observe": self.observe}),
        }
        return load(flags, self.config)


def settings_from(
    config: Path | None = None,
    data_dir: Path | None = None,
    wallet: Mapping[str, object] | None = None,
    chain: Mapping[str, object] | None = None,
) -> NodeSettings:
    """Reads the settings for a command that needs to know where the data and the keys are."""
    return load({"data_dir": data_dir, "wallet": _given(wallet), "chain": _given(chain)}, config)


def _given(flags: Mapping[str, object] | None) -> dict[str, object] | None:
    """Leaves out what was not given, so that the file and the environment count."""
    return {name: value for name, value in (flags or {}).items() if value not in (None, [])} or None
