"""The face expression document: the faces of a single picture."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.domain.entity import Entity
from edge_agent.domain.geometry import Size
from edge_agent.domain.observation import Emotion
from edge_agent.messages.payloads import Json, emotion_fields, entity_document

NAMED = (Emotion.NEUTRAL, Emotion.HAPPINESS, Emotion.SURPRISE, Emotion.ANGER, Emotion.SADNESS)
"""The emotions of the document; the others are in those of the scene."""
ATTRIBUTES = (
    "age", "age_confidence", "gender", "gender_confidence", "face_eye", "face_mouth",
    "face_nose", "face_confidence", "head", "head_confidence", "gaze", "gaze_confidence",
    "eyes_open", "eyes_open_confidence",
)  # fmt: skip
"""The keys of the scene's entity that `attributes all` adds."""


def faces_document(faces: Sequence[Entity], size: Size, *, attributes: bool) -> Json:
    """The faces in the order given; with `attributes`, all that is known of each."""
    return {
        "input_size": [size.width, size.height],
        "nb_faces": len(faces),
        "faces": [_face(face, size, attributes=attributes) for face in faces],
    }


def _face(face: Entity, size: Size, *, attributes: bool) -> Json:
    entity = entity_document(face, size)
    emotions = emotion_fields(face.expression)
    document = {
        "roi": entity["face_roi"],
        "roi_confidence": entity["face_roi_confidence"],
        **{emotion.value: emotions[emotion.value] for emotion in NAMED},
    }
    return {**document, **{key: entity[key] for key in ATTRIBUTES}} if attributes else document
