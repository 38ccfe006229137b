"""Sets up structured logging: one line an event, as text or JSON. Refuses to let an address or a token pass above DEBUG."""

import ipaddress
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO

import structlog

LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

REDACTED = "[redacted]"

# A JWT begins with the base64 of `{"`; our API keys with `mnk_`.
_SECRET = re.compile(
    r"eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*|mnk_[A-Za-z0-9_-]+|(?i:bearer)\s+\S+"
)
_V4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
_V6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:%\w+)?(?![\w:])")


def configure(log_format: LogFormat = "text", level: LogLevel = "info", stream: TextIO | None = None) -> None:
    """Directs all logging of the process, ours and the libraries', to one stream (standard error by default)."""
    out = stream or sys.stderr
    number = getattr(logging, level.upper())
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=out.isatty())
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    # The access log would carry client addresses and query strings; sessions log their own line.
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").setLevel(max(number, logging.WARNING))
    logging.getLogger("asyncio").setLevel(max(number, logging.WARNING))


def redact(_logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Takes tokens out of every line, and addresses out of every line above DEBUG."""
    addresses = method != "debug"
    for key in event:
        if key not in ("timestamp", "level"):
            event[key] = _clean(event[key], addresses=addresses)
    return event


def _clean(value: object, *, addresses: bool) -> object:
    if isinstance(value, str):
        return clean_text(value, addresses=addresses)
    if isinstance(value, Mapping):
        return {key: _clean(item, addresses=addresses) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item, addresses=addresses) for item in value]
    if addresses and isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return REDACTED
    return value


def clean_text(text: str, *, addresses: bool = True) -> str:
    """Takes tokens, and on demand addresses, out of a text."""
    text = _SECRET.sub(REDACTED, text)
    if addresses:
        text = _V4.sub(REDACTED, text)
        text = _V6.sub(_hide_v6, text)
    return text


def _hide_v6(match: re.Match[str]) -> str:
    try:
        ipaddress.IPv6Address(match.group().split("%")[0])
    except ValueError:
        return match.group()  # a time of day, a fingerprint
    return REDACTED
