"""The detector's examination: what it prints, and how the model that comes along does in it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from training import evaluate
from training.data import decode
from training.people.scenes import is_held_back, read_labels

KEYS = {
    "images",
    "objects",
    "ap50_face",
    "ap50_person",
    "ap50_head",
    "recall_at_precision_90_face",
    "recall_at_precision_90_person",
    "ece",
    "median_ms",
    "bytes",
    "macs",
}


def examination(folder: Path, images: dict[str, np.ndarray], records: list[dict]) -> list[str]:
    """Arguments for an examination on these pictures."""
    with zipfile.ZipFile(folder / "scenes.zip", "w") as archive:
        for name, image in images.items():
            archive.writestr(name, cv2.imencode(".png", image)[1].tobytes())
    lines = "\n".join(json.dumps(record) for record in records)
    (folder / "scenes.jsonl").write_text(lines)
    files = ["--images", str(folder / "scenes.zip"), "--labels", str(folder / "scenes.jsonl")]
    return ["people", *files, "--group", "people"]


def record(name: str, complete: list[str]) -> dict:
    return {
        "file": name,
        "group": "people",
        "source": name,
        "complete": complete,
        "objects": [{"class": "person", "box": [10, 10, 40, 90]}],
    }


def test_every_key_is_there_and_what_is_not_labelled_is_null(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = examination(
        tmp_path,
        {"a.png": np.full((120, 160, 3), 90, np.uint8)},
        [record("a.png", ["person"])],
    )
    assert evaluate.main([*arguments, "--size", "320", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) == KEYS
    assert (figures["images"], figures["objects"]) == (1, 1)
    assert figures["ap50_face"] is None
    assert figures["ap50_head"] is None
    assert figures["ap50_person"] is not None
    assert 0 < figures["bytes"] <= 1_000_000


def test_a_group_that_is_not_there_is_said(tmp_path: Path) -> None:
    arguments = examination(tmp_path, {}, [])
    with pytest.raises(SystemExit, match="no picture of group people"):
        evaluate.main(arguments)


def test_the_model_that_comes_along_finds_faces_that_it_was_not_trained_on(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = read_labels(shared_data / "scenes" / "train.jsonl")
    chosen = [r for r in labels if r["group"] == "crowd" and is_held_back(r)][:25]
    with zipfile.ZipFile(shared_data / "scenes" / "train.zip") as archive:
        images = {r["file"]: decode(archive.read(r["file"]), r["file"]) for r in chosen}
    arguments = examination(tmp_path, images, chosen)
    arguments[-1] = "crowd"
    evaluate.main([*arguments, "--size", "320", "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert figures["images"] == 25
    assert figures["ap50_face"] > 0.7
