"""Measures on real clips what `benchmarks.scene.noise` puts into the simulation.

    python -m benchmarks.scene.measure_noise FOLDER

The detector and the heads run as in the agent, but down to a score of 0.05, so that people who are
nearly missed have a score, too. Who is in view and where is known by eye (`clips`). In frames in
which that is known of everybody a box that is nobody's is a stray; one that lies in somebody's body
or comes beside a surer one of theirs is a double.

Errors of one frame and such as last are told apart by their variograms, for boxes those of people
who stand; how far they sway is in it.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.scene.clips import CLIPS, NEAR, Clip, distance
from benchmarks.scene.variogram import Floats, fit_text, variogram
from edge_agent.agent import build_pipeline
from edge_agent.devices.cameras.replay import VideoFile
from edge_agent.domain.detection import Detection, Part, Region
from edge_agent.domain.geometry import Box, Point
from edge_agent.domain.observation import Observation
from edge_agent.perception.clothing import clothing_in, torso_of
from edge_agent.perception.pairing import paired
from edge_agent.perception.people import PeopleDetector
from edge_agent.scene.confidence import log_odds
from edge_agent.settings import Settings
from edge_agent.tracking.clothing import hellinger

LEAST_SCORE = 0.05
FOUND = 0.5
"""The detector's default threshold."""
CLOTHING_PAIRS = 5000
SOME_S = (0.4, 6.0)
"""How far apart two looks at the clothes of one person are."""
HALF_IN = 0.6
"""Share of a box in somebody's body from which on it is a double of it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One known person in one frame: the parts found at all, the surest of each."""

    regions: Mapping[Part, Region]
    reading: Observation | None
    clothing: tuple[float, ...] | None

    @property
    def score(self) -> float | None:
        """Log-odds of the surest part; None when nothing was found at all."""
        best = max((region.confidence for region in self.regions.values()), default=None)
        return None if best is None else log_odds(best)


@dataclass(slots=True)
class Watched:
    """One clip, person by person, and the boxes that were none of theirs, each by time."""

    clip: Clip
    frame_s: float
    people: dict[str, dict[float, Seen]] = field(default_factory=lambda: defaultdict(dict))
    doubles: dict[float, list[Detection]] = field(default_factory=lambda: defaultdict(list))
    strays: dict[float, list[Detection]] = field(default_factory=lambda: defaultdict(list))
    known_s: float = 0.0
    """How long it was known of everybody where they are."""
    known_people_s: float = 0.0
    """The same, summed over the people."""

    def stands_at(self, time_s: float) -> bool:
        frame = round(time_s / self.frame_s)
        return any(first <= frame <= last for first, last in self.clip.stands)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, help="with the clips that `clips` names")
    folder = parser.parse_args().folder
    print("\n".join(report([watch(folder / name, clip) for name, clip in CLIPS.items()])))


def watch(path: Path, clip: Clip) -> Watched:
    """Runs detector and heads over a clip and tells whose each part is."""
    settings = Settings.from_document(
        {
            "camera": {"source": str(path), "pace": "fast"},
            "detection": {"threshold": LEAST_SCORE, "input_long_side": clip.input_long_side},
        }
    )
    pipeline = build_pipeline(settings)
    detector = pipeline.detector
    assert isinstance(detector, PeopleDetector)
    with closing(VideoFile(path, settings.camera)) as video:
        watched = Watched(clip, 1.0 / video.frame_rate)
        index = 0
        while (frame := video.read()) is not None:
            regions = detector.find(frame)
            for name, own in _take(watched, index, regions).items():
                face = own.get(Part.FACE)
                reads = face is not None and face.confidence >= FOUND
                reading = pipeline.observer.look_at(frame, face) if reads and face else None
                sure = {part.value: one for part, one in own.items() if one.confidence >= FOUND}
                clothing = None
                if sure:
                    clothing = clothing_in(frame.pixels, torso_of(Detection(**sure)))
                watched.people[name][index * watched.frame_s] = Seen(own, reading, clothing)
            index += 1
    return watched


