"""Someone walks in, looks, smiles, leaves: what is published, and when."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import pytest

from edge_agent.domain.entity import Direction
from edge_agent.domain.event import EventType
from edge_agent.domain.geometry import Box, Gaze, HeadPose, Point
from edge_agent.domain.observation import Emotion, Gender
from edge_agent.scene.scene import Scene
from edge_agent.settings import SceneSettings
from tests.scene.timeline import A_FACE, Said, Shown, Stage, expression, settings, value_at_key

NAMES = {event_type: event_type.value for event_type in EventType}


def standing(time_s: float) -> Shown | None:
    return Shown()


def between(start_s: float, end_s: float, shown: Shown | None = None) -> object:
    shown = shown or Shown()
    return lambda time_s: shown if start_s <= time_s < end_s else None


def passing(time_s: float) -> Shown | None:
    """Walks in from the left at 1 s, stops at 4 s to look and smile, leaves to the right."""
    if not 1.0 <= time_s < 14.0:
        return None
    x = 40.0 + 80.0 * min(time_s - 1.0, 3.0) + 80.0 * max(time_s - 10.0, 0.0)
    smile = 0.85 if 7.0 <= time_s < 9.0 else 0.03
    stands = 4.0 <= time_s < 10.0
    return Shown(
        body=Box(x, 100.0, 100.0, 260.0),
        face=Box(x + 30.0, 105.0, 36.0, 45.0) if stands else None,
        expression=expression(happiness=smile, sadness=0.1) if stands else None,
        gaze=Gaze(0.02, 0.05) if stands else None,
        years=31.0 if stands else None,
        female=0.03 if stands else None,
    )


def test_someone_walks_in_looks_smiles_and_leaves() -> None:
    stage = Stage()
    said = stage.play({1: passing}, 20.0)

    assert sorted(NAMES[one.type] for one in said) == sorted(NAMES.values())
    assert said[0].type is EventType.APPEARANCE
    assert said[-1].type is EventType.DISAPPEARANCE
    times = {one.type: one.time_s for one in said}
    assert 1.3 <= times[EventType.APPEARANCE] <= 2.0
    assert 2.0 <= times[EventType.DIRECTION_ESTIMATED] <= 3.0
    assert 5.0 <= times[EventType.FOCUS_LOCKED] <= 5.5
    assert 7.2 <= times[EventType.EMOTION_DETECTED] <= 8.0
    assert 16.0 <= times[EventType.DISAPPEARANCE] <= 17.0

    by_type = {one.type: one for one in said}
    assert by_type[EventType.APPEARANCE].event.key == "full_body_roi"
    assert by_type[EventType.DISAPPEARANCE].event.key == "full_body_roi"
    assert by_type[EventType.EMOTION_DETECTED].event.key == "emotion_happiness"
    assert by_type[EventType.DIRECTION_ESTIMATED].entity.direction is Direction.RIGHT
    assert by_type[EventType.GENDER_ESTIMATED].entity.gender is Gender.MALE
    assert by_type[EventType.AGE_ESTIMATED].entity.age_years == pytest.approx(31.0)
    last = by_type[EventType.DISAPPEARANCE].entity
    assert last.first_seen.utc.second == 1
    assert last.dwell_s == pytest.approx(12.9)
    assert last.attention_s == pytest.approx(6.0, abs=0.2)
    assert stage.states[-1].entities == ()


@pytest.mark.parametrize("frame_rate", [5.0, 10.0, 30.0])
def test_the_story_is_the_same_at_every_frame_rate(frame_rate: float) -> None:
    reference = Stage().play({1: passing}, 20.0, frame_rate=15.0)
    said = Stage().play({1: passing}, 20.0, frame_rate=frame_rate)

    assert sorted(NAMES[one.type] for one in said) == sorted(NAMES[one.type] for one in reference)
    expected = {one.type: one.time_s for one in reference}
    for one in said:
        assert one.time_s == pytest.approx(expected[one.type], abs=0.45)


def test_jumps_of_the_wall_clock_change_nothing() -> None:
    reference = Stage().play({1: passing}, 20.0)
    stage = Stage()
    jumped = stage.play({1: passing}, 20.0, clock_error_s=lambda t: 86_400.0 if t > 6 else -3e6)

    assert [(one.time_s, one.event) for one in jumped] == [
        (one.time_s, one.event) for one in reference
    ]
    assert jumped[-1].entity.dwell_s == pytest.approx(12.9)


def test_a_face_alone_is_a_person_too() -> None:
    stage = Stage()
    face = Shown(body=None)
    stage.play({1: between(0.0, 5.0, face)}, 10.0)

    assert [one.event.key for one in stage.said] == ["face_roi", "face_roi"]
    assert all(one.entity.face is not None and one.entity.body is None for one in stage.said)


def test_a_short_occlusion_makes_neither_disappearance_nor_appearance() -> None:
    stage = Stage()
    stage.play({1: lambda t: None if 4.0 <= t < 6.0 else Shown()}, 10.0)

    assert [one.type for one in stage.said] == [EventType.APPEARANCE]
    assert len({e.entity_id for state in stage.states for e in state.entities}) == 1


@pytest.mark.parametrize("sensitivity", [0.3, 0.7])
def test_who_was_walking_out_is_gone_more_surely_than_who_stood_there(sensitivity: float) -> None:
    """Both are last seen at the same place in the middle of the image."""

    def told(velocity: Point) -> Said:
        stage = Stage(settings(disappearance=sensitivity))
        stage.play({1: between(0.0, 4.0, Shown(velocity=velocity))}, 20.0)
        (gone,) = stage.of(EventType.DISAPPEARANCE)
        return gone

    walking, still = told(Point(-90.0, 0.0)), told(Point(0.0, 0.0))
    assert (walking.time_s, -walking.event.confidence) < (still.time_s, -still.event.confidence)


@pytest.mark.parametrize("speed", [0.0, 60.0])
@pytest.mark.parametrize("left", [200.0, 330.0], ids=["all of them", "half of them"])
def test_nobody_behind_somebody_is_believed_gone_however_long(left: float, speed: float) -> None:
    stage = Stage()
    in_front = Shown(body=Box(left, 60.0, 260.0, 420.0), face=None)
    behind = Shown(velocity=Point(speed, 0.0))
    stage.play({1: between(0.0, 4.0, behind), 2: between(4.0, 40.0, in_front)}, 40.0)

    assert stage.of(EventType.DISAPPEARANCE) == []


def test_a_track_taken_up_after_its_disappearance_is_a_new_visit() -> None:
    stage = Stage()
    stage.play({1: lambda t: None if 4.0 <= t < 12.0 else Shown()}, 16.0)

    types = [one.type for one in stage.said]
    assert types == [EventType.APPEARANCE, EventType.DISAPPEARANCE, EventType.APPEARANCE]
    first, gone, second = (one.event.entity_id for one in stage.said)
    assert first == gone != second


def test_false_boxes_that_flicker_never_appear() -> None:
    stage = Stage()
    ghost = Shown(face=None, score=0.6, expression=None)
    stage.play({1: lambda t: ghost if t % 1.0 < 0.3 else None}, 30.0)

    assert stage.said == []
    assert all(state.entities == () for state in stage.states)


def test_what_is_hardly_a_face_shows_no_emotion() -> None:
    """The back of a head, taken for a face now and then, reads as anything."""
    cross, calm = expression(anger=0.85), expression()

    def from_behind(time_s: float) -> Shown:
        return Shown(face_score=0.55, expression=cross if 5.0 <= time_s < 7.0 else calm)

    stage = Stage(settings(emotion_detected=1.0))
    stage.play({1: from_behind}, 10.0)

    assert stage.of(EventType.EMOTION_DETECTED) == []


def test_what_the_model_says_it_cannot_read_is_no_emotion() -> None:
    joy = replace(expression(happiness=0.9), confidence=0.18)
    calm = replace(expression(), confidence=0.15)
    stage = Stage(settings(emotion_detected=1.0))
    stage.play({1: lambda t: Shown(expression=joy if 5.0 <= t < 7.0 else calm)}, 10.0)

    assert stage.of(EventType.EMOTION_DETECTED) == []


def test_glimpses_far_apart_do_not_make_a_peak() -> None:
    """What shows in single looks, with seconds between them, was not seen to last."""
    joy = expression(happiness=0.9)

    def talking(time_s: float) -> Shown:
        return Shown(expression=joy if math.isclose(time_s % 1.0, 0.5) else None)

    stage = Stage(settings(emotion_detected=1.0))
    stage.play({1: talking}, 20.0)

    assert stage.of(EventType.EMOTION_DETECTED) == []


def test_a_smile_that_is_read_now_and_then_is_a_peak() -> None:
    """As on a board that takes turns with its faces."""

    def smiling(time_s: float) -> Shown:
        is_read = round(time_s * 10) % 4 == 0
        shown = expression(happiness=0.9 if 5.0 <= time_s < 8.0 else 0.0)
        return Shown(expression=shown if is_read else None)

    stage = Stage()
    stage.play({1: smiling}, 12.0)

    assert len(stage.of(EventType.EMOTION_DETECTED)) == 1


@pytest.mark.parametrize(("quality", "told"), [(0.15, 0), (0.3, 1)])
def test_a_face_of_few_pixels_has_an_expression_but_no_peaks(quality: float, told: int) -> None:
    """Below 16 pixels its readings sway with them, though the model be sure of each."""
    joy, calm = expression(happiness=0.8), expression()
    stage = Stage(settings(emotion_detected=1.0))
    stage.play(
        {1: lambda t: Shown(expression=joy if 5.0 <= t < 7.0 else calm, quality=quality)}, 10.0
    )
    assert len(stage.of(EventType.EMOTION_DETECTED)) == told
    assert stage.states[-1].entities[0].expression is not None


def test_a_resting_face_that_looks_sad_fires_nothing() -> None:
    sad = Shown(expression=expression(sadness=0.5, anger=0.1))
    stage = Stage(settings(emotion_detected=0.6))
    stage.play({1: lambda _: sad}, 60.0)

    assert stage.of(EventType.EMOTION_DETECTED) == []


def test_who_comes_in_smiling_is_noticed_once() -> None:
    stage = Stage()
    stage.play({1: lambda _: Shown(expression=expression(happiness=0.9))}, 60.0)

    assert [one.event.key for one in stage.of(EventType.EMOTION_DETECTED)] == ["emotion_happiness"]


def test_each_smile_is_a_peak_of_its_own() -> None:
    def smiling(time_s: float) -> Shown:
        return Shown(expression=expression(happiness=0.8 if time_s % 10.0 > 8.0 else 0.05))

    stage = Stage()
    stage.play({1: smiling}, 40.0)

    assert [int(one.time_s // 10.0) for one in stage.of(EventType.EMOTION_DETECTED)] == [0, 1, 2, 3]


def test_neutral_is_never_a_peak() -> None:
    def calming(time_s: float) -> Shown:
        return Shown(expression=expression(happiness=0.6 if time_s < 20.0 else 0.0))

    stage = Stage(settings(emotion_detected=1.0))
    stage.play({1: calming}, 40.0)

    assert {one.event.key for one in stage.of(EventType.EMOTION_DETECTED)} <= {"emotion_happiness"}


def test_a_gaze_is_locked_once_per_rest_and_a_blink_does_not_end_it() -> None:
    def looking(time_s: float) -> Shown:
        gaze = Gaze(0.4, 0.0) if 5.0 <= time_s < 8.0 else Gaze(0.0, 0.0)
        blinks = time_s % 2.0 < 0.2
        return Shown(gaze=gaze, eyes_open=0.0 if blinks else 1.0)

    stage = Stage()
    stage.play({1: looking}, 12.0)

    times = [one.time_s for one in stage.of(EventType.FOCUS_LOCKED)]
    assert len(times) == 3
    assert times == [pytest.approx(at, abs=0.5) for at in (1.4, 6.3, 9.3)]


def test_a_wandering_gaze_is_never_locked() -> None:
    stage = Stage(settings(focus_locked=1.0))
    stage.play({1: lambda t: Shown(gaze=Gaze(0.5 * ((t * 1.3) % 2.0 - 1.0), 0.0))}, 20.0)

    assert stage.of(EventType.FOCUS_LOCKED) == []


def test_attention_falls_back_on_the_head() -> None:
    def turning(time_s: float) -> Shown:
        return Shown(head=HeadPose(0.0 if time_s < 5.0 else 1.0, 0.0, 0.0))

    stage = Stage()
    state_entity = stage.play({1: turning}, 10.0)[-1].entity
    assert state_entity.attention_s < 1.0
    assert stage.states[-1].entities[0].attention_s == pytest.approx(5.0, abs=0.2)


def test_who_looks_into_the_lens_is_locked_once_and_paid_attention_for_as_long() -> None:
    """Looks aside, into the lens from 3 s to 7 s, aside again; the head stays as it was."""

    def looking(time_s: float) -> Shown:
        aside = Gaze(0.9 * math.sin(1.7 * time_s) + 1.4, 0.3 * math.cos(2.3 * time_s))
        gaze = Gaze(0.03, -0.02) if 3.0 <= time_s < 7.0 else aside
        return Shown(gaze=gaze, head=HeadPose(0.1, 0.0, 0.0))

    stage = Stage()
    stage.play({1: looking}, 10.0)
    (locked,) = stage.of(EventType.FOCUS_LOCKED)
    assert 4.0 <= locked.time_s <= 5.0
    assert locked.entity.gaze is not None
    assert locked.entity.gaze.eccentricity_rad < 0.15
    attention = [state.entities[0].attention_s for state in stage.states if state.entities]
    assert attention == sorted(attention)
    assert attention[-1] == pytest.approx(4.0, abs=0.4)
    assert stage.states[-1].entities[0].dwell_s == pytest.approx(9.9)


def test_a_glance_is_not_locked() -> None:
    stage = Stage(settings(focus_locked=1.0))
    stage.play({1: lambda t: Shown(gaze=Gaze(0.0, 0.0) if 3.0 <= t < 3.8 else None)}, 8.0)
    assert stage.of(EventType.FOCUS_LOCKED) == []


def test_closed_eyes_pay_no_attention_but_a_blink_does_not_count_against_it() -> None:
    def dozing(time_s: float) -> Shown:
        blinks, sleeps = 2.0 <= time_s < 2.2, time_s >= 5.0
        closed = blinks or sleeps
        return Shown(
            gaze=None if closed else Gaze(0.0, 0.0),
            head=HeadPose(0.0, 0.0, 0.0),
            eyes_open=0.02 if closed else 0.98,
        )

    stage = Stage()
    stage.play({1: dozing}, 10.0)
    (entity,) = stage.states[-1].entities
    assert entity.attention_s == pytest.approx(4.9, abs=0.11)
    assert entity.gaze is None
    assert entity.eyes_open is not None
    assert entity.eyes_open < 0.1


def test_a_head_that_is_turned_away_ends_the_attention() -> None:
    """The eyes cannot be seen from the side: then the head tells."""

    def turning(time_s: float) -> Shown:
        looks = time_s < 4.0
        return Shown(
            gaze=Gaze(0.05, 0.05) if looks else None,
            head=HeadPose(0.1 if looks else -0.9, 0.0, 0.0),
            eyes_open=1.0 if looks else 0.5,
        )

    stage = Stage()
    stage.play({1: turning}, 10.0)
    assert stage.states[-1].entities[0].attention_s == pytest.approx(3.9, abs=0.11)
    head = stage.states[-1].entities[0].head
    assert head is not None
    assert head.yaw_rad == pytest.approx(-0.9, abs=0.01)


@pytest.mark.parametrize(("cone_rad", "attentive"), [(0.2, False), (0.35, True), (0.6, True)])
def test_the_cone_of_attention_is_as_wide_as_it_is_set(cone_rad: float, attentive: bool) -> None:
    stage = Stage(SceneSettings(attention_cone_rad=cone_rad))
    stage.play({1: lambda _: Shown(gaze=Gaze(0.25, 0.1))}, 5.0)
    attention_s = stage.states[-1].entities[0].attention_s
    assert attention_s == pytest.approx(4.9, abs=0.11) if attentive else attention_s == 0.0


def test_a_direction_is_reported_again_only_when_it_changes() -> None:
    def there_and_up(time_s: float) -> Shown:
        x = 100.0 + 40.0 * min(time_s, 5.0)
        y = 300.0 - 60.0 * min(max(time_s - 7.0, 0.0), 4.5)
        return Shown(body=Box(x, y, 60.0, 140.0), face=None)

    stage = Stage()
    stage.play({1: there_and_up}, 16.0)

    directions = [one.entity.direction for one in stage.of(EventType.DIRECTION_ESTIMATED)]
    assert directions == [Direction.RIGHT, Direction.UP]


def test_a_face_that_turns_up_beside_a_body_moves_nobody() -> None:
    stage = Stage(settings(direction_estimated=1.0))
    body, face = Shown(face=None), Shown(body=None)
    stage.play({1: lambda t: body if int(t) % 2 else face}, 20.0)

    assert stage.of(EventType.DIRECTION_ESTIMATED) == []


def test_a_crowd_of_looks_is_not_certainty() -> None:
    stage = Stage(settings(age_estimated=1.0))
    stage.play({1: lambda _: Shown(years=30.0, female=0.8)}, 600.0)

    entity = stage.states[-1].entities[0]
    assert 0.5 < entity.age_confidence < 0.97
    assert 0.7 < entity.gender_confidence < 0.99


def test_an_age_is_reported_again_once_if_it_has_moved_and_is_more_certain() -> None:
    def seen_better_and_better(time_s: float) -> Shown:
        if time_s < 4.0:
            return Shown(years=45.0, years_deviation=13.0, quality=0.4)
        return Shown(years=28.0 if time_s < 60.0 else 60.0, years_deviation=6.0, quality=1.0)

    stage = Stage(settings(age_estimated=1.0))
    stage.play({1: seen_better_and_better}, 200.0)

    first, second = stage.of(EventType.AGE_ESTIMATED)
    assert first.entity.age_years is not None
    assert second.entity.age_years is not None
    assert abs(second.entity.age_years - first.entity.age_years) > 5.0
    assert second.event.confidence > first.event.confidence


def test_a_settled_age_is_reported_also_where_the_model_is_unsure_of_the_face() -> None:
    unsure = Shown(years=33.0, years_deviation=9.0, quality=1.0)
    stage = Stage()
    stage.play({1: lambda time_s: unsure}, 20.0)

    (said,) = stage.of(EventType.AGE_ESTIMATED)
    assert said.event.confidence >= 0.8
    assert said.entity.age_confidence < 0.6


def test_ages_that_contradict_one_another_are_less_sure() -> None:
    def steady(time_s: float) -> Shown:
        return Shown(years=40.0, years_deviation=7.0)

    def swaying(time_s: float) -> Shown:
        return Shown(years=40.0 + 30.0 * math.sin(3.0 * time_s), years_deviation=7.0)

    said = []
    for story in (steady, swaying):
        stage = Stage()
        stage.play({1: story}, 60.0)
        said.append(stage.of(EventType.AGE_ESTIMATED)[0])
    sure, unsure = said
    assert unsure.event.confidence < sure.event.confidence - 0.1
    assert unsure.entity.age_confidence < sure.entity.age_confidence


def test_one_who_stands_still_for_an_hour_stays_the_same() -> None:
    stage = Stage()
    stage.play({1: standing}, 3600.0, frame_rate=2.0)

    assert [one.type for one in stage.said if one.type is not EventType.DIRECTION_ESTIMATED] == [
        EventType.APPEARANCE
    ]
    assert stage.states[-1].entities[0].dwell_s == pytest.approx(3599.5)


def test_a_pause_of_the_camera_is_not_an_absence() -> None:
    stage = Stage()
    stage.play({1: standing}, 5.0)
    stage.frame(35.0, {1: None})
    stage.play({1: standing}, 40.0, from_s=35.5)

    assert [one.type for one in stage.said] == [EventType.APPEARANCE]


def test_past_visits_leave_nothing_behind() -> None:
    def size_after(visits: int) -> int:
        scene, stage = Scene(SceneSettings()), Stage()
        stage.scene = scene
        for number in range(visits):
            stage.play({number: between(0.0, 1e9)}, 10.0 * number + 2.0, from_s=10.0 * number)
            stage.play({number: lambda _: None}, 10.0 * number + 10.0, from_s=10.0 * number + 2.0)
            stage.forget(number)
        assert len(stage.of(EventType.DISAPPEARANCE)) == visits
        return len(pickle.dumps(scene))

    assert size_after(40) <= size_after(2) + 64


def test_the_state_without_people_is_given_when_the_last_one_has_left() -> None:
    stage = Stage()
    stage.play({1: between(0.0, 3.0)}, 10.0)

    leaving = next(state for state in stage.states if state.gone)
    assert len(leaving.entities) == 1
    assert leaving.present == ()
    assert stage.states[stage.states.index(leaving) + 1].entities == ()


def test_closing_ends_every_visit() -> None:
    stage = Stage()
    stage.play({1: standing, 2: standing}, 3.0)
    state = stage.close(3.0)

    assert [one.type for one in stage.said[-2:]] == [EventType.DISAPPEARANCE] * 2
    assert state.present == ()
    assert stage.close(3.1).entities == ()


@pytest.mark.parametrize("event_type", list(EventType))
def test_a_sensitivity_of_zero_turns_the_type_off_and_no_other(event_type: EventType) -> None:
    reference = Stage()
    reference.play({1: passing}, 20.0)
    stage = Stage(settings(**{event_type.value: 0.0}))
    stage.play({1: passing}, 20.0)

    rest = {one.type for one in reference.said} - {event_type}
    assert {one.type for one in stage.said} == rest
    assert stage.states[-1].entities == ()


def test_what_is_shown_is_smoothed_and_sums_to_one() -> None:
    def flickering(time_s: float) -> Shown:
        joy = 0.9 if int(time_s * 10) % 2 else 0.1
        return Shown(expression=expression(happiness=joy, fear=0.1))

    stage = Stage()
    stage.play({1: flickering}, 5.0)
    shown = stage.states[-1].entities[0].expression
    assert shown is not None
    assert shown.intensity(Emotion.HAPPINESS) == pytest.approx(0.5, abs=0.15)
    assert sum(shown.intensities) == pytest.approx(1.0)


def test_boxes_are_clipped_and_points_move_with_the_face() -> None:
    def leaning_out(time_s: float) -> Shown:
        x = 560.0 + 5.0 * time_s
        return Shown(body=Box(x, 300.0, 100.0, 260.0), face=Box(x + 30.0, 305.0, 36.0, 45.0))

    stage = Stage()
    stage.play({1: leaning_out}, 2.0)
    entity = stage.states[-1].entities[0]
    assert entity.body is not None
    assert entity.body.right <= 640.0
    assert entity.body.bottom <= 480.0
    assert entity.face is not None
    assert entity.landmarks is not None
    assert entity.landmarks.nose.x == pytest.approx(entity.face.center.x)


def test_a_face_out_of_sight_is_no_longer_shown() -> None:
    stage = Stage()
    turned = replace(Shown(), face=None, expression=None)
    stage.play({1: lambda t: Shown() if t < 3.0 else turned}, 8.0)

    entity = stage.states[-1].entities[0]
    assert entity.face is None
    assert entity.face_roi_confidence == 0.0
    assert entity.expression is None
    assert value_at_key(entity, "full_body_roi") is not None


def test_the_back_of_a_head_that_was_found_as_a_face_is_not_shown_as_one() -> None:
    stage = Stage()
    turned = replace(Shown(), shows_face=False)
    stage.play({1: lambda t: Shown() if 3.0 < t < 6.0 else turned}, 9.0)

    before, facing, after = (stage.states[at].entities[0] for at in (25, 55, 85))
    for entity in (before, after):
        assert entity.face is None
        assert entity.face_roi_confidence == 0.0
        assert entity.landmarks is None
        assert value_at_key(entity, "full_body_roi") is not None
    assert facing.face is not None
    assert facing.landmarks is not None
    assert len(stage.of(EventType.APPEARANCE)) == 1


def test_a_head_alone_from_behind_still_tells_where_the_person_is() -> None:
    stage = Stage()

    def walking(time_s: float) -> Shown:
        return Shown(body=None, face=A_FACE.moved(50.0 * time_s, 0.0), shows_face=False)

    stage.play({1: walking}, 4.0)
    entity = stage.states[-1].entities[0]
    assert entity.face is not None
    assert entity.face.x == pytest.approx(A_FACE.x + 50.0 * 3.9)
    assert entity.landmarks is None


def test_sixty_four_people_at_once() -> None:
    stage = Stage()
    stage.play(dict.fromkeys(range(64), standing), 2.0)

    assert len(stage.of(EventType.APPEARANCE)) == 64
    assert len(stage.states[-1].present) == 64
