"""How boxes move: one Kalman filter per track, all of them worked at once.

Each filter has four independent axes with a position and a velocity each: the box's centre (x, y)
in pixels and the natural logarithms of its width and height. Times are in seconds and spreads in
metres (see `anatomy.HEIGHT_M`), so that neither the frame rate nor the distance to the camera
changes how a track behaves. Velocity is an Ornstein-Uhlenbeck process (Uhlenbeck and Ornstein,
"On the theory of the Brownian motion", 1930): people keep going for about `PERSISTENCE_S` and are
then as likely to have turned or stopped, so the place where a lost person may be grows like that
of a walk, not of a flight.

Boxes of detectors err with heavy tails (a lamp post halves one, a neighbour doubles another):
innovations are judged and weighed by Student's t distribution instead of the normal one (Roth et
al., "A Student's t filter for heavy tailed process and measurement noise", ICASSP 2013). And they
err the more the less sure the detector is of them: variance is divided by confidence.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_agent.domain.geometry import Size

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

PERSISTENCE_S = 3.0
"""Time constant with which a velocity is forgotten."""
SPEED = np.array([0.8, 0.3, 0.15, 0.15])
"""Standard deviation of velocities: metres per second across and up or down, growth per second."""
BOX_NOISE = 0.035
"""Standard deviation of a seen box's centre, in heights of that box."""
SIZE_NOISE = 0.1
"""Standard deviation of the logarithms of a seen box's width and height."""
PIXEL_NOISE = 1.0
"""The same in pixels, which nothing is found more exactly than; it counts for small boxes."""
HIDDEN_SIZE = 1.0
"""Standard deviation of the logarithm of a size whose end the image's border hides."""
REACH = np.array([2.0, 1.0, 0.4, 0.4])
"""Standard deviation at which a lost person's place and size stop growing less known: most people
stay, so that for as long as they are remembered they can be taken up near to where they were."""
FREEDOM = 4.0
"""Degrees of freedom of Student's t: fewer mean heavier tails."""

_ARRAYS = ("box", "velocity", "height_m", "_xx", "_xv", "_vv")


