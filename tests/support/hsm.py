"""SoftHSM, a PKCS#11 token in software, with a folder of its own. Debian: softhsm2."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from medianode.wallet.keys.choice import InToken
from medianode.wallet.keys.password import PasswordSources

LIBRARIES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")
PIN = "123456"


def make_token(folder: Path, patch: pytest.MonkeyPatch) -> InToken:
    """Makes the token; skips where SoftHSM is missing, and fails there when nothing may be missing."""
    library = next((Path(path) for path in LIBRARIES if Path(path).exists()), None)
    if library is None or shutil.which("softhsm2-util") is None:
        if os.environ.get("MEDIANODE_STRICT") == "1":
            pytest.fail("SoftHSM is missing: apt-get install -y softhsm2")
        pytest.skip("SoftHSM is missing: apt-get install -y softhsm2")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    pin = folder / "pin"
    pin.write_text(PIN)
    pin.chmod(0o600)
    patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
    label, pins = ("--label", "node"), ("--pin", PIN, "--so-pin", "654321")
    command = ["softhsm2-util", "--init-token", "--free", *label, *pins]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return InToken(library, "node", "medianode", PasswordSources(file=pin))
