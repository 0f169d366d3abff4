"""People come, cross, hide, turn and leave; their ids tell who they are."""

from __future__ import annotations

import math
import pickle
import random

import pytest

from edge_agent.domain.detection import Detection, Part, Region
from edge_agent.domain.geometry import Box
from edge_agent.settings import TrackingSettings
from edge_agent.tracking.tracker import Tracker

from .timeline import (
    FRAME,
    at,
    body,
    clipped,
    face,
    frame_times,
    id_near,
    person,
    play,
    shown,
    shown_share,
)

RATES = (5, 10, 15, 30)
BOTH = frozenset({Part.FACE, Part.BODY})


@pytest.mark.parametrize("rate", RATES)
def test_someone_walks_in_stays_and_walks_out(rate: int) -> None:
    def scene(s: float) -> list[Detection]:
        x = 120 * s if s < 3 else 360 if s < 8 else 360 + 120 * (s - 8)
        return [body(x)] if 0 < x < 640 else []

    ids, last = set(), ()
    for _, last in play(scene, frame_times(0, 14, rate)):
        ids.update(shown(last))
    assert ids == {1}
    assert last == (), "who walked out of the image is forgotten before the memory ends"


@pytest.mark.parametrize("rate", RATES)
def test_a_person_is_shown_within_a_second_and_with_their_speed(rate: int) -> None:
    frames = list(play(lambda s: [body(100 + 80 * s)], frame_times(0, 3, rate)))
    first_s = next(s for s, tracks in frames if shown(tracks))
    assert first_s <= 0.5
    (track,) = frames[-1][1]
    assert track.velocity.x == pytest.approx(80, rel=0.1)
    assert track.velocity.y == pytest.approx(0, abs=3)
    assert track.hits == len(frames)
    assert track.first_seen == at(0)


@pytest.mark.parametrize("rate", RATES)
def test_an_occlusion_of_a_second_and_a_half_keeps_the_id(rate: int) -> None:
    def scene(s: float) -> list[Detection]:
        return [] if 3 <= s < 4.5 else [body(100 + 60 * s)]

    frames = list(play(scene, frame_times(0, 7, rate)))
    assert {track.track_id for _, tracks in frames for track in tracks} == {1}
    hidden = [tracks for s, tracks in frames if 3.3 < s < 4.4]
    assert all(track.detection is None for tracks in hidden for track in tracks)


@pytest.mark.parametrize("rate", RATES)
def test_two_people_who_cross_keep_their_ids(rate: int) -> None:
    """While one hides the other, the detector finds one of them only."""

    def scene(s: float) -> list[Detection]:
        left, right = 100 + 80 * s, 540 - 80 * s
        near = body(left, 250, 210)
        return [near] if abs(left - right) < 60 else [near, body(right, 235, 190)]

    frames = list(play(scene, frame_times(0, 5.5, rate)))
    before = next(tracks for s, tracks in frames if s >= 1)
    after = frames[-1][1]
    assert id_near(before, 180) == id_near(after, 540)
    assert id_near(before, 460) == id_near(after, 100)
    assert {track.track_id for _, tracks in frames for track in tracks} == {1, 2}


def test_missed_frames_and_jitter_make_no_new_person() -> None:
    chance = random.Random(7)

    def scene(s: float) -> list[Detection]:
        if chance.random() < 0.3:
            return []
        return [body(200 + 40 * s + chance.gauss(0, 5), 240 + chance.gauss(0, 5), confidence=0.8)]

    ids = {i for _, tracks in play(scene, frame_times(0, 10, 10)) for i in shown(tracks)}
    assert ids == {1}


def test_a_person_missed_for_a_moment_is_still_shown() -> None:
    def scene(s: float) -> list[Detection]:
        return [] if s == 2.0 else [body(200 + 40 * s)]

    (track,) = next(tracks for s, tracks in play(scene, frame_times(0, 3, 10)) if s == 2.0)
    assert not track.is_seen
    assert track.is_output
    assert track.leading_box.center.x == pytest.approx(280, abs=6)


def test_a_one_frame_false_box_is_never_shown_and_soon_forgotten() -> None:
    def scene(s: float) -> list[Detection]:
        false = [body(500, confidence=0.7)] if s == 1.0 else []
        return [body(200), *false]

    frames = list(play(scene, frame_times(0, 3, 10)))
    assert {i for _, tracks in frames for i in shown(tracks)} == {1}
    assert [track.track_id for track in frames[-1][1]] == [1]


