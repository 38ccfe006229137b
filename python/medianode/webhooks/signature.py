"""Writes and signs the body of a webhook as the ``WebhookReceiver`` of ``@huddle01/server-sdk`` checks it."""

import hashlib
import hmac
import json

HEADER = "huddle01-signature"


def body_of(event_id: str, event: str, payload: dict[str, object]) -> str:
    """Writes a body exactly as JavaScript would write it again after parsing: the receiver signs that text.

    Holds for texts and whole numbers under keys that do not look like numbers; JavaScript writes fractions in its own way.
    """
    body = {"id": event_id, "event": event, "payload": payload}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sign(secret: str, event_id: str, body: str, now: float) -> str:
    """Returns the header's value: the time in milliseconds since 1970 and the HMAC (RFC 2104) over id, time and body."""
    time_ms = int(now * 1000)
    signed = f"{event_id}.{time_ms}.{body}".encode()
    return f"t={time_ms},sha256={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
