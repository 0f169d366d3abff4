"""The reader of face chips and the split that keeps doubles together."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")

from training.demographics.utkface import Split, UtkFace, doubles, whole  # noqa: E402 - after the skip


def chip(seed: int, side: int = 112) -> np.ndarray:
    """A picture of broad patches, different for each seed."""
    patches = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    return np.asarray(cv2.resize(patches, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def faces(chips: list[np.ndarray]) -> UtkFace:
    n = len(chips)
    names = tuple(f"{i}.jpg" for i in range(n))
    return UtkFace(names, chips, np.arange(n, dtype=np.float32), np.arange(n) % 2 == 0)


def test_chips_and_labels_are_read_in_the_order_of_the_labels(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        for name, side in (("b.jpg", 64), ("a.jpg", 200)):
            archive.writestr(name, cv2.imencode(".jpg", chip(side, side))[1].tobytes())
    (tmp_path / "faces.csv").write_text("file,age,gender\na.jpg,31,female\nb.jpg,4,male\n")
    read = UtkFace.read(tmp_path / "faces.zip", tmp_path / "faces.csv")
    assert read.names == ("a.jpg", "b.jpg")
    assert read.ages.tolist() == [31, 4]
    assert read.female.tolist() == [True, False]
    assert [c.shape for c in read.chips] == [(200, 200, 3), (64, 64, 3)]
    assert read.stacked(80).shape == (2, 80, 80, 3)


def test_a_damaged_chip_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        archive.writestr("a.jpg", b"no picture")
    (tmp_path / "faces.csv").write_text("file,age,gender\na.jpg,31,female\n")
    with pytest.raises(ValueError, match=r"a\.jpg"):
        UtkFace.read(tmp_path / "faces.zip", tmp_path / "faces.csv")


def test_a_whole_chip_of_any_shape_becomes_a_square() -> None:
    assert whole(chip(1, 300), 80).shape == (80, 80, 3)
    assert whole(chip(1, 40), 80).shape == (80, 80, 3)
    assert whole(chip(1)[:90], 80).shape == (80, 80, 3)
    same = chip(1, 80)
    assert np.array_equal(whole(same, 80), same)


def test_doubles_are_found_across_light_and_size() -> None:
    one, other = chip(1), chip(2)
    darker = (chip(1, 70) * 0.6).astype(np.uint8)
    groups = doubles([one, other, darker])
    assert groups[0] == groups[2]
    assert groups[0] != groups[1]


def test_the_split_is_whole_seeded_and_keeps_doubles_on_one_side() -> None:
    chips = [chip(i // 2) for i in range(120)]
    split = Split.of(faces(chips), calibration=20, validation=30, seed=3)
    parts = [set(part.names) for part in (split.training, split.calibration, split.validation)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 120
    assert 30 <= len(split.validation) <= 31
    assert 20 <= len(split.calibration) <= 21
    for names in parts:
        numbers = {int(name.removesuffix(".jpg")) for name in names}
        assert {number ^ 1 for number in numbers} == numbers
    again = Split.of(faces(chips), calibration=20, validation=30, seed=3)
    assert again.validation.names == split.validation.names
    other = Split.of(faces(chips), calibration=20, validation=30, seed=4)
    assert other.validation.names != split.validation.names
