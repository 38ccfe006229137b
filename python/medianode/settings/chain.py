"""The settings of chain access: through whom, which contracts, and what transactions may cost."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import NoDecode


class ChainSettings(BaseModel):
    """Off unless an endpoint is set. Media never waits for any of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rpc: Annotated[list[SecretStr], NoDecode] = Field(
        [], description="JSON-RPC endpoints (http, https); they may carry keys and are never shown"
    )
    ws: SecretStr | None = Field(
        None, description="WebSocket endpoint whose new heads wake the wallet sooner"
    )
    deployment: Path | None = Field(
        None, description="manifest of the network's contracts; none: deployment.json in the data folder"
    )
    quorum: int | None = Field(
        None, ge=1, description="endpoints that must agree; none: 2, or 1 where only one is set"
    )
    finality: str | None = Field(
        None, description="finalized, safe, or a number of blocks; none: what the chain calls final"
    )
    max_fee_gwei: float = Field(100, gt=0, description="most that gas may cost; holds for replacements too")
    lazy_max_fee_gwei: float = Field(
        25, gt=0, description="the same for what can wait until gas is cheap: claims, votes, activations"
    )
    max_tip_gwei: float = Field(3, gt=0, description="most that a block's maker is tipped for gas")
    poll_s: float = Field(4, gt=0, description="how often the chain is looked at while something is open")
    observe: str | None = Field(
        None,
        pattern=r"^0x[0-9A-Fa-f]{40}$",
        description="look at this node without any key; every write is refused",
    )

    @field_validator("rpc", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part for part in value.split(",") if part] if isinstance(value, str) else value

    @field_validator("rpc")
    @classmethod
    def _urls(cls, value: list[SecretStr]) -> list[SecretStr]:
        if not all(url.get_secret_value().startswith(("http://", "https://")) for url in value):
            raise ValueError("must begin with http:// or https://")
        return value

    @field_validator("ws")
    @classmethod
    def _ws(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("ws://", "wss://")):
            raise ValueError("must begin with ws:// or wss://")
        return value

    @field_validator("finality")
    @classmethod
    def _finality(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"finalized|safe|[1-9][0-9]{0,4}", value):
            raise ValueError("must be finalized, safe or a number of blocks")
        return value
