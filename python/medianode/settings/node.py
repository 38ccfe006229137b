"""The settings of a node, with defaults, ranges and texts. Refuses to be read at import time."""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from medianode.errors import InvalidArgument
from medianode.settings.chain import ChainSettings
from medianode.settings.history import HistorySettings, WebhookSettings
from medianode.settings.wallet import WalletSettings

CONFIG_ENV = "MEDIANODE_CONFIG"

Port = Annotated[int, Field(ge=0, le=65535)]


def default_data_dir() -> Path:
    """Returns the data folder of the XDG base directory specification."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "medianode"


class IceServer(BaseModel):
    """A STUN or TURN server that clients are told of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(pattern=r"^(stun|stuns|turn|turns):[^\s<>\"]+$")
    username: str | None = Field(default=None, pattern=r"^[^\"\\\x00-\x1f]*$")
    credential: SecretStr | None = None

    @field_validator("credential")
    @classmethod
    def _printable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and any(c in '"\\' or ord(c) < 32 for c in value.get_secret_value()):  # noqa: PLR2004
            raise ValueError("must fit into a header: no quotes, backslashes or control characters")
        return value


class RoomSettings(BaseModel):
    """Bounds on rooms."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rooms: int = Field(4096, ge=1, description="rooms on this node")
    peers_per_room: int = Field(2000, ge=1, description="peers in one room, players without a name included")
    sources_per_peer: int = Field(8, ge=1, description="what one peer may publish at once")
    players_per_peer: int = Field(512, ge=1, description="what one peer may play at once")
    grace_s: float = Field(
        75, ge=0, description="time a peer stays whose signalling connection broke while its media may go on"
    )


class HttpSettings(BaseModel):
    """Bounds on HTTP clients."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_body_bytes: int = Field(
        1 << 20, ge=1024, description="largest request body; more is refused with 413"
    )
    header_timeout_s: float = Field(10, gt=0, description="time to send a request's head")
    body_timeout_s: float = Field(10, gt=0, description="time to send a request's body")
    keep_alive_s: int = Field(30, ge=1, description="time an idle connection is kept")
    connections: int = Field(4096, ge=16, description="open connections")


class NodeSettings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="MEDIANODE_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )
    config_file: ClassVar[Path | None] = None

    http: str = Field(
        "127.0.0.1:8080", description="address and port of pages and API; port 0 means any free one"
    )
    tls_cert: Path | None = Field(None, description="certificate chain (PEM); reread when it changes")
    tls_key: Path | None = Field(None, description="private key (PEM); reread when it changes")
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        [], description="addresses or networks whose X-Forwarded-* count"
    )
    data_dir: Path = Field(
        default_factory=default_data_dir, description="where keys and the history are kept"
    )
    media_port: Port = Field(14100, description="UDP and TCP port of the first worker; 0 means any free ones")
    listen_ips: Annotated[list[str], NoDecode] = Field(
        ["0.0.0.0", "::"],  # noqa: S104 - media comes from everywhere
        description="addresses to bind media sockets to",
    )
    announced_ips: Annotated[list[str], NoDecode] = Field(
        [],
        description="addresses that clients are told; none: those of the interfaces; stun:HOST:PORT asks a STUN server",
    )
    tcp: bool = Field(True, description="offer media over TCP too")
    workers: int = Field(0, ge=0, description="media threads; 0: all cores but one")
    first_core: int | None = Field(None, ge=0, description="pin worker i to core first_core + i")
    offload: bool = Field(True, description="use UDP GSO and GRO where the kernel has them")
    engine_limits: dict[str, int] = Field(
        {}, description="limits of the core by name, see the operations guide"
    )
    ice_servers: list[IceServer] = Field([], description="STUN and TURN servers that clients are told of")
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    rooms: RoomSettings = RoomSettings()
    limits: HttpSettings = HttpSettings()
    history: HistorySettings = HistorySettings()
    webhooks: WebhookSettings = WebhookSettings()
    wallet: WalletSettings = WalletSettings()
    chain: ChainSettings = ChainSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Ranks flags over environment over file."""
        del dotenv_settings, file_secret_settings
        if cls.config_file is None:
            return init_settings, env_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, cls.config_file)

    @field_validator("trusted_proxies", "listen_ips", "announced_ips", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @field_validator("http")
    @classmethod
    def _http(cls, value: str) -> str:
        host_port(value)
        return value

    @field_validator("listen_ips")
    @classmethod
    def _ips(cls, value: list[str]) -> list[str]:
        for item in value:
            ipaddress.ip_address(item)
        return value

    @field_validator("announced_ips")
    @classmethod
    def _announced(cls, value: list[str]) -> list[str]:
        for item in value:
            if not item.startswith("stun:"):
                ipaddress.ip_address(item)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        for item in value:
            ipaddress.ip_network(item, strict=False)
        return value

    @model_validator(mode="after")
    def _tls(self) -> "NodeSettings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together")
        return self


def host_port(text: str) -> tuple[str, int]:
    """Splits ``HOST:PORT``; an IPv6 host stands in brackets."""
    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004
        raise ValueError(f"{text!r} is not HOST:PORT")
    return host, int(port)


def load(flags: dict[str, Any], config_file: Path | None = None) -> NodeSettings:
    """Reads the settings; flags that are none or empty do not count."""
    path = config_file or (Path(os.environ[CONFIG_ENV]) if os.environ.get(CONFIG_ENV) else None)
    if path is not None and not path.is_file():
        raise InvalidArgument(f"there is no settings file {path}")
    reader = type("NodeSettings", (NodeSettings,), {"config_file": path, "__module__": __name__})
    # The file's own name is not a setting.
    try:
        settings: NodeSettings = reader(
            **{key: value for key, value in flags.items() if value not in (None, [], ())}
        )
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors()
        )
        raise InvalidArgument(f"settings: {problems}") from None
    except (OSError, ValueError) as error:
        where = f"settings file {path}" if path is not None else "settings"
        raise InvalidArgument(f"{where}: {error}") from None
    return settings


def masked(settings: NodeSettings) -> dict[str, Any]:
    """Returns the effective settings with every secret hidden."""
    return settings.model_dump(mode="json")