def test_face_and_body_of_one_person_are_one_track() -> None:
    """Comes as a body, turns to the camera, steps so near that the body is lost, turns away."""

    def scene(s: float) -> list[Detection]:
        shows = (
            frozenset({Part.BODY})
            if s < 2
            else BOTH
            if s < 4
            else frozenset({Part.FACE})
            if s < 7
            else frozenset({Part.BODY})
        )
        return [person(200 + 20 * s, shows)]

    frames = list(play(scene, frame_times(0, 10, 10)))
    assert {track.track_id for _, tracks in frames for track in tracks} == {1}
    for s, (track,) in frames:
        truth = person(200 + 20 * s, BOTH)
        assert truth.body is not None
        assert truth.face is not None
        assert track.body_box is not None
        assert track.body_box.iou(truth.body.box) > 0.6
        assert (track.face_box is None) == (s < 2)
        if track.face_box is not None:
            assert track.face_box.iou(truth.face.box) > 0.4


@pytest.mark.parametrize("first", [Part.FACE, Part.BODY])
def test_hand_over_between_parts_that_were_never_seen_together(first: Part) -> None:
    second = Part.BODY if first is Part.FACE else Part.FACE

    def scene(s: float) -> list[Detection]:
        return [
            person(200, frozenset({first if s < 2 else second})),
            person(460, frozenset({first if s < 3 else second})),
        ]

    frames = list(play(scene, frame_times(0, 5, 10)))
    assert {track.track_id for _, tracks in frames for track in tracks} == {1, 2}
    assert id_near(frames[5][1], 200) == id_near(frames[-1][1], 200)


def test_a_head_stands_in_for_the_face_of_someone_who_turns_away() -> None:
    def scene(s: float) -> list[Detection]:
        seen = face(300 + 10 * s)
        if s < 2:
            return [seen]
        assert seen.face is not None
        box = seen.face.box.grown(1.33).moved(0, -5)
        region = type(seen.face)(Part.HEAD, box, 0.9)
        return [Detection(head=region)]

    ids = {track.track_id for _, tracks in play(scene, frame_times(0, 4, 10)) for track in tracks}
    assert ids == {1}


def test_a_small_head_that_turns_into_a_face_stays_one_person() -> None:
    """Seen from above the face is a few pixels wide and lies low in the head's box."""
    chance = random.Random(5)

    def scene(s: float) -> list[Detection]:
        whole = body(200 + 40 * s, 240 + chance.gauss(0, 2), 100)
        assert whole.body is not None
        head = Box(whole.body.box.center.x - 8, whole.body.box.y + 5, 16, 18)
        its_face = Region(Part.FACE, Box(head.x + 3, head.y + 9, 9, 10), 0.8)
        is_turned = int(s) % 2 == 0
        return [
            Detection(None if is_turned else its_face, Region(Part.HEAD, head, 0.9), whole.body)
        ]

    ids = {track.track_id for _, tracks in play(scene, frame_times(0, 8, 25)) for track in tracks}
    assert ids == {1}


def test_the_frame_rate_may_change_at_any_time() -> None:
    times = [
        *frame_times(0, 3, 30),
        *frame_times(3, 6, 5),
        *frame_times(6, 8, 12),
        *frame_times(8, 10, 25),
    ]
    frames = list(play(lambda s: [body(60 + 50 * s), body(600 - 50 * s, 200, 120)], times))
    assert {track.track_id for _, tracks in frames for track in tracks} == {1, 2}


def test_a_short_pause_of_the_camera_keeps_who_stayed() -> None:
    times = [*frame_times(0, 3, 10), *frame_times(6, 9, 10)]
    frames = list(play(lambda _: [body(300)], times))
    assert {track.track_id for _, tracks in frames for track in tracks} == {1}


def test_a_pause_of_30_seconds_ends_tracks_and_harms_nothing() -> None:
    times = [*frame_times(0, 3, 10), *frame_times(33, 36, 10)]
    frames = list(play(lambda _: [body(200), body(400)], times))
    assert [track.track_id for track in frames[29][1]] == [1, 2]
    assert [track.track_id for track in frames[30][1]] == [3, 4]
    assert shown(frames[-1][1]) == [3, 4]


def test_a_longer_memory_outlasts_the_pause() -> None:
    times = [*frame_times(0, 3, 10), *frame_times(33, 36, 10)]
    tracker = Tracker(TrackingSettings(memory_s=60))
    frames = list(play(lambda _: [body(200), body(400)], times, tracker))
    assert {track.track_id for _, tracks in frames for track in tracks} == {1, 2}


def test_who_is_out_of_sight_for_longer_than_the_memory_is_forgotten() -> None:
    tracker = Tracker(TrackingSettings(memory_s=4))
    frames = play(lambda s: [body(300)] if s < 2 else [], frame_times(0, 8, 10), tracker)
    alive = {round(s, 1) for s, tracks in frames if tracks}
    assert 5.8 in alive
    assert 6.1 not in alive


def test_standing_still_for_an_hour_keeps_the_identity() -> None:
    chance = random.Random(3)

    def scene(_: float) -> list[Detection]:
        return [face(300 + chance.gauss(0, 2), 200 + chance.gauss(0, 2))] * (chance.random() < 0.9)

    tracker = Tracker(TrackingSettings())
    ids = {
        track.track_id
        for _, tracks in play(scene, frame_times(0, 3600, 2), tracker)
        for track in tracks
    }
    assert ids == {1}


