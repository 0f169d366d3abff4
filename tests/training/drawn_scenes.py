"""Scenes of boxes on a plain ground, for what changes the picture under them."""

from __future__ import annotations

import numpy as np

from training.people.scenes import BODY, FACE, HEAD, Scene, labelled_scene

SIZE = 240
NAMES = {FACE: "face", HEAD: "head", BODY: "person"}
Box = tuple[int, int, int, int]


def scene(*objects: tuple[int, Box], colour: tuple[int, int, int] = (90, 120, 60)) -> Scene:
    """Objects of a class, with left, top, width and height."""
    record = {
        "file": "drawn.jpg",
        "group": "people",
        "complete": ["face", "person"],
        "objects": [{"class": NAMES[kind], "box": list(box)} for kind, box in objects],
    }
    return labelled_scene(record, np.full((SIZE, SIZE, 3), colour, np.uint8))
