"""viem, an independent implementation of Ethereum's encodings. Installed by npm into tests/encoder."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "encoder"


def viem(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Asks viem; skips where it is missing, and fails there when nothing may be missing."""
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules" / "viem").is_dir():
        message = "viem is missing: npm ci --prefix tests/encoder"
        if os.environ.get("MEDIANODE_STRICT") == "1":
            pytest.fail(message)
        pytest.skip(message)
    done = subprocess.run(
        [node, "encode.mjs"],
        cwd=FOLDER,
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
