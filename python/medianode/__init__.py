"""An open Media Node: a WebRTC SFU with a Rust core and a Python control plane.

Owns the version; refuses to construct anything (see ``medianode.node``).
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("medianode")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
