"""The fit of the rules' constants: it finds what made the truth, and counts as the judging does."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from benchmarks.scene.__main__ import EMPTY
from benchmarks.scene.fit import (
    REDRAWN,
    Course,
    Episode,
    Samples,
    collect,
    fit,
    redrawn,
    reported_ages,
)
from benchmarks.scene.noise import FalseBoxNoise
from benchmarks.scene.playback import tracked
from benchmarks.scene.recording import record
from benchmarks.scene.reliability import expected_calibration_error, reliability
from edge_agent.scene.calibration import AGE, AgeConstants, Whereabouts
from edge_agent.scene.confidence import logistic, weigh


def test_the_fitted_weights_tell_what_made_the_truth() -> None:
    chance = random.Random(3)
    values = [chance.gauss(0.5, 1.0) for _ in range(6000)]
    episodes: list[Episode] = [
        [((1.0, value), chance.random() < logistic(2.0 * value - 1.0))] for value in values
    ]

    weights = fit(episodes)
    for value in (0.5, 0.8, 1.2, 2.0):
        told = weigh(weights, (1.0, value))
        assert told == pytest.approx(logistic(2.0 * value - 1.0), abs=0.03)


def test_of_those_who_walked_out_nearly_all_have_gone() -> None:
    samples = Samples()
    for seed in (601, 602, 603):
        recording = record(seed, 240.0)
        collect(recording, tracked(recording, truly=True), samples)

    last = [episode[-1][1] for episode in samples.absence[Whereabouts.BORDER]]
    assert len(last) > 10
    assert sum(last) / len(last) > 0.95


def test_nobodys_end_is_no_true_disappearance() -> None:
    """A false box that was held to be somebody."""
    boxes = FalseBoxNoise(per_minute=20.0, score=2.5, median_s=4.0)
    recording = record(604, 120.0, replace(EMPTY, false_boxes=boxes))
    samples = Samples()
    collect(recording, tracked(recording), samples)

    looks = [look for episodes in samples.absence.values() for one in episodes for look in one]
    assert looks
    assert not any(is_true for _, is_true in looks)


@pytest.fixture(scope="module")
def visits() -> list[Course]:
    samples = Samples()
    for seed in range(605, 617):
        recording = record(seed, 300.0)
        collect(recording, tracked(recording, truly=True), samples)
    return samples.courses


def test_ages_read_anew_are_of_the_same_looks_and_people(visits: list[Course]) -> None:
    before = [_ages(course) for course in visits]
    assert sum(map(len, before)) > 100

    courses = list(redrawn(visits, seed=1))
    assert len(courses) == REDRAWN * len(before)
    for number, ages in enumerate(before):
        anew = [_ages(c) for c in courses[REDRAWN * number : REDRAWN * (number + 1)]]
        assert all(one.keys() == ages.keys() for one in anew)
        assert not ages or len({min(one.items()) for one in anew}) > 1
    off = [years - course.person.years for course in courses for years in _ages(course).values()]
    assert abs(sum(off) / len(off)) < 4.0


def test_ages_settle_as_often_as_they_say(visits: list[Course]) -> None:
    courses = [course for seed in range(3) for course in redrawn(visits, seed)]

    def error(constants: AgeConstants) -> float:
        claims = [claim for course in courses for claim in reported_ages(course, constants)]
        return expected_calibration_error(reliability(claims))

    assert error(AGE) < 0.02
    assert error(replace(AGE, to_come=0.2)) > 0.04


def _ages(course: Course) -> dict[float, float]:
    """What was read, by time."""
    read = {look.time_s: look.observation for look in course.looks}
    return {t: seen.age.years for t, seen in read.items() if seen is not None and seen.age}
