"""Whether stated confidence is true: by bins, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers whose confidence lies from `low` to `high`, of which there are `count`.

    `confidence` is their mean confidence, `correct` the share of them that is right.
    """

    low: float
    high: float
    count: int
    confidence: float
    correct: float


def reliability_bins(
    confidence: npt.NDArray[np.floating], correct: npt.NDArray[np.bool_], bins: int
) -> list[Bin]:
    """Equal bins of [0, 1], those in which no answer lies left out."""
    index = np.minimum((np.asarray(confidence) * bins).astype(int), bins - 1)
    return [
        Bin(
            chosen / bins,
            (chosen + 1) / bins,
            int(inside.sum()),
            float(confidence[inside].mean()),
            float(correct[inside].mean()),
        )
        for chosen in range(bins)
        if (inside := index == chosen).any()
    ]


SIDE, HISTOGRAM, MARGIN = 300, 60, 46
"""Pixels: side of the diagram, height of the histogram below it, room for what is written."""
BLUE, GREY, INK = "#4878a8", "#b8c4d0", "#303030"


def reliability_diagram(bins: Sequence[Bin], title: str) -> str:
    """An SVG picture: share correct over confidence (DeGroot, Fienberg, 1983), with the diagonal on
    which the two are the same, and below it how many answers each bin has."""
    total = max(sum(one.count for one in bins), 1)
    width, height = SIDE + 2 * MARGIN, SIDE + HISTOGRAM + 3 * MARGIN
    base = MARGIN + SIDE
    floor = base + MARGIN / 2 + HISTOGRAM
    largest = max((one.count for one in bins), default=1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="11" fill="{INK}">',
        f"<title>{title}</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(width / 2, MARGIN / 2, title),
    ]
    for one in bins:
        left, extent = MARGIN + one.low * SIDE + 1, (one.high - one.low) * SIDE - 2
        tall = one.correct * SIDE
        few = HISTOGRAM * one.count / largest
        parts += [
            _bar(left, base - tall, extent, tall, BLUE),
            _bar(left, floor - few, extent, few, GREY),
            f'<circle cx="{MARGIN + one.confidence * SIDE:.1f}" cy="{base - tall:.1f}" r="3">'
            f"<title>{one.count} answers ({one.count / total:.1%}): confidence "
            f"{one.confidence:.3f}, correct {one.correct:.3f}</title></circle>",
        ]
    parts.append(
        f'<path d="M{MARGIN} {base} L{base} {MARGIN}" stroke="{INK}" stroke-dasharray="4 3"/>'
        f'<path d="M{MARGIN} {MARGIN} V{base} H{base} M{MARGIN} {floor} H{base}" '
        f'stroke="{INK}" fill="none"/>'
    )
    for tenths in range(0, 11, 2):
        at = tenths / 10
        parts += [
            _text(MARGIN + at * SIDE, base + 14, f"{at:.1f}"),
            _text(MARGIN - 16, base - at * SIDE + 4, f"{at:.1f}"),
        ]
    parts += [
        _text(width / 2, floor + 16, "confidence; grey: how many answers"),
        f'<text transform="translate(14 {MARGIN + SIDE / 2}) rotate(-90)" text-anchor="middle">'
        "share correct</text>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _bar(left: float, top: float, width: float, height: float, colour: str) -> str:
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="{colour}"/>'
    )


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{text}</text>'
