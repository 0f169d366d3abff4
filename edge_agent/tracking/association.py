"""Which detection is which track: one assignment per frame, over all tracks at once.

The cost of a pair is how badly the detection fits the track's prediction (`BoxFilters.misfit`). As
a lost track's prediction spreads with time, its gate widens and its claim weakens by itself: of
two tracks that a detection could belong to, the one seen more recently has it, unless it is far
off. That one cost does the work of gates cascaded by the time lost and of a second round for
unsure detections.
"""

from __future__ import annotations

import lap  # type: ignore[import-untyped]
import numpy as np

from edge_agent.tracking.motion import Floats, Indices


def assign(cost: Floats, limit: float) -> tuple[Indices, Indices]:
    """The pairs (rows, columns) of least total cost (Jonker and Volgenant, 1987).

    `cost` is of shape (n, m) and finite. A pair is made only where its cost stays below `limit`,
    and a row or column without a pair costs as much as one at the limit.
    """
    gain = np.minimum(cost - limit, 1.0)
    least = float(gain.min(initial=0.0))
    if least >= 0:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    _, columns, _ = lap.lapjv(gain - least, extend_cost=True, cost_limit=-least)
    rows = np.flatnonzero(columns >= 0)
    return rows, columns[rows].astype(np.intp)
