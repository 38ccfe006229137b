"""Every value an operator can set: flags, ``MEDIANODE_*``, one TOML file, defaults. Read by the composition root only."""

from medianode.settings.node import NodeSettings, load, masked

__all__ = ["NodeSettings", "load", "masked"]
