"""The command line, run in this process: one of its own takes a second to import."""

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest import mock

import pytest
import structlog

from medianode.cli import main


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


def call(*words: str, stdin: str = "", **environment: str) -> Done:
    """Runs ``medianode`` with these words. Keystores that it makes are the cheapest that may be made."""
    out, err = io.StringIO(), io.StringIO()
    variables = {"MEDIANODE_WALLET__SCRYPT_N": str(1 << 17), **environment}
    with (
        logging_kept(),
        mock.patch.dict(os.environ, variables),
        mock.patch.object(sys, "stdin", io.StringIO(stdin)),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main(list(words))
    return Done(int(ended.value.code or 0), out.getvalue(), err.getvalue())


@contextmanager
def logging_kept() -> Iterator[None]:
    """Puts logging back as it was: commands direct it."""
    before, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    try:
        yield
    finally:
        structlog.configure(**before)
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
