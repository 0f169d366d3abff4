"""Prints what the scene makes of simulated visits.

    python -m benchmarks.scene [--minutes M] [--json]

`ECE` is the expected calibration error over every claim at any sensitivity, `95 %` its bootstrap
interval, `chance` what perfect claims of such confidences and number would show, and `gap` the
largest distance of claimed from true of a bin with at least 100 reports.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from benchmarks.scene.noise import Behaviour, Noise
from benchmarks.scene.playback import TrackedFrame, play, tracked
from benchmarks.scene.recording import Recording, record
from benchmarks.scene.reliability import (
    Claim,
    confidence_interval,
    error_by_chance,
    expected_calibration_error,
    largest_gap,
    reliability,
)
from benchmarks.scene.scoring import Score, false_appearances, score
from edge_agent.domain.event import EventType
from edge_agent.settings import SceneSettings, SensitivitySettings

FIRST_SEED = 1
"""Seeds from 1 on are judged; the constants are fitted on those from 10001 on."""
SENSITIVITIES = (0.1, 0.3, 0.5, 0.7, 0.85, 1.0)
"""Each is tried for all types at once to see the confidences over their whole range."""
EMPTY = replace(Noise(), behaviour=replace(Behaviour(), arrivals_per_minute=0.0))
LEAST_IN_BIN = 100
"""Reports of which a bin needs so many to count for the largest gap: fewer scatter by more than
0.05, which is what is to be told."""


@dataclass(slots=True)
class Results:
    """The scores at the default sensitivities, and every claim made at any."""

    scores: dict[EventType, Score] = field(
        default_factory=lambda: {event_type: Score() for event_type in EventType}
    )
    claims_by_recording: dict[EventType, list[list[Claim]]] = field(
        default_factory=lambda: {event_type: [] for event_type in EventType}
    )
    watched_s: float = 0.0
    empty_s: float = 0.0
    false_in_empty: int = 0

    def claims(self, event_type: EventType) -> list[Claim]:
        """Those of all recordings."""
        return list(chain(*self.claims_by_recording[event_type]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scene", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--minutes", type=float, default=200.0, help="of camera time in all")
    parser.add_argument("--seed", type=int, default=FIRST_SEED)
    parser.add_argument("--true-tracker", action="store_true", help="a tracker that never errs")
    parser.add_argument("--json", action="store_true", help="one object instead of the tables")
    arguments = parser.parse_args()
    seeds = range(arguments.seed, arguments.seed + max(round(arguments.minutes / 5.0), 1))
    results = evaluate(seeds, truly=arguments.true_tracker)
    print(json.dumps(as_json(results)) if arguments.json else as_text(results))


def evaluate(
    seeds: Iterable[int],
    *,
    truly: bool = False,
    duration_s: float = 300.0,
    noise: Noise | None = None,
    sensitivities: tuple[float, ...] = SENSITIVITIES,
) -> Results:
    """Simulates one recording per seed, and as long an empty scene, and judges all reports."""
    results = Results()
    for seed in seeds:
        recording = record(seed, duration_s, noise)
        frames = tracked(recording, truly=truly)
        reports = play(frames, recording.size, SceneSettings())
        for event_type, one in score(recording, frames, reports).items():
            results.scores[event_type].add(one)
        for event_type, claims in _claims(recording, frames, sensitivities).items():
            results.claims_by_recording[event_type].append(claims)
        results.watched_s += duration_s
        empty = record(seed, duration_s, EMPTY)
        reports = play(tracked(empty, truly=truly), empty.size, SceneSettings())
        results.false_in_empty += false_appearances(reports)
        results.empty_s += duration_s
    return results


def _claims(
    recording: Recording, frames: list[TrackedFrame], sensitivities: tuple[float, ...]
) -> dict[EventType, list[Claim]]:
    """Every report at any of the sensitivities; the same one at several counts once."""
    found: dict[EventType, dict[tuple[object, ...], Claim]] = defaultdict(dict)
    for sensitivity in sensitivities:
        reports = play(frames, recording.size, all_at(sensitivity))
        for event_type, one in score(recording, frames, reports).items():
            told = [report for report in reports if report.event.type is event_type]
            for report, verdict in zip(told, one.verdicts, strict=True):
                same = (report.time_s, report.person_id, report.event.key, verdict.confidence)
                found[event_type][same] = (verdict.confidence, verdict.is_true)
    return {event_type: list(claims.values()) for event_type, claims in found.items()}


def all_at(sensitivity: float) -> SceneSettings:
    """Settings with one sensitivity for every type of event."""
    values = {event_type.value: sensitivity for event_type in EventType}
    return SceneSettings(sensitivity=SensitivitySettings(**values))


def as_json(results: Results) -> dict[str, Any]:
    types = {}
    for event_type, one in results.scores.items():
        claims = results.claims(event_type)
        bins = reliability(claims)
        types[event_type.value] = {
            "precision": one.precision,
            "recall": one.recall,
            "median_delay_s": one.median_delay_s,
            "reports": len(one.verdicts),
            "asked": len(one.asked),
            "ece": expected_calibration_error(bins),
            "ece_interval": confidence_interval(results.claims_by_recording[event_type]),
            "ece_by_chance": error_by_chance(claims),
            "largest_gap": largest_gap(bins, LEAST_IN_BIN),
            "bins": [
                {
                    "reports": one_bin.count,
                    "claimed": one_bin.claimed,
                    "true": one_bin.true,
                    "standard_error": one_bin.standard_error,
                }
                for one_bin in bins
            ],
        }
    return {
        "minutes": results.watched_s / 60.0,
        "false_appearances_per_empty_hour": results.false_in_empty / results.empty_s * 3600.0,
        "types": types,
    }


def as_text(results: Results) -> str:
    summary = as_json(results)
    lines = [
        f"{'event':<20} {'precision':>9} {'recall':>7} {'delay s':>8} {'reports':>8} {'asked':>6}"
        f" {'ECE':>6} {'95 %':>13} {'chance':>6} {'gap':>6}"
    ]
    for name, row in summary["types"].items():
        low, high = row["ece_interval"]
        lines.append(
            f"{name:<20} {row['precision']:>9.3f} {row['recall']:>7.3f}"
            f" {row['median_delay_s']:>8.2f} {row['reports']:>8} {row['asked']:>6}"
            f" {row['ece']:>6.3f} {low:>6.3f}-{high:.3f} {row['ece_by_chance']:>7.3f}"
            f" {row['largest_gap']:>6.3f}"
        )
    lines.append("")
    lines.append("claimed: true +- standard error (reports), by tenths of the confidence")
    for name, row in summary["types"].items():
        bins = "  ".join(
            f"{b['claimed']:.2f}: {b['true']:.2f}+-{b['standard_error']:.2f} ({b['reports']})"
            for b in row["bins"]
        )
        lines.append(f"{name:<20} {bins}")
    lines.append("")
    lines.append(
        f"{summary['minutes']:.0f} minutes;"
        f" {summary['false_appearances_per_empty_hour']:.2f} false appearances per empty hour"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
