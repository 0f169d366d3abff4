"""What holds of the tracker whatever it is shown."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.domain.detection import Detection, Part, Region
from edge_agent.domain.geometry import Box
from edge_agent.domain.track import Track
from edge_agent.settings import TrackingSettings
from edge_agent.tracking.tracker import Tracker

from .timeline import FRAME, at

MAX_PEOPLE = 6

_places = st.floats(-200, 900)
_sides = st.floats(1, 500)
_extremes = st.sampled_from([0.0, -0.0, 1e-300, -1.0, 1e-9, 1e9, -1e9, 1e300, -1e300])
_confidences = st.floats(0.0, 1.0)


def _boxes(
    places: st.SearchStrategy[float], sides: st.SearchStrategy[float]
) -> st.SearchStrategy[Box]:
    return st.builds(Box, places, places, sides, sides)


def _detections(boxes: st.SearchStrategy[Box]) -> st.SearchStrategy[Detection]:
    def region(part: Part) -> st.SearchStrategy[Region]:
        return st.builds(Region, st.just(part), boxes, _confidences)

    face, head, body = (region(part) for part in (Part.FACE, Part.HEAD, Part.BODY))
    return st.one_of(
        st.builds(Detection, body=body),
        st.builds(Detection, face=face),
        st.builds(Detection, head=head),
        st.builds(Detection, face=face, body=body),
    )


def _films(boxes: st.SearchStrategy[Box]) -> st.SearchStrategy[list[tuple[float, list[Detection]]]]:
    """Frames, each with the seconds since the previous one."""
    gaps = st.one_of(st.just(0.0), st.floats(0.01, 0.3), st.floats(0.01, 100))
    return st.lists(st.tuples(gaps, st.lists(_detections(boxes), max_size=7)), max_size=12)


def _shown(film: list[tuple[float, list[Detection]]], tracker: Tracker) -> list[tuple[Track, ...]]:
    seconds, answers = 0.0, []
    for gap_s, detections in film:
        seconds += gap_s
        answers.append(tracker.update(tuple(detections), at(seconds), FRAME))
    return answers


def _tracker() -> Tracker:
    return Tracker(TrackingSettings(max_people=MAX_PEOPLE))


@given(_films(_boxes(_places, _sides)))
@settings(deadline=None, max_examples=60)
def test_ids_are_never_reused_and_in_order(film: list[tuple[float, list[Detection]]]) -> None:
    gone: set[int] = set()
    before: set[int] = set()
    for tracks in _shown(film, _tracker()):
        ids = [track.track_id for track in tracks]
        assert ids == sorted(set(ids))
        assert not gone & set(ids)
        gone |= before - set(ids)
        assert all(i > max(before | gone, default=0) for i in set(ids) - before)
        before = set(ids)


@given(_films(_boxes(_places, _sides)))
@settings(deadline=None, max_examples=60)
def test_each_detection_is_in_exactly_one_track(film: list[tuple[float, list[Detection]]]) -> None:
    tracker = Tracker(TrackingSettings())
    for (_, detections), tracks in zip(film, _shown(film, tracker), strict=True):
        taken = sorted(id(track.detection) for track in tracks if track.detection is not None)
        assert taken == sorted(id(detection) for detection in detections)
    assert tracker.dropped == 0


@given(_films(_boxes(_places, _sides)))
@settings(deadline=None, max_examples=60)
def test_tracks_stay_within_the_limit_and_within_the_memory(
    film: list[tuple[float, list[Detection]]],
) -> None:
    seconds = 0.0
    memory_s = TrackingSettings().memory_s
    for (gap_s, _), tracks in zip(film, _shown(film, _tracker()), strict=True):
        seconds += gap_s
        assert len(tracks) <= MAX_PEOPLE
        for track in tracks:
            assert at(seconds).since(track.last_seen) <= memory_s
            assert track.first_seen.since(track.last_seen) <= 0
            assert track.is_seen == (track.last_seen == at(seconds)) or gap_s == 0


@given(_films(_boxes(_places, _sides)))
@settings(deadline=None, max_examples=30)
def test_the_same_film_gives_the_same_tracks(film: list[tuple[float, list[Detection]]]) -> None:
    assert _shown(film, _tracker()) == _shown(film, _tracker())


@given(_films(_boxes(st.one_of(_places, _extremes), st.one_of(_sides, _extremes))))
@settings(deadline=None, max_examples=60)
def test_extreme_boxes_give_numbers(film: list[tuple[float, list[Detection]]]) -> None:
    for tracks in _shown(film, _tracker()):
        for track in tracks:
            for box in (track.face_box, track.body_box, track.leading_box):
                if box is not None:
                    assert all(map(math.isfinite, (box.x, box.y, box.width, box.height)))
                    assert box.area > 0
            assert math.isfinite(track.velocity.x)
            assert math.isfinite(track.velocity.y)
