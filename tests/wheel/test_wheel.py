"""The wheel as shipped: built in release mode, installed where there is no Rust, it runs a node and a call."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interpreter of an empty environment with nothing but the wheel and its dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    maturin = Path(sys.executable).with_name("maturin")
    subprocess.run([maturin, "build", "--release", "--quiet", "--out", folder / "dist"], cwd=ROOT, check=True)
    venv.create(folder / "env", with_pip=True)
    interpreter = folder / "env" / "bin" / "python"
    (wheel,) = (folder / "dist").glob("*.whl")
    subprocess.run([interpreter, "-m", "pip", "install", "--quiet", wheel], check=True, env=without_rust())
    return interpreter


def without_rust() -> dict[str, str]:
    paths = [path for path in os.environ["PATH"].split(":") if not (Path(path) / "cargo").exists()]
    return {**os.environ, "PATH": ":".join(paths), "PYTHONPATH": ""}


def test_the_wheel_is_abi3_and_typed(python: Path):
    (wheel,) = (python.parents[2] / "dist").glob("*.whl")
    assert "-abi3-" in wheel.name
    code = "import medianode, pathlib; print(pathlib.Path(medianode.__file__).with_name('py.typed').exists())"
    out = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True, cwd="/").stdout
    assert out.strip() == "True"


def test_the_wheel_carries_a_call(python: Path, tmp_path: Path):
    command = [python, "-m", "medianode", "bench", "smoke", "--json"]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=tmp_path, env=without_rust(), timeout=120
    )
    (figures,) = json.loads(done.stdout)
    assert figures["connected"] == figures["asked"]
    assert figures["packets"] > 0
    assert (figures["integrity_errors"], figures["lost"], figures["sequence_errors"]) == (0, 0, 0)
