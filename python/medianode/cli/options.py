"""Options that several commands share, and what they become in the settings."""

import functools
import inspect
from collections.abc import Callable
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
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


# Name of an option's parameter, its type, and the setting that it becomes.
_SETTINGS: tuple[tuple[str, Any, str], ...] = (
    ("data_dir", DataDir, "data_dir"),
    ("http", Http, "http"),
    ("media_port", MediaPort, "media_port"),
    ("announced_ip", AnnouncedIp, "announced_ips"),
    ("listen_ip", ListenIp, "listen_ips"),
    ("tls_cert", TlsCert, "tls_cert"),
    ("tls_key", TlsKey, "tls_key"),
    ("trusted_proxy", TrustedProxy, "trusted_proxies"),
    ("workers", Workers, "workers"),
    ("log_format", LogFormat, "log_format"),
    ("log_level", LogLevel, "log_level"),
)


def settings_from(config: Path | None = None, data_dir: Path | None = None) -> NodeSettings:
    """Reads the settings for a command that needs to know little more than where the data are."""
    return load({"data_dir": data_dir}, config)


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command every option of the node, handed over as one argument ``settings``."""

    @functools.wraps(command)
    def with_options(config: Path | None = None, **values: object) -> None:
        flags = {setting: values.pop(name, None) for name, _, setting in _SETTINGS}
        command(load(flags, config), **values)

    own = list(inspect.signature(command).parameters.values())[1:]
    shared = [("config", Config)] + [(name, kind) for name, kind, _ in _SETTINGS]
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in shared
    ] + [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options
