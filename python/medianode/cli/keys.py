"""``medianode keys``: the API keys of a data folder, also while the node runs."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from medianode.cli import options
from medianode.cli.options import settings_from
from medianode.clock import SystemClock
from medianode.keys import KeyStore

app = typer.Typer(help="API keys of operators and back ends.", no_args_is_help=True, rich_markup_mode=None)


def _store(data_dir: options.DataDir, config: options.Config) -> KeyStore:
    return KeyStore(settings_from(config, data_dir).data_dir, SystemClock())


@app.command("list")
def list_keys(
    data_dir: options.DataDir = None, config: options.Config = None, json_document: options.Json = False
) -> None:
    """Lists the keys; their secrets are not kept."""
    keys = _store(data_dir, config).keys()
    if json_document:
        print(
            json.dumps(
                [{"id": key.id, "name": key.name, "created_at": key.created_at} for key in keys], indent=1
            )
        )
        return
    for key in keys:
        print(f"{key.id}  {datetime.fromtimestamp(key.created_at, UTC):%Y-%m-%d %H:%M}  {key.name}")


@app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")] = "",
    data_dir: options.DataDir = None,
    config: options.Config = None,
) -> None:
    """Makes a key and prints it, this once."""
    print(_store(data_dir, config).create(name)[1])


@app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="The id that the list shows.")],
    data_dir: options.DataDir = None,
    config: options.Config = None,
) -> None:
    """Makes a key useless from the next request on."""
    _store(data_dir, config).revoke(key_id)
