"""Average precision and its relations, on finds whose worth is known."""

from __future__ import annotations

import numpy as np
import pytest

from training.people.metrics import Tally, calibration_error


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def scores(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


ONE, OTHER = (0, 0, 10, 10), (50, 50, 70, 70)


def test_all_found_and_nothing_else_is_perfect() -> None:
    tally = Tally()
    tally.add(scores(0.9, 0.8), boxes(ONE, OTHER), boxes(OTHER, ONE))
    assert tally.average_precision() == pytest.approx(1.0)
    assert tally.recall_at_precision(0.9) == 1.0


def test_a_second_find_of_the_same_object_is_wrong() -> None:
    tally = Tally()
    tally.add(scores(0.9, 0.8), boxes(ONE, (0, 0, 10, 9)), boxes(ONE))
    assert tally.right == [True, False]


def test_a_wrong_find_above_the_right_one_halves_the_precision() -> None:
    tally = Tally()
    tally.add(scores(0.9, 0.8), boxes(OTHER, ONE), boxes(ONE))
    assert tally.average_precision() == pytest.approx(0.5)
    assert tally.recall_at_precision(0.9) == 0.0


def test_pictures_are_pooled_by_score() -> None:
    tally = Tally()
    tally.add(scores(0.9), boxes(ONE), boxes(ONE))
    tally.add(scores(0.5), boxes(OTHER), boxes(ONE))
    tally.add(scores(0.4), boxes(ONE), boxes(ONE))
    assert tally.objects == 3
    assert tally.average_precision() == pytest.approx((1 + 2 / 3) / 3)
    assert tally.recall_at(0.5) == pytest.approx(1 / 3)
    assert tally.precision_at(0.5) == pytest.approx(1 / 2)


def test_nothing_to_find_has_no_figure_and_finding_nothing_has_the_lowest() -> None:
    empty, blind = Tally(), Tally()
    empty.add(scores(), boxes(), boxes())
    blind.add(scores(), boxes(), boxes(ONE))
    assert empty.average_precision() is None
    assert blind.average_precision() == 0.0


def test_honest_scores_have_no_calibration_error() -> None:
    tally = Tally()
    for number in range(10):
        tally.add(scores(0.8), boxes(ONE), boxes(ONE if number < 8 else OTHER))
    assert calibration_error([tally]) == pytest.approx(0.0, abs=1e-6)
    boastful = Tally()
    for _ in range(10):
        boastful.add(scores(0.8), boxes(ONE), boxes(OTHER))
    assert calibration_error([boastful]) == pytest.approx(0.8)
