"""What people wear keeps them apart where their places do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge_agent.domain.detection import Detection
from edge_agent.tracking.clothing import MOST_AGAINST, MOST_FOR, Clothing, clothing_evidence
from edge_agent.tracking.motion import Floats

from .timeline import at, body, frame_times, id_near, play

RED, BLUE = (0.9, 0.1, 0.0), (0.0, 0.1, 0.9)
RATES = (5, 15, 30)

histograms = arrays.arrays(np.float64, 5, elements=st.floats(0.001, 1.0)).map(
    lambda values: values / values.sum()
)


def wearing(detection: Detection, clothing: tuple[float, ...]) -> Detection:
    return replace(detection, clothing=clothing)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("second", "people"), [(RED, 1), (BLUE, 2)])
def test_who_comes_where_another_went_out_of_sight_is_told_by_their_clothes(
    rate: int, second: tuple[float, ...], people: int
) -> None:
    """The first one stops behind a pillar; a second later somebody comes out from behind it."""

    def scene(s: float) -> list[Detection]:
        if s < 3:
            return [wearing(body(100 + 60 * s), RED)]
        return [] if s < 4 else [wearing(body(280 + 60 * (s - 4)), second)]

    frames = list(play(scene, frame_times(0, 6, rate)))
    assert len({id_near(tracks, 300) for s, tracks in frames if s < 3 or s > 4.1}) == people


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("turns_back", [False, True])
def test_two_who_meet_and_part_keep_their_ids_whichever_way_they_go_on(
    rate: int, turns_back: bool
) -> None:
    """They stand together for two seconds, one hidden by the other, and the places do not tell."""

    def scene(s: float) -> list[Detection]:
        way = min(s, 2.0) - max(s - 4.0, 0.0) * (1 if turns_back else -1)
        left = wearing(body(200 + 60 * way, height=200), RED)
        right = wearing(body(440 - 60 * way, height=200), BLUE)
        return [left] if 1.8 < s < 4.2 else [left, right]

    frames = list(play(scene, frame_times(0, 6, rate)))
    (before,), (after,) = (
        {(id_near(tracks, 0), id_near(tracks, 640)) for s, tracks in frames if when(s)}
        for when in (lambda s: 0.5 < s < 1.0, lambda s: s > 5.6)
    )
    assert after == (before if turns_back else before[::-1])


def test_clothes_of_one_person_are_learned_anew_as_the_light_changes() -> None:
    clothing = Clothing()
    clothing.learn(RED, at(0))
    clothing.learn(None, at(5))
    assert clothing.histogram is not None
    assert clothing.histogram == pytest.approx(RED)
    for step in range(100):
        clothing.learn(BLUE, at(10 + step / 10))
    assert clothing.histogram == pytest.approx(BLUE, abs=0.05)


def test_how_fast_clothes_are_learned_does_not_depend_on_the_frame_rate() -> None:
    learned = []
    for rate in (5, 30):
        clothing = Clothing()
        for time_s in frame_times(0, 10, rate):
            clothing.learn(RED, at(time_s))
        for time_s in frame_times(10, 12, rate):
            clothing.learn(BLUE, at(time_s))
        assert clothing.histogram is not None
        learned.append(clothing.histogram[2])
    assert learned[0] == pytest.approx(learned[1], abs=0.05)


@given(st.lists(histograms, min_size=1, max_size=4), st.lists(histograms, min_size=1, max_size=4))
def test_evidence_is_bounded_and_most_for_oneself(known: list[Floats], seen: list[Floats]) -> None:
    evidence = clothing_evidence(known, seen)
    assert evidence.shape == (len(known), len(seen))
    assert (evidence <= MOST_FOR).all()
    assert (evidence >= -MOST_AGAINST).all()
    own, turned = clothing_evidence(known, known), clothing_evidence(seen, known).T
    assert own.diagonal() == pytest.approx(MOST_FOR)
    assert turned == pytest.approx(evidence)


@given(st.lists(st.none() | histograms, max_size=4), st.lists(st.none() | histograms, max_size=4))
def test_of_what_is_not_seen_nothing_is_told(
    known: list[Floats | None], seen: list[Floats | None]
) -> None:
    evidence = clothing_evidence(known, seen)
    for row, one in enumerate(known):
        for column, other in enumerate(seen):
            if one is None or other is None:
                assert evidence[row, column] == 0.0
