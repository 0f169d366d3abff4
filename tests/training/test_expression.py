"""Reading FER+, and the figures of the committed expression model."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.devices.manifest import find_model
from training import evaluate
from training.card import rounded
from training.data import FerPlus

LOSSLESS = (cv2.IMWRITE_WEBP_QUALITY, 101)
CARD = Path(__file__).resolve().parents[2] / "models" / "cards" / "expression.md"
KEYS = ("n", "accuracy_majority", "accuracy_plurality", "mean_recall_five", "ece", "bytes", "macs")


@pytest.fixture
def small_set(tmp_path: Path) -> FerPlus:
    """Two sheets, of which three faces have votes."""
    images, votes = tmp_path / "faces.zip", tmp_path / "votes.csv"
    with zipfile.ZipFile(images, "w") as archive:
        for first in (0, 400):
            sheet = np.zeros((960, 960), np.uint8)
            sheet[48:96, 96:144] = 100 + first // 10  # row 1, column 2: the 22nd face
            archive.writestr(
                f"{first:05d}.webp", cv2.imencode(".webp", sheet, LOSSLESS)[1].tobytes()
            )
    votes.write_text(
        "index,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,no_face\n"
        "22,6,4,0,0,0,0,0,0,0,0\n422,5,1,0,0,0,0,0,0,4,0\n423,1,0,0,0,0,0,0,0,9,0\n"
    )
    return FerPlus.read(images, votes)


def test_faces_are_found_in_their_sheets(small_set: FerPlus) -> None:
    assert small_set.faces.shape == (3, 48, 48)
    assert [int(face.mean()) for face in small_set.faces] == [100, 140, 0]


def test_votes_become_distributions_majorities_and_classes(small_set: FerPlus) -> None:
    nameable = small_set.nameable()
    assert len(nameable.faces) == 2
    np.testing.assert_allclose(nameable.distributions()[0, :2], [0.6, 0.4])
    assert nameable.distributions().sum(1) == pytest.approx(1)
    assert nameable.majority().tolist() == [True, False]  # half of the votes is not over half


def test_the_committed_model_on_the_validation_faces(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shared_data / "ferplus"
    files = ["--images", str(folder / "valid.zip"), "--votes", str(folder / "valid.csv")]
    assert evaluate.main(["expression", *files, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert list(figures) == list(KEYS)
    assert figures["n"] == 3553
    assert figures["accuracy_majority"] >= 0.86
    assert figures["bytes"] <= 1_000_000
    assert figures["macs"] <= 60_000_000
    published = find_model("expression").entry.figures
    assert {name: published[name] for name in KEYS} == rounded(figures)
    rows = [line.split("|")[1:3] for line in CARD.read_text().splitlines() if line.startswith("| ")]
    assert {name.strip(): value.strip() for name, value in rows}.items() >= {
        name: str(value) for name, value in rounded(figures).items()
    }.items()
