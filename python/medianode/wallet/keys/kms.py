"""A key in AWS KMS: made there, never taken out. Needs the extra ``kms`` (boto3), which also finds the credentials."""

import asyncio
import logging
from typing import Any, Self

from coincurve.ecdsa import der_to_cdata, serialize_compact
from eth_keys.datatypes import PublicKey

from medianode.errors import (
    InvalidArgument,
    MedianodeError,
    NodeUnavailable,
    NotFound,
    PeerProtocolError,
    PermissionDenied,
    Unauthenticated,
    Unsupported,
    WrongState,
)
from medianode.wallet.keys.choice import InKms
from medianode.wallet.keys.signer import Purpose
from medianode.wallet.typed.signature import join
from medianode.wallet.typed.values import checksum

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectTimeoutError,
        CredentialRetrievalError,
        NoCredentialsError,
        NoRegionError,
        PartialCredentialsError,
        ReadTimeoutError,
    )
except ImportError as missing:
    raise Unsupported("keys in AWS KMS need boto3: pip install 'medianode[kms]'") from missing

KEY_SPEC = "ECC_SECG_P256K1"
"""KMS's name of secp256k1."""
TRIES = 3
POINT_HEADER = bytes.fromhex("3056301006072a8648ce3d020106052b8104000a034200" + "04")
"""How the public key of a point on secp256k1 begins in DER (RFC 5480, section 2); x and y follow."""
POINT_BYTES = 64
REFUSALS: dict[str, tuple[type[MedianodeError], str]] = {
    "AccessDeniedException": (PermissionDenied, "its role needs kms:GetPublicKey and kms:Sign for this key"),
    "DisabledException": (WrongState, "enable the key"),
    "KMSInvalidStateException": (WrongState, "the key cannot be used now"),
    "InvalidKeyUsageException": (InvalidArgument, f"the key must be {KEY_SPEC} for SIGN_VERIFY"),
    "UnsupportedOperationException": (InvalidArgument, f"the key must be {KEY_SPEC} for SIGN_VERIFY"),
    "NotFoundException": (NotFound, "there is no such key in this region and account"),
    "ExpiredTokenException": (Unauthenticated, "the credentials have expired"),
    "InvalidSignatureException": (Unauthenticated, "secret key, clock or region are wrong"),
    "UnrecognizedClientException": (Unauthenticated, "the access key is not known"),
}
"""By KMS's error code: who must act, and what to do. All others are KMS's own trouble."""

# At DEBUG it writes whole requests, credentials included.
logging.getLogger("botocore").setLevel(logging.WARNING)


class KmsSigner:
    """Signs in KMS. Use ``open``. Its calls block, so they run in a thread."""

    def __init__(self, client: Any, key: str, address: str) -> None:  # noqa: ANN401 - boto3 has no types
        self._client = client
        self._key = key
        self._address = address

    @classmethod
    def open(cls, where: InKms) -> Self:
        """Asks KMS for the public key. Raises ``InvalidArgument`` where it is another than was meant, or no secp256k1."""
        try:
            # A session of our own: the default one is not safe for threads.
            client = boto3.session.Session(region_name=where.region).client("kms", config=_config(where))
        except NoRegionError:
            raise InvalidArgument(
                "the region of KMS is not known: wallet.kms.region, or AWS_REGION"
            ) from None
        except (BotoCoreError, ValueError) as error:
            raise InvalidArgument(f"KMS cannot be used: {type(error).__name__}") from None
        answer = _ask(client, "get_public_key", where.key)
        if answer.get("KeySpec") != KEY_SPEC or answer.get("KeyUsage") != "SIGN_VERIFY":
            raise InvalidArgument(
                f"the key {where.key} is {answer.get('KeySpec')} for {answer.get('KeyUsage')}; it must be {KEY_SPEC}"
                " for SIGN_VERIFY"
            )
        address = _address(answer.get("PublicKey"))
        if where.address is not None and checksum(where.address) != address:
            raise InvalidArgument(f"the key {where.key} in KMS is of {address}, not of {where.address}")
        # The key itself from here on: an alias may be given to another key at any time.
        return cls(client, answer.get("KeyId", where.key), address)

    @property
    def address(self) -> str:
        """The account of the key, EIP-55 checksummed."""
        return self._address

    async def sign_digest(self, digest: bytes, purpose: Purpose) -> bytes:
        """Returns 65 bytes; KMS gives r and s in DER, of which s may be high, and v is found here."""
        del purpose
        answer = await asyncio.to_thread(
            _ask,
            self._client,
            "sign",
            self._key,
            Message=digest,
            MessageType="DIGEST",
            SigningAlgorithm="ECDSA_SHA_256",
        )
        try:
            plain = serialize_compact(der_to_cdata(answer["Signature"]))
            return join(int.from_bytes(plain[:32]), int.from_bytes(plain[32:]), digest, self._address)
        except (KeyError, TypeError, ValueError, InvalidArgument):
            raise PeerProtocolError(f"KMS answered with no signature by {self._address}") from None


def _config(where: InKms) -> Config:
    return Config(
        connect_timeout=where.timeout_s,
        read_timeout=where.timeout_s,
        retries={"mode": "standard", "total_max_attempts": TRIES},
    )


def _ask(client: Any, call: str, key: str, **what: object) -> dict[str, Any]:  # noqa: ANN401 - boto3 has no types
    """Calls KMS. Errors name neither accounts nor credentials, which its own texts do."""
    try:
        answer: dict[str, Any] = getattr(client, call)(KeyId=key, **what)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "an unknown error")
        kind, mend = REFUSALS.get(code, (NodeUnavailable, f"tried {TRIES} times at most"))
        raise kind(f"KMS refused {call} with the key {key}: {code}; {mend}") from None
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError):
        raise Unauthenticated(
            "there are no AWS credentials for KMS: give the machine a role, or name a profile (AWS_PROFILE)"
        ) from None
    except (ConnectTimeoutError, ReadTimeoutError):
        raise NodeUnavailable(f"KMS did not answer {call} in time, {TRIES} times") from None
    except BotoCoreError as error:
        raise NodeUnavailable(f"KMS cannot be reached for {call}: {type(error).__name__}") from None
    return answer


def _address(public: object) -> str:
    size = len(POINT_HEADER) + POINT_BYTES
    if not isinstance(public, bytes) or len(public) != size or not public.startswith(POINT_HEADER):
        raise PeerProtocolError("KMS answered with no public key on secp256k1")
    return str(PublicKey(public[-POINT_BYTES:]).to_checksum_address())
