"""What each idea of the tracker is worth, how much its parameters matter, and how it fails.

    python -m benchmarks.tracking_ablation DIR...

Runs the tracker as it is, with one idea taken out at a time, and with one parameter at a time
moved by 30 percent, on the folders of `benchmarks.tracking` under three conditions: as recorded;
thinned to every second, third and fifth frame; with a fifth of the detections lost at random and
the rest shaken by two percent of their height (three seeds). IDF1, MOTA and ids per person of
each condition are pooled over its films. Two films of a few seconds scatter: a difference of two
points of IDF1 can hang on one crossing.

A second table has the tracker as it is under worse and worse conditions, two seeds of each.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.street import shaken
from benchmarks.tracking import Outcome, Sequence, read_sequence, score, track
from edge_agent.domain.detection import Detection, Part, Region
from edge_agent.domain.geometry import Box, Size
from edge_agent.domain.track import Track
from edge_agent.settings import TrackingSettings
from edge_agent.tracking import motion, person, tracker

Change = Callable[[], AbstractContextManager[object]]

_PARAMETERS = {
    "PERSISTENCE_S": motion,
    "SPEED": motion,
    "BOX_NOISE": motion,
    "SIZE_NOISE": motion,
    "FREEDOM": motion,
    "MISFIT_LIMIT": tracker,
    "TENTATIVE_COST": tracker,
    "LOCATED": tracker,
    "EVIDENCE_TO_CONFIRM": person,
    "TENTATIVE_S": person,
    "TENTATIVE_S_PER_EVIDENCE": person,
}

_WORSE = (
    ("every 2nd frame", 0.0, 0.0, 0.0, 2),
    ("every 3rd frame", 0.0, 0.0, 0.0, 3),
    ("every 4th frame", 0.0, 0.0, 0.0, 4),
    ("10 % lost", 0.1, 0.0, 0.0, 1),
    ("20 % lost", 0.2, 0.0, 0.0, 1),
    ("35 % lost", 0.35, 0.0, 0.0, 1),
    ("2 % shaken", 0.0, 0.02, 0.0, 1),
    ("4 % shaken", 0.0, 0.04, 0.0, 1),
    ("30 % false", 0.0, 0.0, 0.3, 1),
    ("20 % lost, 2 % shaken, 30 % false", 0.2, 0.02, 0.3, 1),
    ("the same, every 3rd frame", 0.2, 0.02, 0.3, 3),
)
"""Name; shares of detections lost, of their height by which boxes shake, and of frames with a false
box; and which frames are left."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tracking_ablation")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    films = [read_sequence(folder) for folder in parser.parse_args().folders]
    conditions = {
        "as recorded": films,
        "thinned": [thinned(film, step) for film in films for step in (2, 3, 5)],
        "spoiled": [spoiled(film, seed) for film in films for seed in range(3)],
    }
    print("| variant |", " | ".join(conditions), "|")
    print("| --- |", " | ".join("---" for _ in conditions), "|")
    for name, change, settings in variants():
        with change():
            cells = [
                _cell([track(film, settings) for film in some]) for some in conditions.values()
            ]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)
    print("\n| condition | IDF1 | MOTA | switches in a pass | ids per person |")
    print("| --- | --- | --- | --- | --- |")
    for name, some in worsened(films):
        figures = score([track(film) for film in some])
        switches = figures["switches"] * len(films) / len(some)
        row = (figures["idf1"], figures["mota"], switches, figures["ids_per_person_1s"])
        print(f"| {name} | {row[0]:.0f} | {row[1]:.0f} | {row[2]:.0f} | {row[3]:.2f} |", flush=True)


def worsened(films: list[Sequence]) -> Iterator[tuple[str, list[Sequence]]]:
    """The films under each of the conditions `_WORSE`, by its name."""
    for name, lost, shaken_by, stray, step in _WORSE:
        yield (
            name,
            [
                thinned(spoiled(film, seed, lost=lost, shaken_by=shaken_by, stray=stray), step)
                for film in films
                for seed in range(2)
            ],
        )


