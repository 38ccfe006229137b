"""``medianode wallet`` as a person calls it: what it prints, what it refuses, and with which status."""

import json
from pathlib import Path

import pytest
from eth_account import Account

from tests.support import command, signed
from tests.support.command import Done
from tests.support.signed import KEY, SIGNER

PASSWORD = "correct horse battery staple"
NONCE = "0x" + "07" * 32


def call(*words: str, stdin: str = "") -> Done:
    return command.call("wallet", *words, stdin=stdin)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a key that everybody knows, cheap to open."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "wallet").mkdir(mode=0o700)
    light = Account.encrypt(KEY, PASSWORD, kdf="scrypt", iterations=4096)
    for name, text in (("key.json", json.dumps(light)), ("password", PASSWORD)):
        (folder / "wallet" / name).write_text(text)
        (folder / "wallet" / name).chmod(0o600)
    return folder


def on(folder: Path) -> tuple[str, str]:
    return "--data-dir", str(folder)


def test_a_key_is_made_once_and_shown(tmp_path: Path) -> None:
    made = json.loads(call("new", *on(tmp_path), "--json").stdout)
    assert Path(made["keystore"]).stat().st_mode & 0o777 == 0o600
    again = call("new", *on(tmp_path))
    assert again.returncode == 2
    assert "not overwritten" in again.stderr
    shown = json.loads(call("show", "--unlock", *on(tmp_path), "--json").stdout)
    assert (shown["address"], shown["kdf"], shown["n"]) == (made["address"], "scrypt", 1 << 17)
    assert shown["audit_log_lines"] == 0
    Path(made["keystore"]).chmod(0o644)
    refused = call("show", *on(tmp_path))
    assert refused.returncode == 2
    assert (
        refused.stderr
        == f"medianode: others can read {made['keystore']} (mode 644); run: chmod 600 {made['keystore']}\n"
    )


def test_a_key_is_imported_from_standard_input(tmp_path: Path) -> None:
    password = tmp_path / "secret"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    done = call("import", *on(tmp_path), "--password-file", str(password), "--json", stdin=KEY.hex() + "\n")
    assert json.loads(done.stdout)["address"] == SIGNER.address
    wrong = call("import", *on(tmp_path / "other"), "--password-file", str(password), stdin="5eed" * 15)
    assert wrong.returncode == 2
    assert "5eed" not in wrong.stderr


def test_a_wrong_password_leaves_no_trace(home: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("something else entirely")
    wrong.chmod(0o600)
    done = call("show", "--unlock", *on(home), "--password-file", str(wrong))
    assert done.returncode == 2
    assert done.stderr == f"medianode: wrong password for the keystore {home}/wallet/key.json\n"
    assert done.stdout == ""


def test_a_missing_key_is_told_with_its_mend(tmp_path: Path) -> None:
    assert "medianode wallet new" in call("show", *on(tmp_path)).stderr


def test_a_challenge_is_answered_and_checked(home: Path) -> None:
    words = ("auth", "--audience", "orchestrator.example", "--nonce", NONCE, *on(home))
    planned = json.loads(call(*words, "--dry-run").stdout)
    assert planned["primaryType"] == "Auth"
    assert "signature" not in planned
    signed_text = call(*words).stdout
    assert json.loads(signed_text)["message"]["signer"] == SIGNER.address
    good = json.loads(call("verify", "-", "--json", stdin=signed_text).stdout)
    assert (good["ok"], good["signer"], good["message"]) == (True, SIGNER.address, "Auth")
    bad = call("verify", "-", stdin=signed_text.replace("orchestrator", "0rchestrator"))
    assert bad.returncode == 1
    assert bad.stdout.startswith("refused: signed by 0x")
    log = (home / "wallet" / f"signed-{SIGNER.address.lower()}.jsonl").read_text()
    assert len(log.splitlines()) == 1, "a dry run is no signature"


@pytest.mark.parametrize("text", ["", "{}", "nonsense"])
def test_what_is_no_message_is_refused(text: str) -> None:
    done = call("verify", "-", "--json", stdin=text)
    assert done.returncode == 1
    assert json.loads(done.stdout)["ok"] is False


def test_signing_in(home: Path) -> None:
    text = signed.sign_in_text().text()
    domain = "node.example:8080"
    elsewhere = call("sign-in", "-", "--domain", "evil.example", *on(home), stdin=text)
    assert elsewhere.returncode == 2
    assert "may not sign in" in elsewhere.stderr
    done = call("sign-in", "-", "--domain", domain, *on(home), stdin=text + "\n").stdout
    good = call("verify-sign-in", "-", "--domain", domain, "--nonce", "abcd1234EFGH", stdin=done)
    assert good.returncode == 0, good.stdout
    assert SIGNER.address in good.stdout
    replayed = call("verify-sign-in", "-", "--domain", domain, "--nonce", "another1", "--json", stdin=done)
    assert replayed.returncode == 1
    assert "nonce" in json.loads(replayed.stdout)["reason"]


def test_an_owner_signs_in_with_a_key_that_is_not_the_nodes(home: Path, tmp_path: Path) -> None:
    text = signed.sign_in_text().text()
    keystore, password = home / "wallet" / "key.json", home / "wallet" / "password"
    owner = ("--owner-keystore", str(keystore), "--owner-password-file", str(password))
    done = call("sign-in", "-", "--domain", "node.example:8080", *owner, *on(tmp_path), stdin=text)
    assert json.loads(done.stdout)["message"] == text
    assert list(tmp_path.iterdir()) == [], "the node's folder has nothing to do with it"
