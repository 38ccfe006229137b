"""``medianode config``: what the settings are in effect."""

import json
from pathlib import Path

from medianode.cli import options
from medianode.settings import masked


@options.expanded
def config(node: options.NodeOptions, json_document: options.Json = False) -> None:
    """Prints the effective settings, secrets masked."""
    values = masked(node.settings())
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
