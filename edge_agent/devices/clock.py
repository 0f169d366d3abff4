"""The two clocks of the board, read when a frame is captured."""

from __future__ import annotations

import time
from datetime import datetime, timezone

from edge_agent.domain.frame import Instant


def now() -> Instant:
    return Instant(datetime.now(timezone.utc), time.monotonic())
