"""What an operator must see: one line per cause, until it is over. Logs each once."""

import structlog

log = structlog.get_logger(__name__)


class Alarms:
    """Alarms by name, such as ``low_balance`` or ``key_used_elsewhere``."""

    def __init__(self) -> None:
        self.ringing: dict[str, str] = {}
        self.rung: dict[str, int] = {}
        """How often each began."""

    def ring(self, name: str, text: str) -> None:
        """Raises an alarm, or renews its text."""
        if name not in self.ringing:
            self.rung[name] = self.rung.get(name, 0) + 1
            log.error("wallet alarm", alarm=name, reason=text)
        self.ringing[name] = text

    def over(self, name: str) -> None:
        """Ends an alarm."""
        if self.ringing.pop(name, None) is not None:
            log.info("wallet alarm is over", alarm=name)
