"""The hand-written stub says what the compiled module has."""

import subprocess
import sys

import pytest

pytest.importorskip("medianode._core")


def test_the_stub_matches_the_extension() -> None:
    command = [sys.executable, "-m", "mypy.stubtest", "medianode._core"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    if "No module named" in done.stderr:
        pytest.skip("mypy is not installed: it is in the group `lint`")
    assert done.returncode == 0, done.stdout
