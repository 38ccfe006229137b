"""What every command of the wallet, the node and epochs takes."""

import inspect

import pytest

from medianode.cli import epoch, node, wallet

COMMANDS = {
    f"{name} {command.name}": command.callback
    for name, group in (("wallet", wallet), ("node", node), ("epoch", epoch))
    for command in group.app.registered_commands
}
SIGNING = {
    "wallet": {"auth", "sign-in"},
    "node": {"register", "update", "rotate", "stake", "unbond", "withdraw", "claim", "leave", "relay"},
    "epoch": {"report"},
}


@pytest.mark.parametrize("command", COMMANDS)
def test_one_line_of_options_serves_every_command(command: str) -> None:
    called = COMMANDS[command]
    assert called is not None
    assert {"data_dir", "config", "rpc", "json_document"} <= set(inspect.signature(called).parameters)


@pytest.mark.parametrize("command", [f"{group} {name}" for group, names in SIGNING.items() for name in names])
def test_what_signs_can_show_first_what_it_would_sign(command: str) -> None:
    called = COMMANDS[command]
    assert called is not None
    assert "dry_run" in inspect.signature(called).parameters