def variants() -> Iterator[tuple[str, Change, TrackingSettings]]:
    """The name of each variant, what to change while it runs, and its settings."""
    usual = TrackingSettings()
    yield "as it is", nullcontext, usual
    yield "normal noise, no heavy tails", _set(motion, FREEDOM=1e6), usual
    yield "constant velocity, never forgotten", _constant_velocity, usual
    yield "confidence does not scale the noise", _sure, usual
    yield "box as detected, not as filtered", _as_detected, usual
    yield "the unseen are not shown", _set(tracker, LOCATED=0.0), usual
    yield "every box is a person at once", _set(person, EVIDENCE_TO_CONFIRM=0.0), usual
    yield "the unconfirmed choose alike", _set(tracker, TENTATIVE_COST=0.0), usual
    yield (
        "the unconfirmed wait for 0.3 s only",
        _set(person, TENTATIVE_S_PER_EVIDENCE=0.0),
        usual,
    )
    yield "the border cuts people off", _cut_off, usual
    yield "memory of 0.3 s", nullcontext, TrackingSettings(memory_s=0.3)
    for parameter, module in _PARAMETERS.items():
        value = getattr(module, parameter)
        for factor in (0.7, 1.3):
            yield f"`{parameter}` x {factor}", _set(module, **{parameter: value * factor}), usual


def thinned(film: Sequence, step: int) -> Sequence:
    """The same scene as seen by a camera of a lower frame rate."""
    kept = range(1, film.length + 1, step)
    return dataclasses.replace(
        film,
        frame_rate=film.frame_rate / step,
        length=len(kept),
        detections={i: film.detections.get(f, ()) for i, f in enumerate(kept, 1)},
        truth={i: film.truth.get(f, []) for i, f in enumerate(kept, 1)},
    )


def spoiled(
    film: Sequence, seed: int, *, lost: float = 0.2, shaken_by: float = 0.02, stray: float = 0.0
) -> Sequence:
    """The same scene as found by a worse detector.

    It misses the share `lost`, shakes boxes by the share `shaken_by` of their height, and finds
    `stray` boxes a frame that are nobody's.
    """
    chance = random.Random(seed)
    found = {}
    for frame in range(1, film.length + 1):
        detections = film.detections.get(frame, ())
        kept = [_shaken(one, shaken_by, chance) for one in detections if chance.random() >= lost]
        if stray and chance.random() < stray:
            kept.append(_stray(film.size, chance))
        found[frame] = tuple(kept)
    return dataclasses.replace(film, detections=found)


def _stray(size: Size, chance: random.Random) -> Detection:
    height = chance.uniform(0.1, 0.5) * size.height
    x, y = chance.uniform(0.0, size.width), chance.uniform(0.0, size.height - height)
    box = Box(x, y, 0.4 * height, height)
    return Detection(body=Region(Part.BODY, box, chance.uniform(0.5, 0.9)))


def _shaken(detection: Detection, share: float, chance: random.Random) -> Detection:
    assert detection.body is not None, "public detections are bodies"
    body = detection.body
    return Detection(body=Region(Part.BODY, shaken(body.box, share, chance), body.confidence))


def _set(module: object, **values: object) -> Change:
    return lambda: patch.multiple(module, **values)


def _constant_velocity() -> AbstractContextManager[object]:
    """The same jitter of velocity per second, but a tenth of the pull back to rest."""
    stack = ExitStack()
    stack.enter_context(_set(motion, PERSISTENCE_S=10 * motion.PERSISTENCE_S)())
    stack.enter_context(_set(motion, SPEED=np.sqrt(10) * motion.SPEED)())
    return stack


def _sure() -> AbstractContextManager[object]:
    """Detections count as sure in the filter, and as they are for what is confirmed."""
    return _set(person, _LEAST_CONFIDENCE=1.0)()


def _cut_off() -> AbstractContextManager[object]:
    """Boxes that end at the image's border count as whole."""

    def as_found(_: motion.BoxFilters, boxes: motion.Floats, __: Size) -> tuple[Any, Any]:
        return boxes, np.zeros_like(boxes)

    return patch.object(motion.BoxFilters, "completed", as_found)


def _as_detected() -> AbstractContextManager[object]:
    """The seen are shown by their detection's box."""

    def box(track: Track) -> Box:
        shown = track.body_box if track.detection is None else track.detection.regions[0].box
        assert shown is not None, "public detections are bodies"
        return shown

    return patch.object(Track, "leading_box", property(box))


def _cell(outcomes: list[Outcome]) -> str:
    figures = score(outcomes)
    return f"{figures['idf1']:.1f} / {figures['mota']:.1f} / {figures['ids_per_person_1s']:.2f}"


if __name__ == "__main__":
    main()
