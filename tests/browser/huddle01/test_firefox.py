"""Huddle01's SDK in Firefox."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.huddle01.sdk import bundle
from tests.support.namespace import unshared
from tests.support.programs import needs

pytestmark = pytest.mark.browser


def test_two_firefox_tabs_with_the_sdk_see_and_hear_each_other(tmp_path: Path) -> None:
    program = needs("firefox-esr")
    bundled = tmp_path / "sdk"
    bundled.mkdir()
    bundle(bundled)
    command = [
        *unshared(),
        sys.executable,
        "-m",
        "tests.browser.huddle01.firefox_call",
        program,
        str(bundled),
    ]
    environment = {**os.environ, "HOME": str(tmp_path)}
    root = Path(__file__).parents[3]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=110, cwd=root)
    assert done.returncode == 0, done.stderr
    looks = json.loads(done.stdout.splitlines()[-1])
    assert [looks[name]["holds"] for name in ("ann", "bob")] == [True, True], looks
