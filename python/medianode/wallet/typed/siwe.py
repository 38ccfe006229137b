"""Sign-in with Ethereum (EIP-4361): the text that a person signs, read and judged strictly."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SignInMessage:
    """One sign-in text."""

    text: str
