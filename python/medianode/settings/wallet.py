"""The settings of the node's key: where it is kept, and where its password comes from."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

MIN_SCRYPT_N, MAX_SCRYPT_N = 1 << 17, 1 << 20
ADDRESS = r"^0x[0-9A-Fa-f]{40}$"


class TokenSettings(BaseModel):
    """A key in a PKCS#11 token; its PIN comes from the same sources as a keystore's password."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    module: Path = Field(description="the HSM's PKCS#11 library")
    token: str = Field(min_length=1, description="label of the token")
    label: str = Field("medianode", min_length=1, description="label of the key pair in it")


class RemoteSignerSettings(BaseModel):
    """A key behind a remote signer that speaks Ethereum's JSON-RPC."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr = Field(description="where it answers; may carry a credential")
    address: str = Field(pattern=ADDRESS, description="the account that it signs for")
    timeout_s: float = Field(5.0, gt=0, description="time to answer")

    @field_validator("url")
    @classmethod
    def _url(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value


class KmsSettings(BaseModel):
    """A key in AWS KMS; credentials come as AWS's own tools find them (role, profile, AWS_* variables)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(min_length=1, description="id, ARN or alias of an ECC_SECG_P256K1 key for SIGN_VERIFY")
    region: str | None = Field(None, description="its region; none: AWS_REGION or that of the profile")
    address: str | None = Field(
        None, pattern=ADDRESS, description="the account that it must be of; none: whichever it is"
    )
    timeout_s: float = Field(5.0, gt=0, description="time to answer one of at most three tries")


class WalletSettings(BaseModel):
    """Where the node's key is: in a keystore, unless a token, a remote signer or KMS is named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keystore: Path | None = Field(None, description="keystore file; none: wallet/key.json in the data folder")
    password_file: Path | None = Field(
        None,
        description="file with its password, mode 600; none: one that the node makes beside the keystore",
    )
    password_fd: int | None = Field(None, ge=0, description="descriptor from which its password is read")
    scrypt_n: int = Field(
        1 << 18, ge=MIN_SCRYPT_N, le=MAX_SCRYPT_N, description="cost of a new keystore; a power of two"
    )
    token: TokenSettings | None = Field(None, description="key in a PKCS#11 token instead")
    remote: RemoteSignerSettings | None = Field(None, description="key behind a remote signer instead")
    kms: KmsSettings | None = Field(None, description="key in AWS KMS instead")

    @field_validator("scrypt_n")
    @classmethod
    def _power(cls, value: int) -> int:
        if value.bit_count() != 1:
            raise ValueError("must be a power of two")
        return value

    @model_validator(mode="after")
    def _one(self) -> "WalletSettings":
        if sum(place is not None for place in (self.keystore, self.token, self.remote, self.kms)) > 1:
            raise ValueError("keystore, token, remote and kms exclude one another")
        return self
