"""Whose face is it: small stories of people in the picture."""

from __future__ import annotations

import pytest

from edge_agent.domain.detection import Part, Region
from edge_agent.domain.geometry import Box
from edge_agent.perception.pairing import paired


def face(x: float, y: float, side: float = 20, confidence: float = 0.9) -> Region:
    return Region(Part.FACE, Box(x, y, side, side * 1.2), confidence)


def head(x: float, y: float, side: float = 28, confidence: float = 0.8) -> Region:
    return Region(Part.HEAD, Box(x, y, side, side * 1.2), confidence)


def body(
    x: float, y: float, width: float = 60, height: float = 180, confidence: float = 0.85
) -> Region:
    return Region(Part.BODY, Box(x, y, width, height), confidence)


def test_nobody_is_no_detection() -> None:
    assert paired(()) == ()


def test_a_face_a_head_and_a_body_in_their_places_are_one_person() -> None:
    parts = (face(120, 56), head(116, 50), body(100, 48))
    (person,) = paired(parts)
    assert (person.face, person.head, person.body) == parts


def test_two_people_side_by_side_keep_their_own_faces() -> None:
    people = paired((face(120, 56), face(220, 60), body(200, 52), body(100, 48)))
    assert len(people) == 2
    for person in people:
        assert person.face is not None
        assert person.body is not None
        assert abs(person.face.box.center.x - person.body.box.center.x) < 10


def test_one_who_stands_before_another_does_not_take_the_others_face() -> None:
    behind, before = body(100, 40, 60, 150), body(125, 60, 70, 200)
    faces = (face(120, 46), face(150, 68))
    people = paired((*faces, before, behind))
    by_face = {p.face.box.x: p.body for p in people if p.face is not None}
    assert by_face == {120: behind, 150: before}


def test_a_face_at_the_feet_of_a_body_is_somebody_elses() -> None:
    people = paired((face(120, 200), body(100, 48)))
    assert len(people) == 2


def test_a_face_far_too_large_for_a_body_is_somebody_elses() -> None:
    assert len(paired((face(95, 50, side=110), body(100, 48)))) == 2


def test_a_head_found_twice_takes_the_body_from_nobody() -> None:
    """As measured: two boxes of one head, of which the one without the face fits the body."""
    parts = (
        Region(Part.FACE, Box(628, 158, 9, 11), 0.87),
        Region(Part.HEAD, Box(621, 152, 17, 18), 0.83),
        Region(Part.HEAD, Box(625, 150, 15, 15), 0.94),
        Region(Part.BODY, Box(619, 147, 40, 95), 0.89),
    )
    (person,) = paired(parts)
    assert person.face == parts[0]
    assert person.body == parts[3]


@pytest.mark.parametrize("second", [Box(310, 156, 18, 22), Box(306, 158, 20, 21)])
def test_a_face_found_twice_in_one_head_is_one_person(second: Box) -> None:
    """As measured: the second box of a bearded face reaches from the eyes to the collar."""
    parts = (
        Region(Part.FACE, Box(308, 150, 15, 20), 0.78),
        Region(Part.FACE, second, 0.51),
        Region(Part.HEAD, Box(303, 142, 26, 32), 0.98),
        Region(Part.BODY, Box(285, 140, 60, 79), 0.53),
    )
    (person,) = paired(parts)
    assert person.face == parts[0]
    assert person.body == parts[3]


def test_a_face_seen_in_two_ways_is_one_person_and_two_cheek_by_jowl_are_two() -> None:
    first, again, other = face(120, 56), face(124, 59, confidence=0.6), face(136, 52)
    (person,) = paired((again, first))
    assert person.face == first
    assert [one.face for one in paired((first, again, other))] == [first, other]


def test_a_face_that_looks_out_from_behind_a_head_stays_a_person() -> None:
    people = paired((face(120, 56), head(116, 50), face(136, 52)))
    assert len(people) == 2


def test_seen_from_behind_a_head_belongs_to_its_body() -> None:
    (person,) = paired((head(116, 50), body(100, 48)))
    assert person.face is None
    assert person.head is not None
    assert person.body is not None


