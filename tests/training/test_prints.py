"""What people wear changes what is seen of them, never what is said of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.drawn_scenes import Box, scene
from training.people.prints import printed
from training.people.scenes import BODY, FACE, HEAD, Scene


def changed(before: Scene, seed: int = 0) -> np.ndarray:
    """Which pixels (h, w) prints changed."""
    after = printed(before, np.random.default_rng(seed))
    return (after.image != before.image).any(axis=2)


def seeds_that_print(before: Scene) -> list[int]:
    return [seed for seed in range(30) if changed(before, seed).any()]


boxes = st.tuples(st.integers(0, 150), st.integers(0, 150), st.integers(8, 90), st.integers(8, 90))


@settings(deadline=None)
@given(people=st.lists(boxes, min_size=1, max_size=4), seed=st.integers(0, 1000))
def test_only_clothes_change(people: list[Box], seed: int) -> None:
    touched = changed(scene(*((BODY, box) for box in people)), seed)
    for left, top, width, height in people:
        touched[top : top + height, left : left + width] = False
    assert not touched.any()


@settings(deadline=None)
@given(body=boxes, other=boxes, kind=st.sampled_from((FACE, HEAD)), seed=st.integers(0, 1000))
def test_faces_and_heads_are_never_printed_on(body: Box, other: Box, kind: int, seed: int) -> None:
    left, top, width, height = other
    touched = changed(scene((BODY, body), (kind, other)), seed)
    assert not touched[top : top + height, left : left + width].any()


def test_labels_and_the_picture_given_stay_as_they_were() -> None:
    before = scene((BODY, (60, 20, 100, 200)), (FACE, (95, 25, 30, 30)))
    kept = before.image.copy()
    after = printed(before, np.random.default_rng(seeds_that_print(before)[0]))
    np.testing.assert_array_equal(before.image, kept)
    assert after.boxes is before.boxes
    assert after.classes is before.classes
    assert after.ignored is before.ignored


def test_most_people_wear_one() -> None:
    assert len(seeds_that_print(scene((BODY, (60, 20, 100, 200))))) in range(15, 28)


def test_of_faces_alone_the_chest_is_below() -> None:
    before = scene((FACE, (100, 60, 30, 40)))
    seeds = seeds_that_print(before)
    assert seeds
    for seed in seeds:
        rows, columns = np.nonzero(changed(before, seed))
        assert rows.min() >= 100
        assert abs(columns.mean() - 115) < 30


def test_nobody_nothing_worn() -> None:
    assert not seeds_that_print(scene())


@pytest.mark.parametrize(("colour", "is_grey"), [((90, 90, 90), True), ((90, 140, 40), False)])
def test_grey_pictures_stay_grey(colour: tuple[int, int, int], is_grey: bool) -> None:
    before = scene((BODY, (60, 20, 100, 200)), colour=colour)
    spreads = []
    for seed in seeds_that_print(before):
        after = printed(before, np.random.default_rng(seed)).image.astype(int)
        spreads.append(np.ptp(after, axis=2)[changed(before, seed)].max())
    assert (max(spreads) <= 1) == is_grey


def test_the_same_generator_the_same_prints() -> None:
    before = scene((BODY, (60, 20, 100, 200)))
    first, second, other = (
        printed(before, np.random.default_rng(seed)).image for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
