"""The colours of drawn people, in good and bad light."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_agent.domain.detection import Detection, Part, Region
from edge_agent.domain.geometry import Box
from edge_agent.perception.clothing import CLOTHING_SIZE, clothing_in, torso_of, with_clothing
from edge_agent.perception.tensors import Pixels

RED, BLUE = (40, 40, 190), (190, 70, 40)
BODY = Box(100, 40, 76, 200)


def standing(*people: tuple[Box, tuple[int, int, int]]) -> Pixels:
    """A wall and bodies before it, in their colour from the shoulders to the hips, in folds."""
    pixels = np.full((480, 640, 3), 110, np.uint8)
    for box, colour in people:
        left, right = int(box.x + 0.15 * box.width), int(box.right - 0.15 * box.width)
        top, bottom = int(box.y + 0.15 * box.height), int(box.y + 0.55 * box.height)
        cv2.rectangle(pixels, (left, top), (right, bottom), colour, cv2.FILLED)
    folds = np.random.default_rng(5).normal(1, 0.25, (48, 64, 1)).repeat(10, 0).repeat(10, 1)
    return np.asarray(np.clip(pixels * folds, 0, 255), np.uint8)


def found(part: Part, box: Box) -> Detection:
    region = Region(part, box, 0.9)
    return Detection(face=region) if part is Part.FACE else Detection(body=region)


def distance(one: tuple[float, ...] | None, other: tuple[float, ...] | None) -> float:
    """Hellinger's."""
    assert one is not None
    assert other is not None
    return float(np.sqrt(max(1 - np.sqrt(np.multiply(one, other)).sum(), 0)))


def test_a_histogram_is_of_shares() -> None:
    (person,) = with_clothing(standing((BODY, RED)), [found(Part.BODY, BODY)])
    assert person.clothing is not None
    assert len(person.clothing) == CLOTHING_SIZE
    assert min(person.clothing) >= 0
    assert sum(person.clothing) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("light", [0.7, 0.85, 1.3])
def test_other_clothes_differ_more_than_other_light(light: float) -> None:
    torso = torso_of(found(Part.BODY, BODY))
    pixels = standing((BODY, RED))
    red = clothing_in(pixels, torso)
    shaded = clothing_in(np.clip(pixels * light, 0, 255).astype(np.uint8), torso)
    blue = clothing_in(standing((BODY, BLUE)), torso)
    assert distance(red, shaded) < 0.6 * distance(red, blue)
    assert distance(red, blue) > 0.6


@pytest.mark.parametrize("factor", [0.25, 2.0])
def test_clothes_look_the_same_from_near_and_far(factor: float) -> None:
    pixels = standing((BODY, RED))
    size = int(640 * factor), int(480 * factor)
    other = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    torso = torso_of(found(Part.BODY, BODY))
    assert distance(clothing_in(pixels, torso), clothing_in(other, torso.scaled(factor))) < 0.1


def test_a_face_says_where_its_clothes_are() -> None:
    """Of somebody close the box of the body, cut off below, would not."""
    face = Box(124, 32, 28, 34)
    pixels = standing((BODY, RED))
    by_face = clothing_in(pixels, torso_of(found(Part.FACE, face)))
    by_body = clothing_in(pixels, torso_of(found(Part.BODY, BODY)))
    assert distance(by_face, by_body) < 0.2
    both = Detection(face=Region(Part.FACE, face, 0.9), body=Region(Part.BODY, BODY, 0.9))
    assert torso_of(both) == torso_of(found(Part.FACE, face))


def test_who_stands_behind_another_wears_nothing_that_can_be_told() -> None:
    nearer = BODY.moved(20, 30)
    pixels = standing((BODY, RED), (nearer, BLUE))
    behind, before = with_clothing(pixels, [found(Part.BODY, BODY), found(Part.BODY, nearer)])
    assert behind.clothing is None
    alone = clothing_in(standing((nearer, BLUE)), torso_of(before))
    assert distance(before.clothing, alone) < 0.05


@pytest.mark.parametrize(
    "box",
    [
        pytest.param(Box(-70, 40, 76, 200), id="at the border"),
        pytest.param(Box(900, 40, 76, 200), id="outside"),
        pytest.param(Box(100, 40, 3, 8), id="tiny"),
        pytest.param(Box(100, 460, 76, 200), id="below"),
        pytest.param(Box(100, 40, 0, 0), id="empty"),
    ],
)
def test_nothing_is_told_of_what_is_not_seen(box: Box) -> None:
    (person,) = with_clothing(standing((BODY, RED)), [found(Part.BODY, box)])
    assert person.clothing is None


def test_a_camera_without_colours_tells_nothing() -> None:
    grey = cv2.cvtColor(standing((BODY, RED)), cv2.COLOR_BGR2GRAY)
    pixels = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    assert clothing_in(pixels, torso_of(found(Part.BODY, BODY))) is None
