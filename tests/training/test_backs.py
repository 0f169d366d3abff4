"""Who turns round has no face any more, and the others keep theirs."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.drawn_scenes import SIZE, Box, scene
from training.people.backs import REACH, SMALLEST_SIDE, seen_from_behind
from training.people.scenes import BODY, FACE, HEAD, Scene

MIDDLE = (95, 80, 40, 50)
boxes = st.tuples(
    st.integers(-20, 200), st.integers(-20, 200), st.integers(4, 90), st.integers(4, 90)
)


def turned(before: Scene) -> list[Scene]:
    """What thirty draws make of it, where they change it."""
    after = [seen_from_behind(before, np.random.default_rng(seed)) for seed in range(30)]
    return [one for one in after if one is not before]


@settings(deadline=None)
@given(faces=st.lists(boxes, max_size=4), seed=st.integers(0, 1000))
def test_what_is_drawn_on_is_no_face_any_more_and_the_rest_stays(
    faces: list[Box], seed: int
) -> None:
    before = scene(*((FACE, box) for box in faces), (BODY, (60, 60, 90, 150)))
    after = seen_from_behind(before, np.random.default_rng(seed))
    left = {tuple(box) for box in after.boxes[after.classes == FACE].tolist()}
    assert left <= {tuple(box) for box in before.boxes.tolist()}
    assert (after.classes == BODY).sum() == 1
    assert len(after.points) == len(after.masked) == len(after.boxes)
    touched = (after.image != before.image).any(axis=2)
    for x0, y0, x1, y1 in before.boxes[before.classes == FACE].tolist():
        if (x0, y0, x1, y1) not in left:
            reach = REACH * max(x1 - x0, y1 - y0) + 1
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            touched[max(int(y - reach), 0) : int(y + reach) + 1][
                :, max(int(x - reach), 0) : int(x + reach) + 1
            ] = False
    assert not touched.any()


def test_the_picture_given_stays_and_heads_do() -> None:
    before = scene((FACE, MIDDLE), (HEAD, (85, 60, 60, 80)))
    kept = before.image.copy()
    after = turned(before)
    np.testing.assert_array_equal(before.image, kept)
    assert 5 < len(after) < 25, "about half of the people turn round"
    assert all(one.classes.tolist() == [HEAD] for one in after)


def test_nothing_is_left_of_the_face() -> None:
    before = scene((FACE, MIDDLE))
    left, top, width, height = MIDDLE
    before.image[top : top + height : 2, left : left + width] = (0, 0, 255)
    for one in turned(before):
        there = one.image[top : top + height, left + width // 5 : left + width * 4 // 5]
        steps = np.abs(np.diff(there.astype(int).mean(axis=1), axis=0))
        assert steps.max() < 60, "hair and skin cover the stripes, whose steps are 135"


def test_skin_is_the_faces_own() -> None:
    before = scene((FACE, MIDDLE), colour=(20, 120, 20))
    left, top, width, height = MIDDLE
    before.image[top : top + height, left : left + width] = (90, 120, 200)
    for one in turned(before):
        beside_the_point = left + width // 2 - round(0.28 * width)
        blue, _, red = one.image[top + height, beside_the_point].astype(float)
        assert red > 1.5 * blue


def test_small_faces_and_those_in_front_of_others_stay() -> None:
    small = int(SMALLEST_SIDE) - 2
    assert not turned(scene((FACE, (50, 50, small, small))))
    assert not turned(scene((FACE, MIDDLE), (FACE, (110, 90, 30, 40))))
    both = turned(scene((FACE, (20, 20, 40, 50)), (FACE, (150, 150, 40, 50))))
    assert {len(one.boxes) for one in both} == {0, 1}


def test_a_head_that_the_border_cuts_off_is_drawn_as_far_as_it_is_seen() -> None:
    before = scene((FACE, (SIZE - 25, -10, 60, 70)))
    for one in turned(before):
        assert one.image.shape == before.image.shape
        assert cv2.absdiff(one.image, before.image)[:40, SIZE - 20 :].any()
