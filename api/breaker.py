"""A circuit breaker: what has just been found dead is not asked again at once."""

import time
from collections.abc import Callable


class Breaker:
    """Open for ``rest`` seconds after a failure; then one caller at a time may try again."""

    def __init__(self, rest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest = rest
        self._clock = clock
        self._closed_at: float | None = None

    def refuses(self) -> bool:
        """Whether to spare the attempt. After the rest, the first caller to ask is the probe."""
        if self._closed_at is None:
            return False
        if self._clock() < self._closed_at:
            return True
        # The probe is under way: the others keep waiting until it has told.
        self._closed_at = self._clock() + self._rest
        return False

    @property
    def retry_after(self) -> int:
        """Whole seconds after which another try makes sense."""
        left = 0.0 if self._closed_at is None else self._closed_at - self._clock()
        return max(1, round(left))

    def failed(self) -> None:
        """Note a failure: open, or stay so."""
        self._closed_at = self._clock() + self._rest

    def worked(self) -> None:
        """Note a success: closed again."""
        self._closed_at = None
