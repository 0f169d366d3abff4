"""The detector's calibration from what was found, and how far it is trusted in other places."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.perception.confidence import KNOTS, ScoreCalibration, knot_name
from edge_agent.perception.people import PART_NAMES
from training.people.calibration import calibration_errors, fitted_calibration
from training.people.evaluate import Measurement
from training.people.metrics import Tally
from training.people.scenes import BODY, FACE, HEAD

TRUE = ScoreCalibration.as_learned(PART_NAMES) | {
    **{
        f"{part}_{knot_name(knot)}": value
        for part in PART_NAMES
        for knot, value in zip(KNOTS, (-5.0, -3.0, -1.5, 1.0, 5.0), strict=True)
    },
    "body_side": 0.2,
    "body_side_squared": -0.3,
}


def measured(count: int, seed: int, modest: float = 0.0) -> Measurement:
    """Finds of each class that are right with the true probability, or less often."""
    random = np.random.default_rng(seed)
    calibration = ScoreCalibration.from_parameters(TRUE, PART_NAMES)
    measurement = Measurement(images=1)
    for kind in (FACE, HEAD, BODY):
        logits = np.sort(random.uniform(-3, 2, count))[::-1]
        sides = np.exp(random.uniform(2.3, 5, count))
        likely = calibration.probability(logits, np.full(count, kind, np.intp), sides)
        measurement.tallies[kind] = Tally(
            objects=count,
            scores=(1 / (1 + np.exp(-logits))).tolist(),
            right=(random.random(count) < likely * (1 - modest)).tolist(),
        )
        measurement.found_sides[kind] = sides.tolist()
    return measurement


def test_the_calibration_that_was_put_in_comes_out() -> None:
    parameters = fitted_calibration([[measured(6000, 1), measured(6000, 2)], [measured(9000, 3)]])
    assert parameters.keys() == TRUE.keys()
    found, true = (ScoreCalibration.from_parameters(p, PART_NAMES) for p in (parameters, TRUE))
    logits, sides = (a.ravel() for a in np.meshgrid(np.linspace(-2.5, 1.8, 15), [12, 32, 130]))
    for kind in (FACE, HEAD, BODY):
        kinds = np.full(len(logits), kind, np.intp)
        told = [c.probability(logits, kinds, sides) for c in (found, true)]
        assert told[0] == pytest.approx(told[1], abs=0.08)


def test_only_a_body_counts_by_its_side() -> None:
    parameters = fitted_calibration([[measured(6000, 1)]])
    assert parameters["face_side"] == parameters["head_side_squared"] == 0.0
    assert parameters["body_side_squared"] < -0.05


def test_a_view_counts_the_same_however_many_finds_it_has() -> None:
    many, few = measured(9000, 4), measured(600, 5, modest=0.5)
    twice = [[few, few], [many]]
    assert fitted_calibration(twice) == pytest.approx(fitted_calibration([[few], [many]]), abs=0.01)


def test_halves_alike_err_by_chance_and_halves_unlike_more() -> None:
    alike = calibration_errors({"a": (measured(2000, 6), measured(2000, 7))})["a"]
    unlike = calibration_errors({"a": (measured(2000, 6), measured(2000, 7, modest=0.4))})["a"]
    assert alike.halves < 2.5 * alike.chance
    assert unlike.halves > 0.1
    assert unlike.chance < 0.05
