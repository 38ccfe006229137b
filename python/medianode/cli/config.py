"""``medianode config``: what the settings are in effect."""

import json
from pathlib import Path

from medianode.cli import options
from medianode.cli.options import settings_from
from medianode.settings import masked


def config(
    http: options.Http = None,
    media_port: options.MediaPort = None,
    announced_ip: options.AnnouncedIp = None,
    listen_ip: options.ListenIp = None,
    data_dir: options.DataDir = None,
    config: options.Config = None,
    tls_cert: options.TlsCert = None,
    tls_key: options.TlsKey = None,
    trusted_proxy: options.TrustedProxy = None,
    workers: options.Workers = None,
    log_format: options.LogFormat = None,
    log_level: options.LogLevel = None,
    json_document: options.Json = False,
) -> None:
    """Prints the effective settings, secrets masked."""
    settings = settings_from(
        config,
        data_dir,
        http,
        media_port,
        announced_ip,
        listen_ip,
        tls_cert,
        tls_key,
        trusted_proxy,
        workers,
        log_format,
        log_level,
    )
    values = masked(settings)
    if json_document:
        print(json.dumps(values, indent=1))
        return
    for name, value in _flat(values):
        print(f"{name} = {_toml(value)}")


def _flat(values: dict[str, object], prefix: str = "") -> list[tuple[str, object]]:
    lines: list[tuple[str, object]] = []
    for name, value in values.items():
        if isinstance(value, dict) and value:
            lines += _flat(value, f"{prefix}{name}.")
        else:
            lines.append((prefix + name, value))
    return lines


def _toml(value: object) -> str:
    if value is None:
        return '""  # unset'
    return json.dumps(str(value) if isinstance(value, Path) else value)
