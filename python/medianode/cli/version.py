"""``medianode version``: which version this is."""

from medianode import __version__


def version() -> None:
    """Prints the version."""
    print(__version__)
