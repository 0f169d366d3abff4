"""Stories for the tracker: people on paths, seen by a camera at its own pace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from edge_agent.domain.detection import Detection, Part, Region
from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Box, Size
from edge_agent.domain.track import Track
from edge_agent.settings import TrackingSettings
from edge_agent.tracking.tracker import Tracker

FRAME = Size(640, 480)
_EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)

Scene = Callable[[float], Iterable[Detection]]
"""Who is seen at a time, in seconds."""


def at(seconds: float) -> Instant:
    return Instant(_EPOCH + timedelta(seconds=seconds), seconds)


def body(x: float, y: float = 240, height: float = 200, confidence: float = 0.95) -> Detection:
    """A whole body around (x, y)."""
    width = height * 0.38
    box = Box(x - width / 2, y - height / 2, width, height)
    return Detection(body=Region(Part.BODY, box, confidence))


def face(x: float, y: float = 200, height: float = 60, confidence: float = 0.95) -> Detection:
    """A face around (x, y)."""
    width = height * 0.8
    box = Box(x - width / 2, y - height / 2, width, height)
    return Detection(face=Region(Part.FACE, box, confidence))


def person(x: float, shows: frozenset[Part], body_height: float = 360) -> Detection:
    """Someone whose face is where faces are on a body, of whom only the parts `shows` are found."""
    whole = body(x, 260, body_height)
    assert whole.body is not None
    face_height = body_height / 8
    its_face = face(x, whole.body.box.y + 0.7 * face_height, face_height)
    return Detection(
        face=its_face.face if Part.FACE in shows else None,
        body=whole.body if Part.BODY in shows else None,
    )


def clipped(whole: Detection) -> Detection:
    """What the image shows of a body."""
    assert whole.body is not None
    return Detection(body=replace(whole.body, box=whole.body.box.clipped(FRAME)))


def shown_share(whole: Detection) -> float:
    """How much of a body the image shows."""
    assert whole.body is not None
    return whole.body.box.clipped(FRAME).area / whole.body.box.area


def frame_times(start_s: float, end_s: float, rate: float) -> list[float]:
    return [start_s + i / rate for i in range(round((end_s - start_s) * rate))]


def play(
    scene: Scene, times: Iterable[float], tracker: Tracker | None = None
) -> Iterator[tuple[float, tuple[Track, ...]]]:
    """The time and the tracks of each frame."""
    tracker = tracker or Tracker(TrackingSettings())
    for seconds in times:
        yield seconds, tracker.update(tuple(scene(seconds)), at(seconds), FRAME)


def shown(tracks: Iterable[Track]) -> list[int]:
    """Ids that a consumer would be shown."""
    return [track.track_id for track in tracks if track.is_output]


def id_near(tracks: Iterable[Track], x: float) -> int:
    """The id of the seen track that is nearest to `x`."""
    seen = [track for track in tracks if track.is_seen]
    return min(seen, key=lambda track: abs(track.leading_box.center.x - x)).track_id
