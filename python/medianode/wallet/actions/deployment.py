"""Which contracts on which chain: the manifest that a node is given. Owns its file form."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from medianode.errors import InvalidArgument, NotFound
from medianode.wallet.typed.eip712 import Domain
from medianode.wallet.typed.values import checksum

FILE = "deployment.json"


@dataclass(frozen=True, slots=True)
class Deployment:
    """The contracts of one network, by address (EIP-55)."""

    chain_id: int
    block: int
    """The height at which they were there: events are read from here on."""
    registry: str
    staking: str
    reports: str
    token: str

    @property
    def addresses(self) -> dict[str, str]:
        """Returns the address of each contract by the name of its artifact."""
        return {
            "NodeRegistry": self.registry,
            "Staking": self.staking,
            "EpochReports": self.reports,
            "MediaToken": self.token,
        }

    @property
    def registry_domain(self) -> Domain:
        """The domain of what the registry checks."""
        return Domain("MediaNodeRegistry", self.chain_id, self.registry)

    @property
    def qos_domain(self) -> Domain:
        """The domain of usage reports."""
        return Domain("MediaQos", self.chain_id, self.staking)

    def save(self, path: Path) -> None:
        """Writes the manifest."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self), indent=1) + "\n")
        draft.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Deployment":
        """Reads a manifest. Missing, unknown or malformed fields are refused by name."""
        try:
            document = json.loads(path.read_text())
        except FileNotFoundError:
            raise NotFound(
                f"there is no deployment manifest {path}: it names the network's chain and contracts"
                " (medianode devnet chain writes one; --deployment FILE names another)"
            ) from None
        except (OSError, ValueError) as error:
            raise InvalidArgument(f"cannot read the deployment manifest {path}: {error}") from None
        names = {field.name for field in fields(cls)}
        if not isinstance(document, dict) or set(document) != names:
            raise InvalidArgument(
                f"the deployment manifest {path} must have the fields {', '.join(sorted(names))}"
            )
        numbers = {name: document[name] for name in ("chain_id", "block")}
        if any(type(number) is not int or number < 0 for number in numbers.values()):
            raise InvalidArgument(f"the deployment manifest {path}: chain_id and block are numbers")
        places = {
            name: checksum(str(document[name]), f"{path.name}: {name}") for name in names - set(numbers)
        }
        return cls(chain_id=numbers["chain_id"], block=numbers["block"], **places)
