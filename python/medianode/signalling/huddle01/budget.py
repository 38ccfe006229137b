"""How many frames one connection may send. Pure."""

from medianode.clock import Clock

BURST = 400
"""A client that joins a full room asks for some hundred consumers at once."""
PER_SECOND = 100


class Budget:
    """A token bucket."""

    def __init__(self, clock: Clock, burst: float = BURST, per_second: float = PER_SECOND) -> None:
        self._clock = clock
        self._burst = burst
        self._per_second = per_second
        self._left = burst
        self._at = clock.monotonic()

    def spend(self) -> bool:
        """Takes one; says whether there was one."""
        now = self._clock.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
