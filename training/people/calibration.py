"""The detector's scores made probabilities: fitted on the scenes held back, judged by halves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_agent.perception.confidence import KNOTS, ScoreCalibration, knot_name, relative_side
from edge_agent.perception.people import PART_NAMES
from training.calibrate import (
    calibration_error_by_chance,
    expected_calibration_error,
    spline_calibration_for,
)
from training.people.evaluate import Measurement
from training.people.metrics import CALIBRATION_FLOOR
from training.people.scenes import BODY

Array = npt.NDArray[np.float64]
Halves = tuple[Measurement, Measurement]
"""Of one view, by the places of its pictures, with the scores as they were learned."""

VIEW_FINDS = 400.0
"""What every view counts in the fit, however many finds it has."""
BY_SIDE = (BODY,)
"""Classes whose finds are less often right where they are very small or large: of a face the side
says nothing beyond its score, and heads have one view."""
CERTAIN = 1e-7
"""Learned scores are no nearer to 0 and 1."""


@dataclass(frozen=True, slots=True)
class CalibrationErrors:
    """Expected calibration errors of one view's finds from CALIBRATION_FLOOR up."""

    halves: float
    """Of each half with the calibration that the other halves of all views gave, together."""
    chance: float
    """Of as many finds whose scores are true: what the bins' small numbers make."""


@dataclass(frozen=True, slots=True)
class _Finds:
    """Of one class: learned logits, whether right, sides in pixels of the input; all (n,)."""

    logits: Array
    right: Array
    sides: Array

    @classmethod
    def of(cls, measurement: Measurement, kind: int) -> _Finds:
        tally = measurement.tallies[kind]
        scores = np.clip(np.array(tally.scores, np.float64), CERTAIN, 1 - CERTAIN)
        sides = np.array(measurement.found_sides[kind], np.float64)
        return cls(np.log(scores / (1 - scores)), np.array(tally.right, np.float64), sides)

    def terms(self) -> Array:
        """The logarithm of the side and its square (n, 2)."""
        side = relative_side(self.sides).astype(np.float64)
        return np.stack([side, side * side], 1)


def fitted_calibration(views: Sequence[Sequence[Measurement]]) -> dict[str, float]:
    """The parameters of `ScoreCalibration` for each class, fitted to finds of the learned scores.

    The measurements of one view together count VIEW_FINDS.
    """
    parameters = ScoreCalibration.as_learned(PART_NAMES)
    for kind, name in enumerate(PART_NAMES):
        logits, terms, right, weights = [], [], [], []
        for view in views:
            finds = [_Finds.of(m, kind) for m in view if kind in m.tallies]
            kept = [one.logits >= _logit(CALIBRATION_FLOOR / 2) for one in finds]
            total = max(sum(int(those.sum()) for those in kept), 1)
            for one, those in zip(finds, kept, strict=True):
                logits.append(one.logits[those])
                terms.append(one.terms()[those, : 2 if kind in BY_SIDE else 0])
                right.append(one.right[those])
                weights.append(np.full(those.sum(), VIEW_FINDS / total))
        seen = map(np.concatenate, (logits, terms, right, weights))
        fitted = spline_calibration_for(*seen, KNOTS)
        named = {knot_name(knot): value for knot, value in zip(KNOTS, fitted.log_odds, strict=True)}
        named |= dict(zip(("side", "side_squared"), fitted.terms, strict=False))
        parameters |= {f"{name}_{key}": round(value, 3) for key, value in named.items()}
    return parameters


def calibration_errors(views: Mapping[str, Halves]) -> dict[str, CalibrationErrors]:
    """How good the calibration is in pictures of places that it was not fitted to, by view."""
    told: dict[str, list[tuple[Array, npt.NDArray[np.bool_]]]] = {view: [] for view in views}
    for judged in (0, 1):
        parameters = fitted_calibration([[halves[1 - judged]] for halves in views.values()])
        calibration = ScoreCalibration.from_parameters(parameters, PART_NAMES)
        for view, halves in views.items():
            told[view] += [_told(calibration, halves[judged], k) for k in halves[judged].tallies]
    errors = {}
    for view, parts in told.items():
        confidence, right = map(np.concatenate, zip(*parts, strict=True))
        kept = confidence >= CALIBRATION_FLOOR
        errors[view] = CalibrationErrors(
            expected_calibration_error(confidence[kept], right[kept]),
            calibration_error_by_chance(confidence[kept]),
        )
    return errors


def _told(
    calibration: ScoreCalibration, measurement: Measurement, kind: int
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """The probabilities of the finds of one class, and which are right."""
    finds = _Finds.of(measurement, kind)
    kinds = np.full(len(finds.logits), kind, np.intp)
    confidence = calibration.probability(finds.logits.astype(np.float32), kinds, finds.sides)
    return confidence.astype(np.float64), finds.right > 0


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))
