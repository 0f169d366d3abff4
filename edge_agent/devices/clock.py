"""The two clocks of the board, read when a frame is captured."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

from edge_agent.domain.frame import Instant

LONGEST_AGE_S = 10.0
"""A frame that seems older than this was stamped by a clock that is none of the board's."""


def captured_at(timestamp_ns: int | None) -> Instant:
    """When a sensor's timestamp was, in nanoseconds since the board was started; now without one.

    Drivers count with the time that the board slept or without it: the one that fits is taken.
    """
    instant = now()
    if timestamp_ns is None:
        return instant
    for clock_id in (time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC):
        age_s = (time.clock_gettime_ns(clock_id) - timestamp_ns) / 1e9
        if 0.0 <= age_s <= LONGEST_AGE_S:
            return Instant(instant.utc - timedelta(seconds=age_s), instant.monotonic_s - age_s)
    return instant


def now() -> Instant:
    return Instant(datetime.now(timezone.utc), time.monotonic())
