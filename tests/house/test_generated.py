"""What is generated is what its sources say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_messages_are_those_of_their_schemas(tmp_path: Path) -> None:
    schemas = sorted((ROOT / "proto").rglob("*.proto"))
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}", *map(str, schemas)]
    subprocess.run([*command, f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"], check=True)
    made = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*_pb2.py*")}
    kept = {
        str(path.relative_to(ROOT / "python")): path.read_text()
        for path in (ROOT / "python").rglob("*_pb2.py*")
        if "__pycache__" not in path.parts
    }
    assert sorted(kept) == sorted(made)
    stale = [name for name in made if made[name] != kept[name]]
    assert stale == [], "./task proto generates them anew"