class BoxFilters:
    """Kalman filters of `len(self)` boxes, in the order in which they were added.

    `box` has shape (n, 4): centre x, centre y in pixels, log width, log height. `velocity`, of the
    same shape, is its change per second. `height_m`, of shape (n,), is how tall the things are.
    """

    def __init__(self) -> None:
        self.box: Floats = np.empty((0, 4))
        self.velocity: Floats = np.empty((0, 4))
        self.height_m: Floats = np.empty(0)
        # Variance of position, covariance of the two, variance of velocity; per axis, in metres.
        self._xx: Floats = np.empty((0, 4))
        self._xv: Floats = np.empty((0, 4))
        self._vv: Floats = np.empty((0, 4))

    def __len__(self) -> int:
        return len(self.box)

    @property
    def spread(self) -> Floats:
        """Standard deviations of `box`, of shape (n, 4), in metres and logarithms."""
        spread: Floats = np.sqrt(self._xx)
        return spread

    def add(self, boxes: Floats, height_m: Floats) -> None:
        """New filters at `boxes` (m, 4) of things `height_m` (m,) tall; nothing known of speed."""
        noise = _noise(boxes, height_m)
        self.box = np.vstack([self.box, boxes])
        self.velocity = np.vstack([self.velocity, np.zeros_like(boxes)])
        self.height_m = np.concatenate([self.height_m, height_m])
        self._xx = np.vstack([self._xx, noise])
        self._xv = np.vstack([self._xv, np.zeros_like(boxes)])
        self._vv = np.vstack([self._vv, np.broadcast_to(SPEED**2, boxes.shape)])

    def keep(self, kept: Mask) -> None:
        """Forgets the filters whose place in `kept` (n,) is False."""
        for name in _ARRAYS:
            setattr(self, name, getattr(self, name)[kept])

    def replace(self, index: int, box: Floats, height_m: float, extra: Floats) -> None:
        """Goes on with another part of the same thing: its `box` (4,) and how tall it is.

        The parts move together, so the velocity stays; `extra` (4,) is added to the variance.
        """
        self.box[index] = box
        self.height_m[index] = height_m
        self._xx[index] += extra

    def advance(self, seconds: float) -> None:
        """Predicts all boxes `seconds` ahead; the process noise is the closed-form integral."""
        decay = float(np.exp(-seconds / PERSISTENCE_S))
        reach = PERSISTENCE_S * (1 - decay)
        grown = 2 * seconds / PERSISTENCE_S - 3 + 4 * decay - decay**2
        noise = SPEED**2
        self.box += reach * self.velocity
        self.velocity *= decay
        self._xx += 2 * reach * self._xv + reach**2 * self._vv + noise * PERSISTENCE_S**2 * grown
        self._xv = decay * (self._xv + reach * self._vv) + noise * PERSISTENCE_S * (1 - decay) ** 2
        self._vv = decay**2 * self._vv + noise * (1 - decay**2)
        self._xx = np.minimum(self._xx, REACH**2)
        # What is left must still be a covariance.
        self._xv = np.minimum(self._xv, 0.9 * np.sqrt(self._xx * self._vv))

    def misfit(self, boxes: Floats, extra: Floats, confidence: Floats) -> Floats:
        """Negative log likelihood of `boxes`, broadcastable to (n, m, 4), as shape (n, m).

        `extra`, likewise broadcastable, is added to the variance of the measurement; `confidence`,
        of shape (m,), in (0, 1], is the detector's. Constants are dropped: 0 is a perfect fit at a
        spread of one metre and one e-fold of size.
        """
        noise = _noise(self.box, self.height_m)[:, None] / confidence[:, None]
        variance = self._xx[:, None] + noise + extra
        distance = (((boxes - self.box[:, None]) / self._units()[:, None]) ** 2 / variance).sum(-1)
        tail = (FREEDOM + 4) / 2 * np.log1p(distance / FREEDOM)
        misfit: Floats = tail + 0.5 * np.log(variance).sum(-1)
        return misfit

    def correct(self, index: Indices, boxes: Floats, extra: Floats, confidence: Floats) -> None:
        """Takes up the measured `boxes` (m, 4) in the filters at `index` (m,).

        `extra` (m, 4) and `confidence` (m,) are as in `misfit`.
        """
        units = self._units()[index]
        xx, xv, vv = self._xx[index], self._xv[index], self._vv[index]
        innovation = (boxes - self.box[index]) / units
        noise = _noise(self.box[index], self.height_m[index]) / confidence[:, None] + extra
        distance = (innovation**2 / (xx + noise)).sum(-1, keepdims=True)
        total = xx + noise * np.maximum((FREEDOM + distance) / (FREEDOM + 4), 1.0)
        gain_x, gain_v = xx / total, xv / total
        self.box[index] += units * gain_x * innovation
        self.velocity[index] += units * gain_v * innovation
        self._xx[index] = (1 - gain_x) * xx
        self._xv[index] = (1 - gain_x) * xv
        self._vv[index] = vv - gain_v * xv

    def completed(self, boxes: Floats, size: Size) -> tuple[Floats, Floats]:
        """Found `boxes` (n, m, 4) with what the border of an image of `size` cuts off of them.

        A box that reaches the border is continued beyond it to the size that its filter predicts,
        where that leads farther out than a box errs. Of a whole person walking out this keeps the
        size and moves the centre on, as the end tells that is still seen. With it the variance of
        what was so guessed, (n, m, 4), for `correct`; in `misfit` it has no place, for a hidden end
        fits anything.
        """
        boxes, variance = boxes.copy(), np.zeros_like(boxes)
        margin = BOX_NOISE * np.exp(boxes[..., 3]) + PIXEL_NOISE
        for axis, length in enumerate((size.width, size.height)):
            half = np.exp(boxes[..., 2 + axis]) / 2
            low, high = boxes[..., axis] - half, boxes[..., axis] + half
            at_low, at_high = low < margin, high > length - margin
            if not (at_low.any() or at_high.any()):
                continue
            center, log_size = self.box[:, None, axis], self.box[:, None, 2 + axis]
            whole = np.exp(log_size)
            below = at_low & (high - whole < -margin)
            above = at_high & (low + whole > length + margin)
            cut = below | above
            ends = [below & above, below, above]
            centers = [center, high - whole / 2, low + whole / 2]
            boxes[..., axis] = np.select(ends, centers, boxes[..., axis])
            boxes[..., 2 + axis] = np.where(cut, log_size, boxes[..., 2 + axis])
            half_m = whole / 2 / self._units()[:, None, axis]
            variance[..., axis] = cut * half_m**2 * self._xx[:, None, 2 + axis]
            variance[..., 2 + axis] = cut * HIDDEN_SIZE**2
        return boxes, variance

    def _units(self) -> Floats:
        """What one unit of spread is on each axis, shape (n, 4): pixels per metre, or 1."""
        units = np.ones_like(self.box)
        units[:, :2] = (np.exp(self.box[:, 3]) / self.height_m)[:, None]
        return units


def _noise(boxes: Floats, height_m: Floats) -> Floats:
    """Variances of surely seen `boxes` (n, 4) of things `height_m` (n,) tall, of shape (n, 4)."""
    pixel = PIXEL_NOISE * np.exp(-boxes[:, 3:])
    noise: Floats = np.broadcast_to(SIZE_NOISE**2 + pixel**2, boxes.shape).copy()
    noise[:, :2] = (BOX_NOISE**2 + pixel**2) * height_m[:, None] ** 2
    return noise
