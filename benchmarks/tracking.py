"""Scores the tracker on sequences in the MOTChallenge format, with py-motmetrics.

    python -m benchmarks.tracking DIR... [--json]

A DIR has `det/det.txt` (frame, -1, x, y, width, height, confidence, ...), `gt/gt.txt` (frame,
person, x, y, width, height, counts, ...) and `seqinfo.ini` (frameRate, imWidth, imHeight,
seqLength). The tracker sees one frame's public detections at a time; what it gives out for a
frame (`Track.is_output`) is final. Figures are pooled over all folders, boxes matched at IoU 0.5.

- idf1, mota, switches: as py-motmetrics defines them; percent, percent and a count.
- ids_per_person_1s: how many different ids lay on one person at one time or another, averaged over
  the people whom the ground truth shows for at least one second; 1 is right.
- all_ids_per_person_1s: all ids ever given out, false ones too, over the number of those people.
- ms_per_frame: median of the time in `Tracker.update`.
"""

from __future__ import annotations

import argparse
import configparser
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import motmetrics
import numpy as np
import numpy.typing as npt

from edge_agent.domain.detection import Detection, Part, Region
from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Box, Size
from edge_agent.settings import TrackingSettings
from edge_agent.tracking.tracker import Tracker

Rows = dict[int, list[tuple[int, Box]]]
"""(identity, box) by frame number."""

_EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)
_MIN_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Sequence:
    """One folder, read."""

    name: str
    frame_rate: float
    size: Size
    length: int
    detections: dict[int, tuple[Detection, ...]]
    truth: Rows


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tracker gave out on one sequence, and how long each frame took it."""

    sequence: Sequence
    output: Rows
    update_s: list[float]


def main() -> None:
    arguments = _arguments()
    outcomes = [track(read_sequence(folder)) for folder in arguments.folders]
    if arguments.json:
        print(json.dumps(score(outcomes)))
        return
    rows = [(outcome.sequence.name, score([outcome])) for outcome in outcomes]
    rows.append(("all", score(outcomes)))
    width = max(len(name) for name, _ in rows)
    print(" " * width, *rows[0][1], sep="  ")
    for name, figures in rows:
        print(f"{name:{width}}", *(f"{figures[key]:>{len(key)}g}" for key in figures), sep="  ")


def read_sequence(folder: Path) -> Sequence:
    parser = configparser.ConfigParser()
    parser.read_string((folder / "seqinfo.ini").read_text(encoding="utf-8"))
    info = parser["Sequence"]
    detections: dict[int, list[Detection]] = defaultdict(list)
    for row in _rows(folder / "det" / "det.txt"):
        body = Region(Part.BODY, Box(*map(float, row[2:6])), float(row[6]))
        detections[int(row[0])].append(Detection(body=body))
    truth: Rows = defaultdict(list)
    for row in _rows(folder / "gt" / "gt.txt"):
        if row[6] != 0:
            truth[int(row[0])].append((int(row[1]), Box(*map(float, row[2:6]))))
    return Sequence(
        name=info.get("name", folder.name),
        frame_rate=info.getfloat("frameRate"),
        size=Size(info.getint("imWidth"), info.getint("imHeight")),
        length=info.getint("seqLength"),
        detections={frame: tuple(found) for frame, found in detections.items()},
        truth=dict(truth),
    )


def track(sequence: Sequence, settings: TrackingSettings | None = None) -> Outcome:
    """The tracker's output on one sequence, frame by frame."""
    tracker = Tracker(settings or TrackingSettings())
    output: Rows = {}
    update_s = []
    for frame in range(1, sequence.length + 1):
        elapsed_s = frame / sequence.frame_rate
        captured_at = Instant(_EPOCH + timedelta(seconds=elapsed_s), elapsed_s)
        begun = time.perf_counter()
        tracks = tracker.update(sequence.detections.get(frame, ()), captured_at, sequence.size)
        update_s.append(time.perf_counter() - begun)
        output[frame] = [
            (t.track_id, t.leading_box.clipped(sequence.size)) for t in tracks if t.is_output
        ]
    return Outcome(sequence, output, update_s)


def score(outcomes: list[Outcome]) -> dict[str, float]:
    """The figures pooled over `outcomes`, under the names of the module's description."""
    accumulators = [_accumulate(outcome) for outcome in outcomes]
    summary = motmetrics.metrics.create().compute_many(
        accumulators,
        metrics=["idf1", "mota", "num_switches", "num_misses", "num_false_positives"],
        generate_overall=True,
    )
    overall = summary.loc["OVERALL"]
    people, ids, matched_ids = _identities(outcomes, accumulators)
    return {
        "idf1": round(100 * float(overall["idf1"]), 2),
        "mota": round(100 * float(overall["mota"]), 2),
        "switches": int(overall["num_switches"]),
        "ids_per_person_1s": round(matched_ids / max(people, 1), 3),
        "all_ids_per_person_1s": round(ids / max(people, 1), 3),
        "misses": int(overall["num_misses"]),
        "false_positives": int(overall["num_false_positives"]),
        "ms_per_frame": round(
            1e3 * statistics.median(s for outcome in outcomes for s in outcome.update_s), 3
        ),
    }


def _accumulate(outcome: Outcome) -> motmetrics.MOTAccumulator:
    accumulator = motmetrics.MOTAccumulator()
    for frame in range(1, outcome.sequence.length + 1):
        people = outcome.sequence.truth.get(frame, [])
        found = outcome.output.get(frame, [])
        accumulator.update(
            [identity for identity, _ in people],
            [identity for identity, _ in found],
            _distances([box for _, box in people], [box for _, box in found]),
            frameid=frame,
        )
    return accumulator


def _distances(people: list[Box], found: list[Box]) -> npt.NDArray[np.float64]:
    """1 - IoU of shape (len(people), len(found)); NaN where the boxes do not match."""
    distances = np.full((len(people), len(found)), np.nan)
    for i, person in enumerate(people):
        for j, box in enumerate(found):
            iou = person.iou(box)
            if iou >= _MIN_IOU:
                distances[i, j] = 1 - iou
    return distances


def _identities(
    outcomes: list[Outcome], accumulators: Iterable[motmetrics.MOTAccumulator]
) -> tuple[int, int, int]:
    """People shown for a second or more, all ids given out, and those that lay on such people."""
    people = ids = matched_ids = 0
    for outcome, accumulator in zip(outcomes, accumulators, strict=True):
        frames: dict[int, int] = defaultdict(int)
        for identity, _ in (row for rows in outcome.sequence.truth.values() for row in rows):
            frames[identity] += 1
        stayed = {who for who, n in frames.items() if n >= outcome.sequence.frame_rate}
        people += len(stayed)
        ids += len({identity for rows in outcome.output.values() for identity, _ in rows})
        events = accumulator.mot_events
        matches = events[events["Type"].isin(["MATCH", "SWITCH"]) & events["OId"].isin(stayed)]
        matched_ids += len(matches[["OId", "HId"]].drop_duplicates())
    return people, ids, matched_ids


def _rows(path: Path) -> npt.NDArray[np.float64]:
    lines = [line.split(",")[:7] for line in path.read_text(encoding="utf-8").splitlines() if line]
    return np.array(lines, float)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tracking", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--json", action="store_true", help="one object, pooled over the folders")
    arguments = parser.parse_args()
    for folder in arguments.folders:
        for name in ("seqinfo.ini", "det/det.txt", "gt/gt.txt"):
            if not (folder / name).is_file():
                parser.error(
                    f"{folder} is no sequence in the MOTChallenge format: it has no {name}"
                )
    return arguments


if __name__ == "__main__":
    main()
