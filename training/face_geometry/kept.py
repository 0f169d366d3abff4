"""Answers of the teachers, kept in files so that nobody is asked twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

Table = dict[str, npt.NDArray[np.generic]]


def keep(file: Path, write: Callable[..., None] = np.savez, **arrays: npt.ArrayLike) -> None:
    """Write arrays by name; `file` is there only once all of it is."""
    unfinished = file.with_suffix(".part.npz")
    write(unfinished, **arrays)
    unfinished.replace(file)


def kept(file: Path) -> Table:
    """The arrays of a file by name."""
    with np.load(file) as arrays:
        return {name: arrays[name] for name in arrays.files}


def kept_answers(file: Path, teacher: str) -> Table:
    """What a teacher said; raises SystemExit where it was not asked yet."""
    if not file.exists():
        raise SystemExit(
            f"no answers of the {teacher} teacher at {file}: "
            f"see training.face_geometry.{teacher}_teacher"
        )
    return kept(file)
