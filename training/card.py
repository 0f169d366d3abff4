"""What all model cards share: tables, figures, reliability."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.reliability import reliability_bins

SIGNIFICANT_DIGITS = 4
LINE = 100


def rounded(figures: Mapping[str, float]) -> dict[str, float]:
    """Figures as they are published: counts whole, the rest with four digits."""
    return {
        name: value if isinstance(value, int) else float(f"{value:.{SIGNIFICANT_DIGITS}g}")
        for name, value in figures.items()
    }


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def reliability(
    confidence: npt.NDArray[np.floating], correct: npt.NDArray[np.bool_], bins: int = 10
) -> str:
    """Stated confidence against the share of correct answers, as a Markdown table."""
    rows = (
        (
            f"{one.low:.1f} - {one.high:.1f}",
            one.count,
            f"{one.confidence:.3f}",
            f"{one.correct:.3f}",
        )
        for one in reliability_bins(confidence, correct, bins)
    )
    return table(("confidence", "faces", "mean confidence", "share correct"), rows)


def wrapped(section: str) -> str:
    """A section whose running text is broken into lines of at most 100 characters, but not within
    code."""
    text = re.sub("`[^`]+`", lambda code: code[0].replace(" ", "\0"), section)
    lines = (textwrap.fill(part.replace("\n", " "), LINE) for part in text.split("\n\n"))
    return "\n\n".join(lines).replace("\0", " ")


def write(path: Path, *sections: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(sections).rstrip() + "\n")
