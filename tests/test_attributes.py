"""What is turned off in the configuration is neither loaded, computed nor told."""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
import yaml

from edge_agent.agent import build_pipeline
from edge_agent.devices.manifest import MANIFEST
from edge_agent.devices.shipped import shipped_folder
from edge_agent.domain.detection import Part, Region
from edge_agent.domain.errors import ModelError
from edge_agent.domain.frame import Frame, Instant
from edge_agent.domain.geometry import Box
from edge_agent.domain.observation import Observation
from edge_agent.settings import Settings

NOW = Instant(datetime(2026, 1, 1, tzinfo=timezone.utc), 0.0)
PICTURE = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)


@pytest.fixture
def without_demographics(tmp_path: Path) -> Path:
    """The models that come with the agent, but for the one of age and gender."""
    folder = shipped_folder("models")
    manifest = yaml.safe_load((folder / MANIFEST).read_text())
    for name, entry in manifest.items():
        if name != "demographics":
            shutil.copy(folder / entry["file"], tmp_path)
    kept = {name: entry for name, entry in manifest.items() if name != "demographics"}
    (tmp_path / MANIFEST).write_text(yaml.safe_dump(kept))
    return tmp_path


def settings(attributes: dict[str, bool], models: Path | None = None) -> Settings:
    return Settings.from_document(
        {"attributes": attributes, "models": {"directory": models and str(models)}}
    )


def looked_at(attributes: dict[str, bool]) -> Observation:
    observer = build_pipeline(settings(attributes)).observer
    return observer.look_at(Frame(PICTURE, NOW), Region(Part.FACE, Box(100, 60, 80, 100), 0.9))


def test_all_is_told_by_default() -> None:
    told = looked_at({})
    assert told.expression is not None
    assert told.age is not None
    assert told.gender is not None


@pytest.mark.parametrize("off", ["expression", "age", "gender"])
def test_what_is_off_is_not_told_and_the_rest_is(off: str) -> None:
    told = looked_at({off: False})
    for name in ("expression", "age", "gender"):
        assert (getattr(told, name) is None) == (name == off)


def test_a_model_that_nobody_wants_is_not_loaded(without_demographics: Path) -> None:
    build_pipeline(settings({"age": False, "gender": False}, without_demographics))
    for wanted in ("age", "gender"):
        unwanted = {"age": False, "gender": False} | {wanted: True}
        with pytest.raises(ModelError, match="demographics"):
            build_pipeline(settings(unwanted, without_demographics))
