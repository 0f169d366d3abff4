"""The scene on simulated visits: what it reports is true as often as it says, and it misses little.

On seeds that no constant was fitted on, with a tracker that never errs: the scene alone is judged.
`python -m benchmarks.scene` judges it over hours, and behind the real tracker.
"""

from __future__ import annotations

import pytest

from benchmarks.scene.__main__ import Results, as_json, evaluate
from benchmarks.scene.fit import FIRST_SEED
from benchmarks.scene.reliability import reliability
from edge_agent.domain.event import EventType

SEEDS = range(501, 513)
LEAST_CLAIMS = 60
"""Fewer claims than this say too little of how they are calibrated."""


@pytest.fixture(scope="module")
def results() -> Results:
    assert SEEDS[-1] < FIRST_SEED
    return evaluate(SEEDS, truly=True, duration_s=240.0, sensitivities=(0.2, 0.5, 0.8, 1.0))


@pytest.mark.parametrize(
    ("event_type", "precision", "recall"),
    [
        (EventType.APPEARANCE, 0.95, 0.95),
        (EventType.DISAPPEARANCE, 0.95, 0.95),
        (EventType.DIRECTION_ESTIMATED, 0.93, 0.93),
        (EventType.FOCUS_LOCKED, 0.85, 0.85),
        (EventType.EMOTION_DETECTED, 0.80, 0.80),
    ],
)
def test_events_are_true_and_few_are_missed(
    results: Results, event_type: EventType, precision: float, recall: float
) -> None:
    """Bounds below the targets by what so short a run scatters."""
    score = results.scores[event_type]
    assert score.precision >= precision
    assert score.recall >= recall


def test_an_empty_scene_stays_empty(results: Results) -> None:
    assert results.false_in_empty <= 2


def test_confidences_are_probabilities(results: Results) -> None:
    """The expected calibration error, with what so few claims scatter."""
    summary = as_json(results)["types"]
    judged = 0
    for event_type in EventType:
        if len(results.claims(event_type)) >= LEAST_CLAIMS:
            judged += 1
            row = summary[event_type.value]
            assert row["ece"] <= max(0.05, 2.5 * row["ece_by_chance"]), event_type
    assert judged >= 2


def test_each_tenth_of_the_confidences_is_true_as_often_as_it_says(results: Results) -> None:
    """To 0.05, and what so few claims scatter."""
    for event_type in EventType:
        for one in reliability(results.claims(event_type)):
            assert one.gap <= 0.05 + 2.5 * one.standard_error, (event_type, one)
