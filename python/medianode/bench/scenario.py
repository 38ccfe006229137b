"""What is measured. Owns the scenario files; the load generator checks their content."""

import tomllib
from pathlib import Path
from typing import Any

from medianode.errors import InvalidArgument

FOLDER = Path(__file__).with_name("scenarios")


def names() -> list[str]:
    """Lists the scenarios that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read(name: str) -> dict[str, Any]:
    """Reads a scenario by its name or from a file."""
    path = FOLDER / f"{name}.toml"
    if not path.is_file():
        path = Path(name)
    if not path.is_file():
        raise InvalidArgument(
            f"there is no scenario {name!r}; these come with the package: {', '.join(names())}"
        )
    try:
        scenario = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise InvalidArgument(f"scenario {path}: {error}") from None
    return {"name": path.stem, **scenario}
