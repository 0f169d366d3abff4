"""The tracker on real detections of real streets, and the scoring of it on what is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.street import street
from benchmarks.tracking import Outcome, Sequence, read_sequence, score, track
from benchmarks.tracking_ablation import spoiled, thinned
from edge_agent.domain.geometry import Box, Size

SEQUENCES = ("TUD-Campus", "TUD-Stadtmitte")


@pytest.fixture(scope="module")
def sequences(shared_data: Path) -> list[Sequence]:
    return [read_sequence(shared_data / "tracking" / name) for name in SEQUENCES]


def test_people_in_the_street_keep_their_ids(sequences: list[Sequence]) -> None:
    figures = score([track(sequence) for sequence in sequences])
    assert figures["idf1"] >= 70
    assert figures["mota"] >= 66
    assert figures["switches"] <= 20
    assert figures["ids_per_person_1s"] <= 1.7
    assert figures["all_ids_per_person_1s"] <= 1.6


@pytest.mark.parametrize("step", [2, 3, 5])
def test_other_frame_rates_give_like_figures(sequences: list[Sequence], step: int) -> None:
    figures = score([track(thinned(sequence, step)) for sequence in sequences])
    assert figures["idf1"] >= 64
    assert figures["mota"] >= 60
    assert figures["ids_per_person_1s"] <= 1.7


def test_worse_detections_give_little_worse_figures(sequences: list[Sequence]) -> None:
    """A fifth is missed, the others shake, and in a third of the frames somebody is made up."""
    worse = [spoiled(sequence, seed, stray=0.3) for sequence in sequences for seed in (0, 1)]
    figures = score([track(sequence) for sequence in worse])
    assert figures["idf1"] >= 62
    assert figures["mota"] >= 60
    assert figures["ids_per_person_1s"] <= 1.9


def test_minutes_of_a_made_street_at_seven_frames_a_second() -> None:
    """People who stand, talk, walk round a lamp post and are followed by others."""
    figures = score([track(street(seed, duration_s=60.0)) for seed in (1, 2, 3)])
    assert figures["idf1"] >= 70
    assert figures["mota"] >= 85
    assert figures["ids_per_person_1s"] <= 1.8
    assert figures["all_ids_per_person_1s"] <= 1.3


def test_scores_of_a_known_outcome() -> None:
    """Two people for two seconds at 5 frames/s; one is given a new id in the middle."""
    left, right = Box(10, 10, 40, 80), Box(200, 10, 40, 80)
    frames = range(1, 11)
    sequence = Sequence(
        "made", 5.0, Size(320, 240), 10, {}, {f: [(1, left), (2, right)] for f in frames}
    )
    right_ids = {f: 7 if f <= 5 else 8 for f in frames}
    outcome = Outcome(
        sequence, {f: [(3, left), (right_ids[f], right)] for f in frames}, [0.001] * 10
    )
    figures = score([outcome])
    assert figures["idf1"] == 75.0
    assert figures["switches"] == 1
    assert figures["mota"] == 95.0
    assert figures["ids_per_person_1s"] == 1.5
    assert figures["all_ids_per_person_1s"] == 1.5
    assert figures["ms_per_frame"] == 1.0
