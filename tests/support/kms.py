"""AWS KMS as far as a signer sees it: an HTTP server that signs what it is given, without hashing it once more."""

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from tests.support.http_thread import serving

ALIAS = "alias/medianode"
ARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd"
ACCESS_KEY, SECRET_KEY, SESSION = "AKIAFAKEFAKEFAKE", "fakesecret" * 4, "fakesession" * 4
# Signature Version 4: the credential and its scope, then what is signed, the session's token among it.
AUTHORIZATION = re.compile(
    rf"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/\d{{8}}/eu-west-1/kms/aws4_request, "
    r"SignedHeaders=[a-z0-9;-]*x-amz-security-token[a-z0-9;-]*, Signature=[0-9a-f]{64}"
)


class FakeKms:
    """One key, and whatever mischief a test asks for."""

    def __init__(self, key: bytes) -> None:
        self.key = ec.derive_private_key(int.from_bytes(key), ec.SECP256K1())
        self.spec = "ECC_SECG_P256K1"
        self.refusal: tuple[int, str] | None = None
        self.answers: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.asked: list[dict[str, Any]] = []

    def answer(self, headers: Mapping[str, str], what: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        service, _, call = headers["X-Amz-Target"].partition(".")
        assert service == "TrentService"
        self.calls.append(call)
        self.asked.append(what)
        if AUTHORIZATION.fullmatch(headers.get("Authorization", "")) is None:
            return 400, {"__type": "IncompleteSignatureException", "message": "no Signature Version 4"}
        if self.refusal is not None:
            status, code = self.refusal
            return status, {"__type": code, "message": f"User arn:aws:iam::111122223333:user/x, {SESSION}"}
        if what["KeyId"] not in (ALIAS, ARN):
            return 400, {"__type": "NotFoundException", "message": "no such key"}
        if call in self.answers:
            return 200, self.answers[call]
        return 200, {"KeyId": ARN, **(self.public() if call == "GetPublicKey" else self.sign(what))}

    def public(self) -> dict[str, Any]:
        form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        public = base64.b64encode(self.key.public_key().public_bytes(*form)).decode()
        return {"PublicKey": public, "KeySpec": self.spec, "KeyUsage": "SIGN_VERIFY"}

    def sign(self, what: dict[str, Any]) -> dict[str, Any]:
        assert (what["MessageType"], what["SigningAlgorithm"]) == ("DIGEST", "ECDSA_SHA_256")
        digest = base64.b64decode(what["Message"])
        signature = self.key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        return {"Signature": base64.b64encode(signature).decode(), "SigningAlgorithm": "ECDSA_SHA_256"}


@contextmanager
def running_kms(key: bytes) -> Iterator[FakeKms]:
    """Serves, and lets boto3 find it and credentials for it as operators do: by the environment."""
    fake = FakeKms(key)
    with serving(fake.answer) as url, pytest.MonkeyPatch.context() as patch:
        for name, value in environment(url).items():
            patch.setenv(name, value)
        yield fake


def environment(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_KMS": url,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": SESSION,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
