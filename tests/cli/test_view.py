"""What watchers see, also of messages that are not as they should be."""

from __future__ import annotations

import json

import pytest

from edge_agent.cli.options import broker_address
from edge_agent.cli.view import Seen, event_line, gaze_in_words
from edge_agent.domain.errors import ConfigurationError
from edge_agent.domain.geometry import Size
from edge_agent.messages.payloads import entity_document
from tests.messages.test_payloads import BLANK

EVENT = {
    "entity_id": "16fd2706-8baf-433b-82eb-8c7fada847da", "entity_type": "human",
    "type": "emotion_detected", "confidence": 0.83, "key": "emotion_happiness", "value": 0.71,
    "timestamp": "2026-10-26T16:21:01.136287+00:00", "device": "b", "camera": "c", "sequence": 7,
}  # fmt: skip
TOPIC = "edge_agent/b/c/event"


def payload(document: object) -> bytes:
    return json.dumps(document).encode()


def test_event_is_told_in_words() -> None:
    line = event_line(EVENT)
    assert line.split() == ["16:21:01", "16fd2706", "emotion_detected", "happiness", "71%", "83%"]


@pytest.mark.parametrize(
    ("gaze", "words"),
    [
        ([0.02, -0.1], "here"),
        ([0.5, 0.0], "right"),
        ([-0.5, 0.0], "left"),
        ([0.0, 0.4], "up"),
        ([0.0, -0.4], "down"),
        ([-0.4, 0.3], "up left"),
    ],
)
def test_a_gaze_is_told_in_words(gaze: list[float], words: str) -> None:
    assert gaze_in_words({"gaze": gaze, "gaze_confidence": 0.5}) == words
    assert gaze_in_words({"gaze": gaze, "gaze_confidence": 0.0}) == ""
    event = {**EVENT, "type": "focus_locked", "key": "gaze", "value": gaze}
    assert f"looks {words}" in event_line(event)


def test_double_is_taken_once_and_another_camera_is_no_double() -> None:
    seen = Seen()
    assert seen.take(TOPIC, payload(EVENT)) == EVENT
    assert seen.take(TOPIC, payload(EVENT)) is None
    assert seen.take("edge_agent/b/other/event", payload(EVENT)) == EVENT
    assert seen.take(TOPIC, payload({**EVENT, "sequence": 8})) is not None
    assert seen.event_types["emotion_detected"] == 3
    assert seen.damaged == 0


@pytest.mark.parametrize(
    ("topic", "content"),
    [
        (TOPIC, b"no json"),
        (TOPIC, b"5"),
        (TOPIC, b"{}"),
        (TOPIC, payload({**EVENT, "confidence": "much"})),
        (TOPIC, payload({key: value for key, value in EVENT.items() if key != "value"})),
        ("edge_agent/b/c/entity/x", b"[]"),
        ("edge_agent/b/c/entity/x", b"{}"),
        ("edge_agent/b/status", b"\xff\xfe"),
        ("event", b""),
    ],
)
def test_damaged_messages_are_counted_and_nothing_of_them_is_kept(
    topic: str, content: bytes
) -> None:
    seen = Seen()
    assert seen.take(topic, content) is None
    assert seen.damaged == 1
    assert not seen.events
    assert not seen.entities
    assert not seen.agents


def test_entities_come_and_go() -> None:
    seen = Seen()
    seen.take("edge_agent/b/c/entity/x", payload(entity_document(BLANK, Size(64, 48))))
    assert set(seen.entities) == {"x"}
    seen.take("edge_agent/b/c/entity/x", b"")
    assert not seen.entities


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("broker", "broker", None),
        ("broker:1884", "broker", 1884),
        ("::1", "::1", None),
        ("[::1]", "::1", None),
        ("[::1]:1884", "::1", 1884),
    ],
)
def test_broker_address(text: str, host: str, port: int | None) -> None:
    expected = {"host": host} if port is None else {"host": host, "port": port}
    assert broker_address(text) == expected


@pytest.mark.parametrize("text", ["broker:mqtt", "broker:", "broker:²"])
def test_port_that_is_no_number_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="the port should be a number"):
        broker_address(text)
