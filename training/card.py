"""What all model cards share: tables, figures, reliability."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

SIGNIFICANT_DIGITS = 4


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
    index = np.minimum((np.asarray(confidence) * bins).astype(int), bins - 1)
    rows = []
    for chosen in range(bins):
        inside = index == chosen
        if inside.any():
            rows.append(
                (
                    f"{chosen / bins:.1f} - {(chosen + 1) / bins:.1f}",
                    int(inside.sum()),
                    f"{confidence[inside].mean():.3f}",
                    f"{correct[inside].mean():.3f}",
                )
            )
    return table(("confidence", "faces", "mean confidence", "share correct"), rows)


def write(path: Path, *sections: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(sections).rstrip() + "\n")
