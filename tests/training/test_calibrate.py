"""Temperature and the measure of calibration, on answers whose truth is known."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from edge_agent.perception.expression import softmax
from training.calibrate import expected_calibration_error, temperature_for
from training.reliability import MARGIN, SIDE, reliability_bins, reliability_diagram


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_that_was_put_in_comes_out(temperature: float) -> None:
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 2, (4000, 5)).astype(np.float32)
    truth = [rng.choice(5, p=row / row.sum()) for row in softmax(logits).astype(np.float64)]
    one_hot = np.eye(5, dtype=np.float32)[truth]
    found = temperature_for(np.asarray(logits * temperature, np.float32), one_hot)
    assert found == pytest.approx(temperature, rel=0.1)


def test_who_is_as_sure_as_right_has_no_error() -> None:
    confidence = np.repeat([0.25, 0.75], 400)
    correct = np.concatenate([np.arange(400) % 4 == 0, np.arange(400) % 4 != 0])
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.0)


def test_who_is_always_sure_and_half_right_is_half_wrong() -> None:
    correct = np.arange(100) % 2 == 0
    assert expected_calibration_error(np.ones(100), correct) == pytest.approx(0.5)


def test_the_diagram_shows_every_bin_that_has_answers() -> None:
    confidence = np.repeat([0.25, 0.75], 400)
    correct = np.concatenate([np.arange(400) % 2 == 0, np.arange(400) % 4 != 0])
    bins = reliability_bins(confidence, correct, 15)
    assert [(one.count, one.confidence, one.correct) for one in bins] == [
        (400, pytest.approx(0.25), pytest.approx(0.5)),
        (400, pytest.approx(0.75), pytest.approx(0.75)),
    ]
    picture = ElementTree.fromstring(reliability_diagram(bins, "A title"))
    marks = picture.findall("{http://www.w3.org/2000/svg}circle")
    assert len(marks) == 2
    right, height = (float(marks[1].attrib[name]) for name in ("cx", "cy"))
    assert right - MARGIN == pytest.approx(MARGIN + SIDE - height)  # on the diagonal
