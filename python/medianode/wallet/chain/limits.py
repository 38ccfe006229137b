"""How hard one endpoint may be used: a token bucket, and a breaker that opens on failures. Told the time; waits for nobody."""

from dataclasses import dataclass

BREAKER_FAILURES = 3
BREAKER_FIRST_S = 2.0
BREAKER_MOST_S = 60.0


@dataclass(slots=True)
class TokenBucket:
    """Allows ``rate`` calls a second, and ``burst`` at once."""

    rate: float
    burst: float
    tokens: float = -1.0
    at: float = 0.0

    def delay(self, now: float) -> float:
        """Takes a token and returns the seconds to wait before it counts."""
        if self.tokens < 0 and self.at == 0:
            self.tokens = self.burst
        else:
            self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        self.tokens -= 1
        return 0.0 if self.tokens >= 0 else -self.tokens / self.rate


@dataclass(slots=True)
class Breaker:
    """Keeps an endpoint at rest after failures, each time longer, and for as long as the endpoint itself asks."""

    failures: int = 0
    resting_until: float = 0.0

    def resting(self, now: float) -> float:
        """Returns the seconds of rest that are left."""
        return max(0.0, self.resting_until - now)

    def succeeded(self) -> None:
        """Closes the breaker."""
        self.failures = 0

    def failed(self, now: float, *, at_once: bool = False) -> None:
        """Counts a failure; a time-out opens the breaker at once, since each costs its caller seconds."""
        self.failures = max(self.failures + 1, BREAKER_FAILURES if at_once else 0)
        if self.failures >= BREAKER_FAILURES:
            rest = min(BREAKER_MOST_S, BREAKER_FIRST_S * 2 ** (self.failures - BREAKER_FAILURES))
            self.rest(now, rest)

    def rest(self, now: float, seconds: float) -> None:
        """Rests for at least so long."""
        self.resting_until = max(self.resting_until, now + seconds)
