"""Programs that a test needs beside the Python packages."""

import os
import shutil

import pytest


def needs(program: str, package: str | None = None) -> str:
    """Path of a program; without it the test is skipped, or fails where everything must run. ``package`` is Debian's name for it."""
    path = shutil.which(program)
    if path is None:
        reason = f"{program} is not installed: apt-get install -y {package or program}"
        pytest.fail(reason) if os.environ.get("MEDIANODE_STRICT") else pytest.skip(reason)
    return path
