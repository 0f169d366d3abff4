"""Something comes before a face: a part of it is gone, the label stays."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.drawn_scenes import SIZE, Box, scene
from training.people.hidden import DEPTH, LEAST_LEFT, SMALLEST_SIDE, partly_hidden
from training.people.scenes import BODY, FACE, HEAD, Scene

MIDDLE = (100, 90, 40, 50)
boxes = st.tuples(
    st.integers(-20, 200), st.integers(-20, 200), st.integers(4, 90), st.integers(4, 90)
)


def patterned(*objects: tuple[int, Box]) -> Scene:
    """Objects on a ground of which no two places look alike; faces are white, heads black."""
    before = scene(*objects)
    random = np.random.default_rng(7)
    before.image[:] = random.integers(40, 216, before.image.shape)
    for kind, (left, top, width, height) in objects:
        if kind != BODY:
            place = before.image[max(top, 0) : top + height, max(left, 0) : left + width]
            place[:] = 255 if kind == FACE else 0
    return before


def touched(before: Scene, seed: int) -> np.ndarray:
    """Which pixels (h, w) are not as they were."""
    after = partly_hidden(before, np.random.default_rng(seed))
    return (after.image != before.image).any(axis=2)


def in_box(pixels: np.ndarray, box: Box) -> np.ndarray:
    left, top, width, height = box
    return pixels[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]


@settings(deadline=None)
@given(faces=st.lists(boxes, max_size=4), seed=st.integers(0, 1000))
def test_nothing_is_said_otherwise(faces: list[Box], seed: int) -> None:
    before = scene(*((FACE, box) for box in faces), (BODY, (60, 60, 90, 150)))
    kept = before.image.copy()
    after = partly_hidden(before, np.random.default_rng(seed))
    np.testing.assert_array_equal(before.image, kept)
    np.testing.assert_array_equal(before.boxes, after.boxes)
    np.testing.assert_array_equal(before.classes, after.classes)
    assert after.image.shape == before.image.shape


def test_a_part_of_some_faces_is_hidden_and_never_the_most() -> None:
    before = patterned((FACE, MIDDLE))
    shares = [in_box(touched(before, seed), MIDDLE).mean() for seed in range(60)]
    hidden = [share for share in shares if share > 0]
    assert 12 < len(hidden) < 36, "four in ten"
    assert max(hidden) < DEPTH[1] + 0.1
    assert np.median(hidden) > 0.1


def test_what_comes_before_shows_no_face_and_no_head() -> None:
    objects = ((FACE, MIDDLE), (FACE, (180, 180, 30, 40)), (HEAD, (10, 170, 50, 60)))
    before = patterned(*objects)
    changed = 0
    for seed in range(60):
        after = partly_hidden(before, np.random.default_rng(seed))
        new = (after.image != before.image).any(axis=2)
        changed += new.any()
        core = new & (np.abs(after.image.astype(int) - before.image).max(axis=2) > 30)
        assert not (after.image[core] == 0).all(axis=-1).any()
        assert not (after.image[core] == 255).all(axis=-1).any()
    assert changed > 20


def test_others_stay_in_sight() -> None:
    beside = (142, 92, 36, 46)
    before = patterned((FACE, MIDDLE), (HEAD, beside))
    shares = [in_box(touched(before, seed), beside).mean() for seed in range(60)]
    assert 0 < max(shares) <= 1 - LEAST_LEFT


def test_small_faces_and_pictures_without_room_stay() -> None:
    small = int(SMALLEST_SIDE) - 2
    for before in (
        patterned((FACE, (50, 50, small, small))),
        patterned((FACE, (20, 20, 200, 200))),
        patterned((BODY, MIDDLE), (HEAD, MIDDLE)),
    ):
        assert not any(touched(before, seed).any() for seed in range(30))


def test_the_same_generator_the_same_picture() -> None:
    before = patterned((FACE, MIDDLE), (FACE, (20, 30, 50, 50)))
    first, second = (touched(before, 3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert any((touched(before, seed) != first).any() for seed in range(4, 9))
    assert first.shape == (SIZE, SIZE)
