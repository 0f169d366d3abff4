"""Telling errors of one moment from errors that last.

Half the mean square of the difference between two moments is n + s (1 - exp(-lag / tau)) with n the
variance of what is new each time, s that of what lasts and tau for how long it does. In
geostatistics that is an exponential variogram with a nugget (Matheron, 1963).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

LONGEST_LAG_S, BIN_S = 2.0, 0.1
"""Lags that go into a variogram, and how finely."""
TIMES_S = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)
"""Times that an error may last, of which the best fit is taken."""

Floats = npt.NDArray[np.float64]
Series = dict[float, Floats]
"""What was measured of one thing, by time in seconds."""
Points = list[tuple[float, float, int]]
"""(lag in seconds, half the mean square of the difference at it, pairs)."""


def variogram(courses: Iterable[Series], scale: float) -> Points:
    """Over all courses and all numbers of each, after these are multiplied by `scale`."""
    sums: dict[int, list[float]] = defaultdict(list)
    for course in courses:
        times = sorted(course)
        for i, first in enumerate(times):
            for second in times[i + 1 :]:
                lag_s = second - first
                if lag_s > LONGEST_LAG_S:
                    break
                squares = (scale * (course[second] - course[first])) ** 2
                sums[round(lag_s / BIN_S)].append(0.5 * float(np.mean(squares)))
    return [(lag * BIN_S, float(np.mean(s)), len(s)) for lag, s in sorted(sums.items())]


def fitted(points: Points) -> tuple[float, float, float]:
    """The deviations of one frame and of what lasts, and for how long that does, in seconds."""
    lags, values, counts = (np.array(column, float) for column in zip(*points, strict=True))
    best = (math.inf, 0.0, 0.0, 0.0)
    for time_s in TIMES_S:
        shares = np.stack([np.ones_like(lags), -np.expm1(-lags / time_s)], 1)
        for used in ([0, 1], [0], [1]):
            root = np.sqrt(counts)[:, None]
            answer = np.zeros(2)
            answer[used] = np.linalg.lstsq(shares[:, used] * root, values * root[:, 0])[0]
            error = float((counts * (shares @ answer - values) ** 2).sum())
            if answer.min() >= 0.0 and error < best[0]:
                best = (error, math.sqrt(answer[0]), math.sqrt(answer[1]), time_s)
    return best[1:]


def fit_text(points: Points) -> str:
    """The same in words."""
    frame, lasting, time_s = fitted(points)
    return f"{frame:.3f} in one frame, {lasting:.3f} lasting {time_s:.1f} s"
