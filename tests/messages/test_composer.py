"""What is published of a scene, and when: stories with a composer."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

from edge_agent.domain.entity import Entity, SceneState
from edge_agent.domain.event import Event, EventType
from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Box, Size
from edge_agent.domain.message import Delivery, Message
from edge_agent.messages.composer import OFFLINE, ONLINE, Composer, status_message
from edge_agent.messages.topics import Topics
from tests.contract import check

TOPICS = Topics("edge_agent", "board", "cam")
SIZE = Size(640, 480)
NOON = datetime(2026, 10, 26, 12, tzinfo=timezone.utc)
CAMERA = "edge_agent/board/cam"


def at(second: float) -> Instant:
    return Instant(NOON + timedelta(seconds=second), 500.0 + second)


def person(x: float = 10.0) -> Entity:
    return Entity(uuid4(), at(0), 0.0, 0.0, body=Box(x, 20, 100, 300), body_confidence=0.9)


def event(entity: Entity, kind: EventType) -> Event:
    return Event(entity.entity_id, kind, 0.9, "full_body_roi")


class Story:
    def __init__(self, **options: Any) -> None:
        self.composer = Composer(TOPICS, **{"interval_s": 1.0, **options})

    def at(
        self,
        second: float,
        *people: Entity,
        events: tuple[Event, ...] = (),
        gone: Collection[UUID] = (),
    ) -> tuple[Message, ...]:
        state = SceneState(at(second), people, frozenset(gone))
        return self.composer.compose(state, events, SIZE)


def short(messages: tuple[Message, ...]) -> list[str]:
    return [message.topic.removeprefix(CAMERA + "/").split("/")[0] for message in messages]


def body(message: Message) -> Any:
    return json.loads(message.payload)


def test_first_frame_is_published_then_one_each_interval() -> None:
    story = Story(interval_s=1.0)
    assert short(story.at(0.0)) == ["scene", "count"]
    assert story.at(0.5) == ()
    assert story.at(0.99) == ()
    assert short(story.at(1.0)) == ["scene"]
    assert story.at(1.9) == ()
    assert short(story.at(2.1)) == ["scene"]


def test_event_is_published_at_once_after_the_snapshot_that_holds_its_value() -> None:
    story, anna = Story(), person()
    story.at(0.0)
    messages = story.at(0.1, anna, events=(event(anna, EventType.APPEARANCE),))
    assert short(messages) == ["scene", "entity", "event", "count"]
    scene, entity, told, count = messages
    check("scene", body(scene))
    check("entity", body(entity))
    check("event", body(told))
    assert body(told)["value"] == body(entity)["full_body_roi"] == [10, 20, 100, 300]
    assert body(scene)["entities"][str(anna.entity_id)] == body(entity)
    assert body(told)["timestamp"] == body(scene)["timestamp"]
    assert (body(told)["device"], body(told)["camera"]) == ("board", "cam")
    assert count.payload == b"1"


def test_leaving_is_told_with_the_last_state_and_then_the_snapshot_is_removed() -> None:
    story, anna, ben = Story(), person(), person(300)
    story.at(0.0, anna, ben)
    messages = story.at(
        0.3, anna, ben, events=(event(anna, EventType.DISAPPEARANCE),), gone={anna.entity_id}
    )
    assert short(messages) == ["scene", "entity", "event", "entity", "count"]
    assert messages[1].topic == f"{CAMERA}/entity/{ben.entity_id}"
    assert str(anna.entity_id) in body(messages[0])["entities"]
    removal = messages[3]
    assert (removal.topic, removal.payload) == (f"{CAMERA}/entity/{anna.entity_id}", b"")
    assert removal.retain
    assert removal.expiry_s is None
    assert messages[4].payload == b"1"


def test_leaving_without_an_event_removes_the_snapshot_all_the_same() -> None:
    story, anna = Story(), person()
    story.at(0.0, anna)
    messages = story.at(0.3, anna, gone={anna.entity_id})
    assert short(messages) == ["scene", "entity", "count"]
    assert messages[1].payload == b""
    assert messages[2].payload == b"0"


def test_sequence_goes_on_from_where_it_was_and_grows_by_one() -> None:
    story, anna = Story(first_sequence=41), person()
    two = (event(anna, EventType.APPEARANCE), event(anna, EventType.DISAPPEARANCE))
    told = [m for m in story.at(0.0, anna, events=two) if m.delivery is Delivery.KEPT]
    told += [m for m in story.at(0.1, anna, events=two[:1]) if m.delivery is Delivery.KEPT]
    assert [message.sequence for message in told] == [41, 42, 43]
    assert [body(message)["sequence"] for message in told] == [41, 42, 43]


def test_count_is_published_when_it_changes_only() -> None:
    story, anna = Story(), person()
    people = ((), (), (anna,), (anna,), ())
    counts = [
        [m.payload for m in story.at(second, *present) if m.topic == TOPICS.count]
        for second, present in enumerate(people)
    ]
    assert counts == [[b"0"], [], [b"1"], [], [b"0"]]


def test_quality_of_service_and_retention_are_those_of_the_contract() -> None:
    story, anna = Story(), person()
    found = {
        short((m,))[0]: (m.qos, m.retain, m.delivery)
        for m in story.at(0, anna, events=(event(anna, EventType.APPEARANCE),))
    }
    assert found == {
        "scene": (0, False, Delivery.FLEETING),
        "entity": (1, True, Delivery.LATEST),
        "event": (1, False, Delivery.KEPT),
        "count": (1, True, Delivery.LATEST),
    }
    for payload in (ONLINE, OFFLINE):
        status = status_message(TOPICS, payload)
        assert (status.topic, status.qos, status.retain) == ("edge_agent/board/status", 1, True)


def test_snapshots_outlive_their_interval_and_no_agent_that_was_killed() -> None:
    for interval_s, expiry_s in ((1.0, 30), (0.1, 30), (10.0, 200)):
        _, entity, _ = Story(interval_s=interval_s).at(0, person())
        assert entity.expiry_s == expiry_s


def test_clock_of_the_wall_may_jump() -> None:
    story = Story()
    story.at(0.0)
    jumped = replace(at(1.0), utc=NOON - timedelta(days=9000))
    assert short(story.composer.compose(SceneState(jumped, ()), (), SIZE)) == ["scene"]
