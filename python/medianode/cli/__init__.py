"""The command line: parses options, calls one function, prints for a person. Holds no logic."""

import sys
from typing import NoReturn

import typer

from medianode.cli import bench, config, devnet, doctor, epoch, keys, node, run, token, version, wallet
from medianode.errors import ChainUnavailable, MedianodeError

app = typer.Typer(
    name="medianode",
    help="A media node on one machine. Without a command it runs the node.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("config")(config.config)
app.command("token")(token.token)
app.add_typer(keys.app, name="keys")
app.add_typer(wallet.app, name="wallet")
app.add_typer(node.app, name="node")
app.add_typer(epoch.app, name="epoch")
app.add_typer(devnet.app, name="devnet")
app.command("bench")(bench.bench)
app.command("doctor")(doctor.doctor)
app.command("version")(version.version)

EXIT_REFUSED = 2
EXIT_CHAIN_UNAVAILABLE = 3


def main(arguments: list[str] | None = None) -> NoReturn:
    """Runs the command line.

    Exit status: 0 done; 1 a check failed, or an action did not come about; 2 refused or wrongly called; 3 no endpoint of the
    chain answers, or too few agree.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    # `medianode` and `medianode --http ...` mean `medianode run ...`.
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("--help", "-h")):
        arguments = ["run", *arguments]
    try:
        app(args=arguments, prog_name="medianode", standalone_mode=True)
    except MedianodeError as error:
        print(f"medianode: {error}", file=sys.stderr)
        sys.exit(EXIT_CHAIN_UNAVAILABLE if isinstance(error, ChainUnavailable) else EXIT_REFUSED)
    sys.exit(0)
