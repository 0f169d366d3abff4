"""Whatever an entity holds, its documents are those of the contract."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.domain.entity import Entity, SceneState
from edge_agent.domain.event import Event, EventType
from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Box, Size
from edge_agent.domain.observation import Emotion, Expression
from edge_agent.messages.faces import faces_document
from edge_agent.messages.payloads import encoded, entity_document, scene_document, timestamp
from edge_agent.messages.schemas import NAMES, schema
from tests.contract import check
from tests.values import entities, instants, sizes

NAMED = ("anger", "surprise", "sadness", "neutral", "happiness")
KEYS = {
    "face_roi", "face_roi_confidence", "full_body_roi", "full_body_roi_confidence", "age",
    "age_confidence", "gender", "gender_confidence", "emotion_anger", "emotion_surprise",
    "emotion_sadness", "emotion_neutral", "emotion_happiness", "emotion_smiling_degree",
    "emotion_confidence", "face_eye", "face_mouth", "face_nose", "face_confidence", "gaze",
    "gaze_confidence", "head", "head_confidence", "direction",
}  # fmt: skip
BLANK = Entity(
    UUID("16fd2706-8baf-433b-82eb-8c7fada847da"),
    Instant(datetime(2026, 10, 26, 16, 21, 1, tzinfo=timezone.utc), 0.0),
    dwell_s=0.0,
    attention_s=0.0,
)


@given(entities, sizes)
@settings(max_examples=150, deadline=None)
def test_every_entity_gives_a_document_of_the_contract(entity: Entity, size: Size) -> None:
    document = json.loads(encoded(entity_document(entity, size)))
    check("entity", document)
    assert document.keys() >= KEYS
    for key in ("face_roi", "full_body_roi"):
        x, y, width, height = document[key]
        assert 0 <= x <= x + width <= size.width
        assert 0 <= y <= y + height <= size.height
    for x, y in (*document["face_eye"], document["face_mouth"], document["face_nose"]):
        assert 0 <= x <= size.width
        assert 0 <= y <= size.height
    assert sum(document[f"emotion_{name}"] for name in NAMED) <= 1 + 1e-9


@given(st.lists(entities, max_size=3, unique_by=lambda e: e.entity_id), instants, sizes, st.data())
@settings(max_examples=50, deadline=None)
def test_every_scene_gives_a_document_of_the_contract(
    people: list[Entity], at: Instant, size: Size, data: st.DataObject
) -> None:
    events = [
        Event(
            entity.entity_id, EventType.DIRECTION_ESTIMATED, data.draw(st.floats(0, 1)), "direction"
        )
        for entity in people
    ]
    document = json.loads(encoded(scene_document(SceneState(at, tuple(people)), events, size)))
    check("scene", document)
    for event in document["events"]:
        assert event["key"] in document["entities"][event["entity_id"]]


@given(st.lists(entities, max_size=3), sizes, st.booleans())
@settings(max_examples=50, deadline=None)
def test_every_picture_gives_a_document_of_the_contract(
    faces: list[Entity], size: Size, attributes: bool
) -> None:
    document = json.loads(encoded(faces_document(faces, size, attributes=attributes)))
    check("faces", document)
    assert document["nb_faces"] == len(document["faces"]) == len(faces)
    assert document["input_size"] == [size.width, size.height]
    for face in document["faces"]:
        assert ("head" in face) == attributes
        assert sum(face[name] for name in NAMED) <= 1 + 1e-9


def test_nothing_estimated_is_zeros_and_nulls() -> None:
    document = entity_document(BLANK, Size(640, 480))
    expected = {key: 0.0 for key in KEYS if key.endswith("confidence") or "emotion" in key}
    expected |= {"face_roi": [0, 0, 0, 0], "full_body_roi": [0, 0, 0, 0], "age": None}
    expected |= {"gender": None, "face_eye": [[0, 0], [0, 0]], "face_mouth": [0, 0]}
    expected |= {"face_nose": [0, 0], "gaze": [0, 0], "head": [0, 0, 0], "direction": "unknown"}
    assert {key: document[key] for key in KEYS} == expected


@pytest.mark.parametrize(
    ("box", "roi"),
    [
        (Box(339.4, 163.6, 232.2, 231.6), [339, 164, 233, 231]),
        (Box(-10, -20, 50, 50), [0, 0, 40, 30]),
        (Box(630, 470, 50, 50), [630, 470, 10, 10]),
        (Box(-50, -50, 5000, 5000), [0, 0, 640, 480]),
        (Box(900, 10, 50, 50), [640, 10, 0, 50]),
    ],
)
def test_boxes_are_whole_pixels_clipped_to_the_frame(box: Box, roi: list[int]) -> None:
    entity = Entity(BLANK.entity_id, BLANK.first_seen, 0.0, 0.0, face=box, face_roi_confidence=0.7)
    assert entity_document(entity, Size(640, 480))["face_roi"] == roi


def test_intensities_stand_under_their_own_names() -> None:
    intensities = tuple((index + 1) / 100 for index in range(len(Emotion)))
    entity = Entity(
        BLANK.entity_id, BLANK.first_seen, 0.0, 0.0, expression=Expression(intensities, 0.5, 0.3)
    )
    document = entity_document(entity, Size(64, 48))
    for emotion, intensity in zip(Emotion, intensities, strict=True):
        assert document[f"emotion_{emotion.value}"] == pytest.approx(intensity, abs=2e-4)
    assert (document["emotion_confidence"], document["emotion_smiling_degree"]) == (0.5, 0.3)


def test_timestamps_have_microseconds_and_the_offset_of_utc() -> None:
    at = datetime(2026, 10, 26, 18, 21, 1, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(at) == "2026-10-26T16:21:01.000000+00:00"


def test_numbers_that_json_has_not_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encoded({"age": float("nan")})


@pytest.mark.parametrize("name", NAMES)
def test_schemas_come_with_the_package(name: str) -> None:
    assert schema(name)["$id"] == f"urn:edge-agent:{name}"


def test_unknown_schema_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no schema 'scenes'; there are scene, event"):
        schema("scenes")


@pytest.mark.parametrize(
    ("probability", "eyes_open", "confidence"),
    [(None, None, 0.0), (0.9, True, 0.9), (0.2, False, 0.8), (0.5, True, 0.5)],
)
def test_eyes_are_open_closed_or_not_known(
    probability: float | None, eyes_open: bool | None, confidence: float
) -> None:
    document = entity_document(replace(BLANK, eyes_open=probability), Size(640, 480))
    assert document["eyes_open"] is eyes_open
    assert document["eyes_open_confidence"] == confidence
