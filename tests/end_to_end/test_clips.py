"""What the agent tells of real clips; by eye it is known who comes, when, and what they show."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from benchmarks.scene.clips import CLIPS, nearest
from edge_agent.agent import build_pipeline
from edge_agent.devices.cameras.replay import VideoFile
from edge_agent.domain.entity import Entity
from edge_agent.domain.event import Event, EventType
from edge_agent.domain.observation import Gender
from edge_agent.settings import Settings

PLAZA, PLAZA_STEP = "plaza-from-above.mp4", 3
ONE_BY_ONE = "one-by-one-person-detection.mp4"
ASL = ("asl_again.mkv", "asl_book.mkv", "asl_want.mkv")
MEN = ("asl_again.mkv", "asl_want.mkv")
"""The woman of the third clip is read as either, by small changes of where her face is cut out."""
SMILES = {"asl_book.mkv"}
"""Where somebody does: she is done with signing."""
FACING = {
    "face-demographics-walking-and-pause.mp4": 3,
    "head-pose-face-detection-female-and-male.mp4": 2,
    "classroom.mp4": 4,
    **dict.fromkeys(ASL, 1),
}
LEAST_FRAMES = 3
"""Fewer frames of an id on somebody are a box that touched them in passing."""


@dataclass
class Told:
    """What was told of a clip: events with the frame and the entity, and who was shown when."""

    events: list[tuple[int, Event, Entity]] = field(default_factory=list)
    shown: dict[int, tuple[Entity, ...]] = field(default_factory=dict)
    last: int = 0

    def of(self, event_type: EventType) -> list[tuple[int, Event, Entity]]:
        return [one for one in self.events if one[1].type is event_type]


Watch = Callable[..., Told]


@pytest.fixture(scope="module")
def watch(shared_data: Path) -> Watch:
    """Plays a clip to the agent's pipeline, every `step`-th frame of it; each clip once."""

    @cache
    def play(name: str, position: str = "facing", step: int = 1) -> Told:
        path = shared_data / "clips" / name
        settings = Settings.from_document(
            {"camera_position": position, "camera": {"source": str(path), "pace": "fast"}}
        )
        pipeline, told = build_pipeline(settings), Told()
        with closing(VideoFile(path, settings.camera)) as video:
            index = 0
            while (frame := video.read()) is not None:
                if index % step == 0:
                    state, events = pipeline.step(frame)
                    _note(told, index, state.entities, events)
                    captured_at = frame.captured_at
                index += 1
        state, events = pipeline.scene.close(captured_at)
        _note(told, told.last, state.entities, events)
        return told

    return play


def _note(told: Told, index: int, entities: tuple[Entity, ...], events: tuple[Event, ...]) -> None:
    by_id = {entity.entity_id: entity for entity in entities}
    told.events += [(index, event, by_id[event.entity_id]) for event in events]
    told.shown[index], told.last = entities, index


@pytest.mark.parametrize(("name", "people"), FACING.items())
def test_each_appears_once_and_stays_to_the_end(name: str, people: int, watch: Watch) -> None:
    told = watch(name)
    appeared, left = told.of(EventType.APPEARANCE), told.of(EventType.DISAPPEARANCE)
    assert len(appeared) == people
    assert [index for index, _, _ in left] == [told.last] * people
    assert {e.entity_id for _, e, _ in appeared} == {e.entity_id for _, e, _ in left}


def test_six_come_one_by_one(watch: Watch) -> None:
    told = watch(ONE_BY_ONE)
    comings = [
        (index, event.type)
        for index, event, _ in told.events
        if event.type in (EventType.APPEARANCE, EventType.DISAPPEARANCE)
    ]
    both = [EventType.APPEARANCE, EventType.DISAPPEARANCE]
    assert [kind for _, kind in comings] == both * 6
    clip = CLIPS[ONE_BY_ONE]
    for place, heads in enumerate(clip.walks.values()):
        appeared, left = (index for index, _ in comings[2 * place : 2 * place + 2])
        assert appeared <= min(heads) + 15
        assert max(heads) < left <= max(heads) + 50


@pytest.mark.parametrize("name", [*FACING, ONE_BY_ONE])
def test_age_and_gender_settle_once_or_twice(name: str, watch: Watch) -> None:
    counts = Counter((event.entity_id, event.type) for _, event, _ in watch(name).events)
    for kind in (EventType.AGE_ESTIMATED, EventType.GENDER_ESTIMATED):
        assert all(count <= 2 for (_, told), count in counts.items() if told is kind)


@pytest.mark.parametrize("name", MEN)
def test_a_large_face_tells_age_and_gender_within_two_seconds(name: str, watch: Watch) -> None:
    told = watch(name)
    (index, _, shown), *_ = told.of(EventType.GENDER_ESTIMATED)
    assert index <= 60
    assert shown.gender is Gender.MALE
    assert told.of(EventType.AGE_ESTIMATED)


@pytest.mark.parametrize("name", FACING)
def test_only_a_smile_is_a_peak(name: str, watch: Watch) -> None:
    """Faces at rest look sad or cross to the model."""
    keys = [event.key for _, event, _ in watch(name).of(EventType.EMOTION_DETECTED)]
    assert keys == (["emotion_happiness"] if name in SMILES else [])


@pytest.mark.parametrize(
    "kind",
    [EventType.EMOTION_DETECTED, EventType.AGE_ESTIMATED, EventType.GENDER_ESTIMATED],
)
def test_backs_of_heads_tell_nothing(kind: EventType, watch: Watch) -> None:
    assert watch(ONE_BY_ONE).of(kind) == []


def test_from_above_backs_of_heads_are_mostly_shown_without_a_face(watch: Watch) -> None:
    """They turn their backs all the time, but for a profile now and then."""
    shown = [e for one in watch(ONE_BY_ONE, "ceiling", 4).shown.values() for e in one]
    faces = [entity for entity in shown if entity.face is not None]
    assert len(shown) > 150
    assert len(faces) < 0.15 * len(shown), f"{len(faces)} of {len(shown)}"


def test_people_on_a_plaza_keep_their_ids(watch: Watch) -> None:
    """At 8 frames/s; those who can be followed by eye, a few of whom hide behind others."""
    told = watch(PLAZA, "ceiling", PLAZA_STEP)
    ids: dict[str, Counter[object]] = defaultdict(Counter)
    looks = found = 0
    for index, entities in told.shown.items():
        boxes = [(e.entity_id, box) for e in entities if (box := e.body or e.face) is not None]
        for name, head in CLIPS[PLAZA].heads(index).items():
            owner = nearest(head, boxes)
            looks += 1
            if owner is not None:
                found += 1
                ids[name][owner] += 1
    people = CLIPS[PLAZA].walks
    lasting = {
        name: [who for who, count in ids[name].items() if count >= LEAST_FRAMES] for name in people
    }
    assert sum(map(len, lasting.values())) <= 1.25 * len(people)
    assert sum(len(one) == 1 for one in lasting.values()) >= 0.8 * len(people)
    assert found >= 0.85 * looks
