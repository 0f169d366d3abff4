"""How long to wait before the next try."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Waits that double from `first_s` to `cap_s`, each drawn from the upper half of its range.

    The jitter keeps many boards that lost the same broker from coming back all at once.
    """

    def __init__(
        self,
        first_s: float = 0.5,
        cap_s: float = 30.0,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._uniform = uniform
        self._tries = 0

    def next_s(self) -> float:
        """Seconds to wait now; longer with each call since the last success."""
        limit = min(self._cap_s, self._first_s * 2.0 ** min(self._tries, 30))
        self._tries += 1
        return self._uniform(limit / 2, limit)

    def succeeded(self) -> None:
        self._tries = 0
