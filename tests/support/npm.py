"""Packages of npm that a test needs, as its lock names them: every tarball is checked against its hash."""

import json
import subprocess
from pathlib import Path

from tests.support.programs import needs


def install(folder: Path) -> Path:
    """Installs what the lock of ``folder`` names, unless it is there already; returns ``node_modules``."""
    npm = needs("npm")
    installed, lock = folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        installed.touch()
    return folder / "node_modules"


def integrity(folder: Path, package: str) -> str:
    """The hash that the lock of ``folder`` demands of a package's tarball."""
    lock = json.loads((folder / "package-lock.json").read_text())
    return str(lock["packages"][f"node_modules/{package}"]["integrity"])
