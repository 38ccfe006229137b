"""The one place in Python that reads the time. Everyone else is given a ``Clock``."""

import time
from typing import Protocol


class Clock(Protocol):
    """What time it is."""

    def now(self) -> float:
        """Returns seconds since 1970 (UTC)."""

    def monotonic(self) -> float:
        """Returns seconds since some moment, never going back."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """Returns seconds since 1970 (UTC)."""
        return time.time()  # noqa: TID251 - this is the module that the ban sends everyone to

    def monotonic(self) -> float:
        """Returns seconds since some moment, never going back."""
        return time.monotonic()
