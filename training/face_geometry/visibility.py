"""Whether the geometry model sees which crops show a face, on scenes that are held back."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.geometry import Box
from edge_agent.perception.face_geometry import LEAST_VISIBLE, FaceGeometryReader
from training.data import decode
from training.face_geometry.chips import SMALLEST_SCENE_FACE, SMALLEST_SCENE_HEAD, chip_around
from training.face_geometry.evaluate import crop_of
from training.people.pseudo_faces import FaceTeacher
from training.people.scenes import is_held_back, read_labels

KINDS = {
    "face": "bare faces",
    "masked_face": "masked faces",
    "head": "heads without a face for YuNet",
}


def visible_shares(engine: TfliteEngine, data: Path) -> dict[str, tuple[int, float]]:
    """By kind of crop, how many there are and of how many the face is said to be visible."""
    reader, side = FaceGeometryReader(engine), engine.input_size.width
    teacher = FaceTeacher(data / "teachers" / "yunet_2026may.onnx")
    said: dict[str, list[bool]] = {kind: [] for kind in KINDS.values()}
    with zipfile.ZipFile(data / "scenes" / "train.zip") as archive:
        members = {Path(name).name: name for name in archive.namelist()}
        for record in filter(is_held_back, read_labels(data / "scenes" / "train.jsonl")):
            things = [thing for thing in record["objects"] if _large_enough(thing)]
            if not things:
                continue
            image = decode(archive.read(members[record["file"]]), record["file"])
            for thing in things:
                chip = chip_around(image, thing["box"])
                if thing["class"] == "head" and any(teacher.look(chip, (0.75, 1.5))):
                    continue
                crop, _ = crop_of(image, side, Box(*map(float, thing["box"])))
                said[KINDS[thing["class"]]].append(reader.answer(crop).visible > LEAST_VISIBLE)
    return {kind: (len(all_), sum(all_) / max(len(all_), 1)) for kind, all_ in said.items()}


def _large_enough(thing: Mapping[str, Any]) -> bool:
    least = SMALLEST_SCENE_HEAD if thing["class"] == "head" else SMALLEST_SCENE_FACE
    return thing["class"] in KINDS and max(thing["box"][2:]) >= least
