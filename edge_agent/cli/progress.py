"""A line that tells how far long work is; only where a person looks at it."""

from __future__ import annotations

import sys
import time

WIDTH = 30
INTERVAL_S = 0.1


class Progress:
    """A bar on standard error while it is a terminal, else nothing."""

    def __init__(self, total: int | None, unit: str) -> None:
        self._total = total
        self._unit = unit
        self._shown = sys.stderr.isatty()
        self._started_s = time.monotonic()
        self._drawn_s = float("-inf")

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def at(self, done: int) -> None:
        now_s = time.monotonic()
        if self._shown and now_s - self._drawn_s >= INTERVAL_S:
            self._drawn_s = now_s
            sys.stderr.write(f"\r\x1b[K{self._line(done, now_s - self._started_s)}")
            sys.stderr.flush()

    def _line(self, done: int, elapsed_s: float) -> str:
        rate = done / elapsed_s if elapsed_s > 0 else 0.0
        if not self._total:
            return f"{done} {self._unit}, {rate:.0f} a second"
        share = min(done / self._total, 1.0)
        bar = "#" * round(share * WIDTH)
        left_s = (self._total - done) / rate if rate else 0.0
        return (
            f"[{bar:<{WIDTH}}] {share:4.0%}  {done}/{self._total} {self._unit}, "
            f"{rate:.0f} a second, {max(left_s, 0):.0f} s left"
        )
