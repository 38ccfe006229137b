"""The committed artifacts belong to the committed sources; `./task contracts-verify` rebuilds them with the compiler."""

import json
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from medianode.wallet.typed.messages import MESSAGES

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "contracts"
ARTIFACTS = sorted((ROOT / "python/medianode/wallet/artifacts").glob("*.json"))
TEST_ARTIFACTS = sorted((ROOT / "tests/support/contracts").glob("*.json"))
HASHED_IN = {"MediaNodeRegistry": "NodeRegistry", "MediaQos": "Staking", None: "MediaToken"}


def test_every_contract_has_its_artifact():
    sources = (CONTRACTS / "src").glob("*.sol")
    own = {path.stem for path in sources if f"\ncontract {path.stem} " in path.read_text()}
    assert {path.stem for path in ARTIFACTS} == own | {"AccessManager"}


@pytest.mark.parametrize("path", ARTIFACTS + TEST_ARTIFACTS, ids=lambda path: path.stem)
def test_artifact_is_of_these_sources(path: Path):
    artifact = json.loads(path.read_text())
    for name, digest in artifact["sources"].items():
        if not name.startswith("@"):
            found = "0x" + keccak((CONTRACTS / name).read_bytes()).hex()
            assert found == digest, f"{name} changed after {path.stem} was built: ./task contracts"


@pytest.mark.parametrize("path", ARTIFACTS + TEST_ARTIFACTS, ids=lambda path: path.stem)
def test_artifact_is_canonical(path: Path):
    text = path.read_text()
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", sorted(set(MESSAGES) - {"Auth"}))
def test_contract_hashes_the_message_that_we_sign(name: str):
    message = MESSAGES[name]
    contract = HASHED_IN[message.DOMAIN]
    bytecode = json.loads((ROOT / f"python/medianode/wallet/artifacts/{contract}.json").read_text())[
        "deployedBytecode"
    ]
    assert keccak(text=message.type_string()).hex() in bytecode


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_readme_states_the_type_string(name: str):
    assert MESSAGES[name].type_string() in (CONTRACTS / "README.md").read_text()


def test_packages_are_pinned_by_their_content():
    lock = json.loads((CONTRACTS / "package-lock.json").read_text())
    packages = [entry for name, entry in lock["packages"].items() if name]
    assert all(entry["integrity"].startswith("sha512-") for entry in packages)
    assert not any("resolved" in entry for entry in packages)
