"""The settings of what is kept and of whom is told: history and webhooks."""

import ipaddress
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import NoDecode

Event = Literal[
    "meeting:started",
    "meeting:ended",
    "peer:joined",
    "peer:left",
    "peer:trackPublished",
    "peer:trackUnpublished",
]


class HistorySettings(BaseModel):
    """What is kept of rooms and sessions. What still runs is never forgotten."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: float = Field(90, gt=0, description="days that an ended session is kept")
    sessions: int = Field(50_000, ge=1, description="sessions that are kept")
    participants: int = Field(
        200_000, ge=1, description="participants that are kept, in all sessions together"
    )
    rooms: int = Field(100_000, ge=1, description="rooms that the server SDK may make")


class WebhookEndpoint(BaseModel):
    """One address that is told what happens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(pattern=r"^https?://[^\s/@?#]+(/[^\s#]*)?$")
    secret: SecretStr = Field(
        min_length=16, description="signs the events: the API key of the receiver's WebhookReceiver"
    )
    events: list[Event] = Field([], description="which events; none: all")


class WebhookSettings(BaseModel):
    """Whom to tell what happens in rooms."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoints: list[WebhookEndpoint] = Field([], max_length=16)
    allowed_networks: Annotated[list[str], NoDecode] = Field(
        [], description="networks that are not public and may be told all the same, such as 10.1.0.0/16"
    )
    queue: int = Field(10_000, ge=1, description="events that wait for one endpoint; the oldest make room")
    keep_hours: float = Field(24, gt=0, description="hours that an event is tried before it is given up")

    @field_validator("allowed_networks", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @field_validator("allowed_networks")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        for item in value:
            ipaddress.ip_network(item)
        return value

    @field_validator("endpoints")
    @classmethod
    def _different(cls, value: list[WebhookEndpoint]) -> list[WebhookEndpoint]:
        if len({endpoint.url for endpoint in value}) < len(value):
            raise ValueError("two endpoints have the same url")
        return value