def test_a_head_alone_is_too_little_to_make_a_person() -> None:
    assert paired((head(116, 50),)) == ()


def test_a_face_without_a_body_is_a_person_cut_off_by_the_picture() -> None:
    (person,) = paired((face(120, 150),))
    assert person.body is None


def test_each_part_is_used_once_and_none_is_lost() -> None:
    parts = (face(114, 56), face(132, 58, confidence=0.6), body(100, 48))
    people = paired(parts)
    assert len(people) == 2
    assert sum(p.body is not None for p in people) == 1


def test_the_surest_person_comes_first() -> None:
    people = paired((face(20, 20, confidence=0.6), face(220, 20, confidence=0.95)))
    assert [p.confidence for p in people] == [0.95, 0.6]


def test_a_torso_and_the_whole_of_one_person_are_one() -> None:
    seen_face = Region(Part.FACE, Box(300, 76, 94, 96), 0.89)
    torso = Region(Part.BODY, Box(236, 58, 222, 291), 0.77)
    whole = Region(Part.BODY, Box(128, 20, 367, 460), 0.68)
    (person,) = paired([seen_face, torso, whole])
    assert person.face is seen_face
    assert person.body in (torso, whole)


def test_who_stands_beside_and_shows_no_face_stays_a_person_of_their_own() -> None:
    seen_face = Region(Part.FACE, Box(300, 76, 94, 96), 0.89)
    seen_body = Region(Part.BODY, Box(236, 58, 222, 291), 0.77)
    smaller_beside = Region(Part.BODY, Box(236, 110, 70, 230), 0.6)
    assert len(paired([seen_face, seen_body, smaller_beside])) == 2


def test_a_torso_found_without_its_head_belongs_to_the_face_above_it() -> None:
    seen_face = Region(Part.FACE, Box(287, 75, 69, 89), 0.93)
    torso = Region(Part.BODY, Box(180, 126, 261, 354), 0.81)
    (person,) = paired([seen_face, torso])
    assert (person.face, person.body) == (seen_face, torso)


def test_a_torso_far_below_or_beside_a_face_is_somebody_elses() -> None:
    seen_face = Region(Part.FACE, Box(287, 75, 69, 89), 0.93)
    far_below = Region(Part.BODY, Box(180, 220, 261, 260), 0.81)
    beside = Region(Part.BODY, Box(330, 126, 261, 354), 0.81)
    assert len(paired([seen_face, far_below])) == 2
    assert len(paired([seen_face, beside])) == 2


def test_a_body_goes_to_the_head_inside_it_before_one_above_it() -> None:
    above = Region(Part.FACE, Box(290, 20, 60, 75), 0.95)
    inside = Region(Part.FACE, Box(290, 110, 60, 75), 0.6)
    whole = Region(Part.BODY, Box(240, 100, 160, 380), 0.8)
    persons = {person.face: person.body for person in paired([above, inside, whole])}
    assert persons == {above: None, inside: whole}


def test_a_body_seen_from_behind_at_two_scales_is_one() -> None:
    narrow = Region(Part.BODY, Box(354, 168, 170, 264), 0.72)
    wide = Region(Part.BODY, Box(315, 73, 250, 353), 0.64)
    assert [person.body for person in paired([wide, narrow])] == [narrow]


def test_the_torso_of_somebody_close_seen_from_behind_is_no_second_person() -> None:
    """As measured: both boxes begin at the head, and one of them ends at the belt."""
    whole, torso = body(286, 50, 265, 382, 0.98), body(315, 58, 169, 296, 0.84)
    assert [person.body for person in paired((torso, whole))] == [whole]


def test_a_small_one_in_front_and_one_further_back_are_people_of_their_own() -> None:
    tall = Region(Part.BODY, Box(300, 50, 160, 380), 0.9)
    small_in_front = Region(Part.BODY, Box(340, 240, 80, 190), 0.8)
    further_back = Region(Part.BODY, Box(320, 100, 110, 280), 0.8)
    beside = Region(Part.BODY, Box(380, 60, 110, 280), 0.8)
    assert len(paired([tall, small_in_front])) == 2
    assert len(paired([tall, further_back])) == 2
    assert len(paired([tall, beside])) == 2