def _take(watched: Watched, index: int, regions: Iterable[Region]) -> dict[str, dict[Part, Region]]:
    """The parts of the people in view; notes the boxes that are nobody's."""
    heads = watched.clip.heads(index)
    theirs: dict[str, dict[Part, Region]] = {name: {} for name in heads}
    for region in sorted(regions, key=lambda one: -one.confidence):
        near = [(distance(head, region), name) for name, head in heads.items()]
        length, name = min(near, default=(math.inf, ""))
        if length < NEAR:
            theirs[name].setdefault(region.part, region)
    if watched.clip.is_known(index):
        watched.known_s += watched.frame_s
        watched.known_people_s += watched.frame_s * len(heads)
        own = [region for parts in theirs.values() for region in parts.values()]
        for one in paired([region for region in regions if region.confidence >= FOUND]):
            if not any(part is region for part in one.regions for region in own):
                others = watched.doubles if _is_double(one, own, heads) else watched.strays
                others[index * watched.frame_s].append(one)
    return theirs


def _is_double(one: Detection, own: Iterable[Region], heads: Mapping[str, Point]) -> bool:
    box = (one.body or one.regions[0]).box
    is_near = any(distance(head, one.regions[0]) < NEAR for head in heads.values())
    return is_near or any(box.coverage_by(region.box) >= HALF_IN for region in own)


def report(clips: list[Watched]) -> list[str]:
    """Every figure, a line each."""
    return [
        *_scores(clips),
        *_false_boxes(clips),
        *_boxes(clips),
        *_clothes(clips),
        *_expressions(clips),
        *_looks(clips),
    ]


def _scores(clips: list[Watched]) -> Iterator[str]:
    people = [seen for clip in clips for seen in clip.people.values()]
    means, missed, unseen, courses = [], [], [], []
    for one in people:
        scores = {time_s: seen.score for time_s, seen in one.items()}
        found = {t: np.array([s]) for t, s in scores.items() if s is not None}
        courses.append(found)
        means.append(float(np.mean([s[0] for s in found.values()])) if found else -3.0)
        missed.append(float(np.mean([s is None or s < 0.0 for s in scores.values()])))
        unseen.append(float(np.mean([s is None for s in scores.values()])))
    yield f"{len(people)} people, {sum(map(len, people))} sightings"
    yield (
        f"score, log-odds: mean {np.mean(means):.2f}, between people {np.std(means, ddof=1):.2f},"
        f" quartiles {np.round(np.quantile(means, (0.0, 0.25, 0.5, 0.75, 1.0)), 1).tolist()}"
    )
    yield f"score over time: {fit_text(variogram(courses, 1.0))}"
    yield (
        f"missed at {FOUND}: {np.mean(missed):.3f} of frames, median person"
        f" {np.median(missed):.3f}; nothing at {LEAST_SCORE}: {np.mean(unseen):.3f}"
    )


def _false_boxes(clips: list[Watched]) -> Iterator[str]:
    known_s = sum(clip.known_s for clip in clips)
    people_s = sum(clip.known_people_s for clip in clips)
    for name, every, over_s in (
        ("strays", [clip.strays for clip in clips], known_s),
        ("doubles", [clip.doubles for clip in clips], people_s),
    ):
        spells = [
            spell
            for clip, found in zip(clips, every, strict=True)
            for spell in _spells(found, clip.frame_s)
        ]
        scores = [log_odds(one.confidence) for spell in spells for _, one in spell]
        lasting = [spell[-1][0] - spell[0][0] for spell in spells]
        yield (
            f"{name}: {len(spells)} in {over_s:.0f} s"
            f"{' of a person' if name == 'doubles' else ''}"
            f" = {60 * len(spells) / over_s:.2f} a minute (at most"
            f" {60 * _most(len(spells)) / over_s:.2f}, 95 %),"
            f" {len(scores)} boxes"
        )
        if spells:
            yield (
                f"  last {np.round(np.quantile(lasting, (0.25, 0.5, 0.75, 1.0)), 2).tolist()} s,"
                f" score {np.mean(scores):.2f} +- {np.std(scores):.2f}"
            )


def _spells(
    found: Mapping[float, list[Detection]], frame_s: float
) -> list[list[tuple[float, Detection]]]:
    """Boxes in one place without a gap of half a second."""
    spells: list[list[tuple[float, Detection]]] = []
    for time_s in sorted(found):
        for one in found[time_s]:
            box = one.regions[-1].box
            for spell in spells:
                last_s, last = spell[-1]
                if 0.0 < time_s - last_s <= 0.5 and box.iou(last.regions[-1].box) > 0.3:
                    spell.append((time_s, one))
                    break
            else:
                spells.append([(time_s, one)])
    return spells


def _most(count: int) -> float:
    """The upper end of the 95 % interval of a Poisson mean, nearly (Byar's approximation)."""
    return (count + 1) * (1 - 1 / (9 * (count + 1)) + 1.96 / (3 * math.sqrt(count + 1))) ** 3


