"""What the camera positions mean, as data.

A preset holds the settings that differ from the defaults when a camera stands facing people or
hangs at the ceiling. Whatever the configuration file sets itself comes before the preset.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any


class CameraPosition(str, Enum):
    FACING = "facing"
    CEILING = "ceiling"


PRESETS: Mapping[CameraPosition, Mapping[str, Mapping[str, Any]]] = {
    CameraPosition.FACING: {
        # Faces are large and near frontal: a small input finds them in every frame.
        "detection": {"input_long_side": 320, "leading_part": "face"},
    },
    CameraPosition.CEILING: {
        # People are whole but small, often seen from behind: the body leads, at a finer scale.
        "detection": {"input_long_side": 640, "leading_part": "body"},
    },
}


def with_preset(document: Mapping[str, Any], position: CameraPosition) -> dict[str, Any]:
    """`document` (a parsed configuration) with the preset's values where it has none of its own."""
    merged: dict[str, Any] = dict(document)
    for section, values in PRESETS[position].items():
        own = document.get(section)
        if own is None:
            merged[section] = dict(values)
        elif isinstance(own, Mapping):
            merged[section] = {**values, **own}
    return merged
