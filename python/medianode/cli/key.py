"""Which key a command means, what is known of it without opening it, and how it signs for the command."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medianode.cli import options
from medianode.cli.options import settings_from
from medianode.clock import SystemClock
from medianode.errors import NotFound
from medianode.node.key import key_choice, owner_choice
from medianode.wallet.keys.choice import InKms, InToken, KeyChoice, Remote, ledger_folder

if TYPE_CHECKING:
    from medianode.wallet.keys.policy import Policy
    from medianode.wallet.keys.signer import Purpose, Signer


@dataclass(frozen=True, slots=True)
class SharedOptions:
    """The options of every command of wallet, node and epoch, also where one has no use for them: one line serves all."""

    data_dir: options.DataDir = None
    config: options.Config = None
    rpc: options.Rpc = None
    json_document: options.Json = False

    def show(self, facts: dict[str, object]) -> None:
        """Prints facts: a line each, or JSON."""
        if self.json_document:
            print(json.dumps(facts))
            return
        width = max(map(len, facts))
        for name, value in facts.items():
            print(f"{name.replace('_', ' '):<{width}}  {value}")

    def show_document(self, document: dict[str, object]) -> None:
        """Prints what is JSON in any case: on one line with ``--json``, else for a person."""
        print(json.dumps(document, indent=None if self.json_document else 1))


@dataclass(frozen=True, slots=True)
class KeyOptions(SharedOptions):
    """The options of every command that uses the node's key."""

    keystore: options.Keystore = None
    password_file: options.PasswordFile = None
    password_fd: options.PasswordFd = None

    def key(self) -> "Key":
        """Returns the key that is meant."""
        flags = {
            "keystore": self.keystore,
            "password_file": self.password_file,
            "password_fd": self.password_fd,
        }
        settings = settings_from(self.config, self.data_dir, wallet=flags)
        choice = key_choice(settings, prompt=True)
        return Key(choice, ledger_folder(choice, settings.data_dir))


@dataclass(slots=True)
class Key:
    """A key that a command means. Nothing of it is opened before it is needed, and then once: a PIN is read only once."""

    choice: KeyChoice
    place: Path
    """The folder of its ledger."""
    _opened: "Signer | None" = None

    @classmethod
    def of_owner(cls, keystore: Path, password_file: Path | None) -> "Key":
        """Returns an owner's key, which is not the node's and lives beside its own ledger."""
        return cls(owner_choice(keystore, password_file), keystore.parent)

    def facts(self) -> dict[str, object]:
        """Describes how it is kept."""
        from medianode.wallet.keys.keystore import Keystore

        choice = self.choice
        if isinstance(choice, Remote):
            return {"address": choice.address, "kept": "by a remote signer"}
        if isinstance(choice, InToken):
            return {"kept": f"in the token {choice.token} as {choice.label}"}
        if isinstance(choice, InKms):
            return {"kept": f"in AWS KMS as {choice.key}"}
        try:
            found = Keystore.read(choice.path)
        except NotFound:
            raise NotFound(f"there is no key {choice.path}; make one: medianode wallet new") from None
        cost = "n" if found.kdf == "scrypt" else "rounds"
        facts = {"address": found.address, "keystore": str(choice.path), "kdf": found.kdf, cost: found.cost}
        if found.weak:
            facts["weak"] = "its derivation is too cheap for a stolen file; import the key again"
        return facts

    async def opened(self) -> "Signer":
        """Opens it."""
        from medianode.wallet.keys.opening import open_signer

        if self._opened is None:
            self._opened = await open_signer(self.choice)
        return self._opened

    async def address(self) -> str:
        """Returns its address; opens it only where nothing else knows."""
        known = self.facts().get("address")
        return str(known) if known is not None else (await self.opened()).address

    async def guarded(self, policy: "Policy") -> "Signer":
        """Opens it under a policy, with its audit log."""
        from medianode.wallet.keys.opening import guard

        guarded, _ = await guard(await self.opened(), self.place, SystemClock(), policy)
        return guarded

    def sign(self, purpose: "Purpose", policy: "Policy") -> bytes:
        """Opens it and signs one thing under a policy, with a line in its audit log."""
        from medianode.wallet.keys.signer import sign

        async def signed() -> bytes:
            return await sign(await self.guarded(policy), purpose)

        return asyncio.run(signed())
