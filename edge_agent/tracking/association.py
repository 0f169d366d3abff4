"""Which detection is which track: one assignment per frame, over all tracks at once.

The cost of a pair is how badly the detection fits the track's prediction (`BoxFilters.misfit`). As
a lost track's prediction spreads with time, its gate widens and its claim weakens by itself: of
two tracks that a detection could belong to, the one seen more recently has it, unless it is far
off. A pair whose cost reaches `limit` is worse than a new person.
"""

from __future__ import annotations

import lap  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt

from edge_agent.tracking.motion import Floats

Pairs = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


def assign(cost: Floats, limit: Floats) -> Pairs:
    """The pairs (rows, columns) of least total cost (Jonker and Volgenant, 1987).

    `cost` and `limit` are of shape (n, m), `limit` broadcastable; a pair is made only where its
    cost stays below its limit, and is preferred the more the further it does.
    """
    if 0 in cost.shape:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    gain = cost - limit
    floor = float(gain.min())
    if floor >= 0:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    _, columns, _ = lap.lapjv(np.minimum(gain, 1.0) - floor, extend_cost=True, cost_limit=-floor)
    rows = np.flatnonzero(columns >= 0)
    return rows, columns[rows].astype(np.intp)