def test_past_people_leave_nothing_behind() -> None:
    def size_after(people: int) -> int:
        tracker = Tracker(TrackingSettings(memory_s=2))
        for number in range(people):
            for _ in play(
                lambda _: [body(300)], frame_times(9 * number, 9 * number + 2, 5), tracker
            ):
                pass
            for _ in play(lambda _: [], frame_times(9 * number + 2, 9 * number + 9, 5), tracker):
                pass
        return len(pickle.dumps(tracker))

    assert size_after(40) <= size_after(2) + 16


def test_sixty_four_people_keep_sixty_four_ids() -> None:
    """In a grid, each on a small round of their own."""

    def scene(s: float) -> list[Detection]:
        return [
            body(40 + 75 * (i % 8) + 8 * math.sin(s + i), 30 + 58 * (i // 8), 48) for i in range(64)
        ]

    ids = {track.track_id for _, tracks in play(scene, frame_times(0, 6, 8)) for track in tracks}
    assert len(ids) == 64


def test_someone_who_walks_up_to_the_camera_stays_one() -> None:
    """From six metres to one at walking pace, by the face alone."""

    def scene(s: float) -> list[Detection]:
        distance = max(6 - 1.2 * s, 1)
        return [face(320 + 60 / distance, 240 - 60 / distance, 130 / distance)]

    ids = {track.track_id for _, tracks in play(scene, frame_times(0, 6, 10)) for track in tracks}
    assert ids == {1}


def test_of_too_many_the_weakest_are_dropped_and_counted() -> None:
    tracker = Tracker(TrackingSettings(max_people=2))
    for s in (0.0, 0.1, 0.2):
        tracker.update((body(100), body(300)), at(s), FRAME)
    tracks = tracker.update((body(100), body(300), body(500)), at(0.3), FRAME)
    assert [track.track_id for track in tracks] == [1, 2]
    assert tracker.dropped == 1


def test_two_trackers_share_no_ids() -> None:
    for tracker in (Tracker(TrackingSettings()), Tracker(TrackingSettings())):
        (track,) = tracker.update((body(100),), at(0), FRAME)
        assert track.track_id == 1


@pytest.mark.parametrize("rate", RATES)
def test_a_face_that_hurries_past_the_camera_is_one_person(rate: int) -> None:
    """At a walking pace of 1.4 metres per second, a metre or two from the lens."""
    frames = list(play(lambda s: [face(40 + 500 * s, 200, 72)], frame_times(0, 1.2, rate)))
    assert {track.track_id for _, tracks in frames for track in tracks} == {1}


@pytest.mark.parametrize("rate", RATES)
def test_sitting_down_keeps_the_id(rate: int) -> None:
    def scene(s: float) -> list[Detection]:
        sunk = min(max(s - 2, 0) * 250, 150)
        return [face(320, 120 + sunk, 60)]

    frames = list(play(scene, frame_times(0, 4, rate)))
    assert {track.track_id for _, tracks in frames for track in tracks} == {1}


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("is_blinking", [False, True])
def test_who_is_cut_off_more_and_more_while_walking_out_stays_one(
    rate: int, is_blinking: bool
) -> None:
    """The detector finds what the image shows of somebody, down to a quarter of their width."""

    def scene(s: float) -> list[Detection]:
        whole = body(300 + 150 * s, 240, 420)
        is_missed = is_blinking and s > 2 and round(s * rate) % 3 == 0
        return [] if is_missed or shown_share(whole) < 0.25 else [clipped(whole)]

    frames = list(play(scene, frame_times(0, 4, rate)))
    assert {track.track_id for _, tracks in frames for track in tracks} == {1}
    seen = [(s, tracks[0]) for s, tracks in frames if tracks and tracks[0].is_seen]
    s, last = seen[-1]
    assert last.leading_box.center.x == pytest.approx(300 + 150 * s, abs=20)
    assert last.velocity.x == pytest.approx(150, rel=0.2)


def test_who_stands_at_the_border_does_not_grow_beyond_it() -> None:
    """Boxes that shake show once in a while more of somebody than is cut off."""
    chance = random.Random(7)
    standing = body(320, 340, 276)

    def scene(_: float) -> list[Detection]:
        assert standing.body is not None
        box = standing.body.box
        shaken = Box(box.x, box.y, box.width, box.height * (1 + chance.gauss(0.0, 0.04)))
        return [clipped(Detection(body=Region(Part.BODY, shaken, 0.95)))]

    *_, (_, (track,)) = play(scene, frame_times(0, 120, 15))
    assert track.leading_box.height == pytest.approx(276, rel=0.1)