def _boxes(clips: list[Watched]) -> Iterator[str]:
    """How the sides of boxes of standing people err, as shares of the box's size."""
    for part in (Part.BODY, Part.FACE):
        courses, heights = [], []
        for clip in clips:
            for seen in clip.people.values():
                course = {
                    t: one.regions[part].box
                    for t, one in seen.items()
                    if part in one.regions
                    and one.regions[part].confidence >= FOUND
                    and clip.stands_at(t)
                }
                if len(course) > 20:
                    courses.append({t: _sides(box, course) for t, box in course.items()})
                    heights.append(float(np.median([box.height for box in course.values()])))
        if courses:
            yield (
                f"{part.value} of {len(courses)} standing people,"
                f" {min(heights):.0f}-{max(heights):.0f} pixels high:"
                f" {fit_text(variogram(courses, 1.0))}"
            )


def _sides(box: Box, course: Mapping[float, Box]) -> Floats:
    """Left, top, width and height in sizes of the median box."""
    width = float(np.median([one.width for one in course.values()]))
    height = float(np.median([one.height for one in course.values()]))
    return np.array([box.x / width, box.y / height, box.width / width, box.height / height])


def _clothes(clips: list[Watched]) -> Iterator[str]:
    """Hellinger's distances between looks, as many of each clip."""
    own, others = [], []
    random = np.random.default_rng(1)
    for clip in clips:
        looks = [
            (name, time_s, seen.clothing)
            for name, one in clip.people.items()
            for time_s, seen in one.items()
            if seen.clothing is not None
        ]
        if not looks:
            continue
        histograms = np.array([clothing for _, _, clothing in looks])
        lengths = hellinger(histograms, histograms)
        for i, j in random.integers(len(looks), size=(CLOTHING_PAIRS, 2)):
            (name, time_s, _), (other, other_s, _) = looks[i], looks[j]
            if name != other:
                others.append(lengths[i, j])
            elif SOME_S[0] <= abs(time_s - other_s) <= SOME_S[1]:
                own.append(lengths[i, j])
    for name, distances in (("one person", own), ("two people", others)):
        quantiles = np.quantile(distances, (0.03, 0.1, 0.5, 0.9, 0.97)).round(2).tolist()
        yield (
            f"clothing of {name}: distances {quantiles} at 3, 10, 50, 90 and 97 %"
            f" of {len(distances)}"
        )


def _expressions(clips: list[Watched]) -> Iterator[str]:
    """Logarithms of intensities against that of neutral; both err, hence the root of two."""
    for name, calm in (("calm", True), ("moving", False)):
        courses = [
            {
                t: np.log((shares[1:] + 0.01) / (shares[0] + 0.01))
                for t, one in seen.items()
                if one.reading is not None and one.reading.expression is not None
                for shares in (np.array(one.reading.expression.intensities),)
            }
            for clip in clips
            if clip.clip.calm is calm
            for seen in clip.people.values()
        ]
        courses = [course for course in courses if len(course) > 20]
        if courses:
            fit = fit_text(variogram(courses, math.sqrt(0.5)))
            yield f"expression of {len(courses)} {name} faces, logarithms: {fit}"


def _looks(clips: list[Watched]) -> Iterator[str]:
    readings = [
        {t: one.reading for t, one in seen.items() if one.reading is not None}
        for clip in clips
        for seen in clip.people.values()
    ]
    readings = [course for course in readings if len(course) > 20]
    ages = [
        {t: np.array([r.age.years]) for t, r in course.items() if r.age is not None}
        for course in readings
    ]
    genders = [
        {
            t: np.array([log_odds(r.gender.female_probability)])
            for t, r in course.items()
            if r.gender is not None
        }
        for course in readings
    ]
    stated = [r.age.deviation_years for course in readings for r in course.values() if r.age]
    within = [float(np.std(list(course.values()))) for course in ages if course]
    yield (
        f"age of {len(readings)} faces: stated deviation"
        f" {np.round(np.quantile(stated, (0.05, 0.5, 0.95)), 1).tolist()} years,"
        f" within a face {np.round(sorted(within), 1).tolist()}: {fit_text(variogram(ages, 1.0))}"
    )
    margins = [abs(float(np.mean(list(course.values())))) for course in genders if course]
    yield (
        f"gender, log-odds: mean of a face {np.round(sorted(margins), 1).tolist()},"
        f" over time {fit_text(variogram(genders, 1.0))}"
    )


if __name__ == "__main__":
    main()
