"""What is turned off is not told, nor, unless another needs it, computed."""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from edge_agent.agent import build_pipeline
from edge_agent.cli.clip import RATE, make_clip
from edge_agent.devices.manifest import MANIFEST
from edge_agent.devices.shipped import shipped_folder
from edge_agent.domain.errors import ModelError
from edge_agent.domain.frame import Frame, Instant
from edge_agent.domain.observation import FaceGeometry
from edge_agent.settings import Settings

NOW = Instant(datetime(2026, 1, 1, tzinfo=timezone.utc), 0.0)


ATTRIBUTES = ("expression", "age", "gender", "head", "gaze")


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """The moment of the demonstration's clip at which the person stands before the camera."""
    pytest.importorskip("skimage")
    path = tmp_path_factory.mktemp("clip") / "visit.avi"
    make_clip(path)
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_POS_FRAMES, 5 * RATE)
    was_read, pixels = capture.read()
    capture.release()
    assert was_read
    return np.asarray(pixels)


def models_without(name: str, folder: Path) -> Path:
    """The models that come with the agent, but for one."""
    shipped = shipped_folder("models")
    manifest = yaml.safe_load((shipped / MANIFEST).read_text())
    kept = {key: entry for key, entry in manifest.items() if key != name}
    assert len(kept) == len(manifest) - 1
    for entry in kept.values():
        shutil.copy(shipped / entry["file"], folder)
    (folder / MANIFEST).write_text(yaml.safe_dump(kept))
    return folder


def settings(attributes: dict[str, bool], models: Path | None = None) -> Settings:
    return Settings.from_document(
        {"attributes": attributes, "models": {"directory": models and str(models)}}
    )


def told_of(attributes: dict[str, bool], portrait: np.ndarray) -> dict[str, object]:
    pipeline = build_pipeline(settings(attributes))
    frame = Frame(portrait, NOW)
    (detection,) = pipeline.detector.detect(frame)
    assert detection.face is not None
    told = pipeline.observer.look_at(frame, detection.face)
    geometry = told.geometry or FaceGeometry()
    return {
        "expression": told.expression,
        "age": told.age,
        "gender": told.gender,
        "head": geometry.head,
        "gaze": geometry.gaze,
        "points": geometry.landmarks,
    }


def test_all_is_told_by_default(portrait: np.ndarray) -> None:
    assert all(value is not None for value in told_of({}, portrait).values())


@pytest.mark.parametrize("off", ATTRIBUTES)
def test_what_is_off_is_not_told_and_the_rest_is(off: str, portrait: np.ndarray) -> None:
    for name, value in told_of({off: False}, portrait).items():
        assert (value is None) == (name == off)


def test_where_nothing_is_wanted_of_faces_nothing_is_read(portrait: np.ndarray) -> None:
    told = told_of(dict.fromkeys(ATTRIBUTES, False), portrait)
    assert all(value is None for value in told.values())


@pytest.mark.parametrize(
    ("model", "readers"),
    [
        ("expression", {"expression"}),
        ("demographics", {"age", "gender"}),
        ("face_geometry", set(ATTRIBUTES)),
    ],
)
def test_a_model_that_nobody_wants_is_not_loaded(
    model: str, readers: set[str], tmp_path: Path
) -> None:
    folder = models_without(model, tmp_path)
    build_pipeline(settings({name: name not in readers for name in ATTRIBUTES}, folder))
    for wanted in readers:
        attributes = {name: name == wanted for name in ATTRIBUTES}
        with pytest.raises(ModelError, match=model):
            build_pipeline(settings(attributes, folder))
