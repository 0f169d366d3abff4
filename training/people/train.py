"""Train the people-and-face detector: python -m training.people

From scenes and the teacher's faces to models/people.tflite, its manifest entry and its card. A run
that was interrupted goes on where it was: the teacher's finds and each epoch are kept in --run.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from edge_agent.devices.manifest import find_model
from training.data import data_root, decode
from training.fit import Batch, Plan, ahead, fit, generator_for, mean_of
from training.options import add_after, behind, parser_for
from training.people.augment import SceneAugmentation, collated
from training.people.export import recover_people
from training.people.loss import PeopleLoss
from training.people.network import PeopleNet
from training.people.pseudo_faces import FaceTeacher, fill_cache, read_cache
from training.people.release import calibration_pictures, release
from training.people.scenes import (
    Scene,
    is_held_back,
    read_face_chips,
    read_labels,
    read_scenes,
)
from training.publish import MODELS

BATCH = 16
SHARES = {
    "crowd": 0.18,
    "street": 0.15,
    "people": 0.34,
    "room": 0.15,
    "station": 0.13,
    "landmarks": 0.03,
    "utkface": 0.02,
}
"""How often a crop is of each group: the small groups of high cameras more than they are many."""
CHIP_STEP = {"landmarks": 2, "utkface": 12}
CHIP_PADDING = 1 / 3
_HIGH_CAMERAS = ("room", "station")


def network() -> PeopleNet:
    """0.89 M parameters, 0.58 GMACs at 320 x 256."""
    return PeopleNet(widths=(32, 64, 96, 96), depths=(1, 2, 1, 1), neck=(32, 48, 64, 64))


@dataclass(frozen=True, slots=True)
class Course:
    """One stretch of training: crops of one of `sides` pixels per batch, `crops` per epoch."""

    name: str
    seed: int
    epochs: int
    sides: tuple[int, ...] = (256, 320)
    crops: int = 2000
    learning_rate: float = 7e-4
    mosaic: float = 0.15
    enlarged: float = 0.0
    prints: float = 0.0
    backs: float = 0.0
    hidden: float = 0.0


COURSES: Sequence[Course] = (
    Course("first", 1, epochs=15, sides=(256,), crops=4000, learning_rate=2e-3, mosaic=0.5),
    Course("second", 2, epochs=6, crops=4000, learning_rate=2e-3, mosaic=0.5),
    Course("third", 3, epochs=28, sides=(256,), learning_rate=1.5e-3, mosaic=0.5),
    # The last looks are at pictures more like those of a camera, as YOLOX ends its training.
    Course("fourth", 4, epochs=8, learning_rate=6e-4, mosaic=0.2),
    Course("fifth", 5, epochs=50, learning_rate=1.5e-3, mosaic=0.35),
    Course("sixth", 6, epochs=36, learning_rate=1.3e-3, mosaic=0.3),
    Course("seventh", 7, epochs=48, learning_rate=1.3e-3, mosaic=0.3),
    Course("eighth", 8, epochs=20),
    # Closer looks at heads: the backs of near ones were taken for faces.
    Course("ninth", 9, epochs=20, enlarged=0.6),
    # People wear prints: those on real clothes were taken for faces.
    Course("tenth", 10, epochs=24, learning_rate=1.2e-3, mosaic=0.3, enlarged=0.4, prints=0.7),
    Course("eleventh", 11, epochs=20, enlarged=0.6, prints=0.7),
    Course("twelfth", 12, epochs=20, enlarged=0.4, prints=0.7),
    Course("thirteenth", 13, epochs=20, enlarged=0.5, prints=0.7),
    Course("fourteenth", 14, epochs=36, enlarged=0.5, prints=0.7),
    # Some turn their backs: napes were taken for faces.
    Course("fifteenth", 15, epochs=24, enlarged=0.5, prints=0.5, backs=0.3),
    # Things come before faces: half hidden ones were overlooked.
    Course("sixteenth", 16, epochs=30, enlarged=0.5, prints=0.5, backs=0.3, hidden=0.4),
)
"""Each begins with the averaged weights of the one before."""
RELEASED = ("twelfth", "thirteenth", "fifteenth", "sixteenth")
"""Courses of whose averaged weights the mean is released (Wortsman et al., "Model soups", 2022)."""


def main(argv: list[str] | None = None) -> None:
    arguments = _arguments().parse_args(argv)
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    data = arguments.data or data_root()
    arguments.run.mkdir(parents=True, exist_ok=True)
    teach(data, arguments.run)
    groups = read_training(data, arguments.run)
    trained = trained_network(groups, arguments.run, arguments.after)
    entry = release(trained, groups, data, arguments.models)
    for view, figures in entry["figures"].items():
        print(view, figures, flush=True)


def trained_network(
    groups: dict[str, list[Scene]], run: Path, after: str | None = None
) -> PeopleNet:
    """The mean of what the released courses ended with; those that an earlier run finished are not
    repeated.

    Where the courses up to `after` are over, the file that is shipped is what they ended with,
    unless `run` still has the weights themselves.
    """
    learner, courses = network(), COURSES
    if after is not None:
        begin(learner, groups, finished(run, after))
        courses = behind(courses, after)
    for course in courses:
        file = finished(run, course.name)
        if not file.exists():
            print(f"course {course.name}: {course}", flush=True)
            average = train(groups, course, learner, file.parent)
            torch.save(average.state_dict(), file)
        learner.load_state_dict(weights(file))
    files = [file for name in RELEASED if (file := finished(run, name)).exists()]
    if files:
        learner.load_state_dict(mean_of([weights(file) for file in files]))
    return learner.eval()


def finished(run: Path, course: str) -> Path:
    """Where the averaged weights are with which a course ends."""
    return run / course / "average.pt"


def weights(file: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return state


def begin(learner: PeopleNet, groups: Mapping[str, Sequence[Scene]], file: Path) -> None:
    """Fill `learner` with the weights in `file`, else with those of the shipped model."""
    if file.exists():
        learner.load_state_dict(weights(file))
        return
    shown = torch.from_numpy(np.stack(calibration_pictures(groups)))
    recover_people(
        learner, find_model("people", MODELS).path, shown.permute(0, 3, 1, 2).float() / 255
    )


def teach(data: Path, run: Path) -> None:
    """Let the teacher look at every picture that it has not seen yet."""
    model = data / "teachers" / "yunet_2026may.onnx"
    for group, step in (("scenes", 1), *CHIP_STEP.items()):
        cache = _cache(run, group)
        seen = set(read_cache(cache))
        pictures = _pictures(data, group, step, seen)
        for number, name in enumerate(fill_cache(cache, FaceTeacher(model), pictures)):
            if number % 100 == 0:
                print(f"  teacher: {group} {len(seen) + number + 1} {name}", flush=True)


def read_training(data: Path, run: Path) -> dict[str, list[Scene]]:
    """The pictures to train on by group, with nothing that is held back."""
    records = [r for r in read_labels(data / "scenes" / "train.jsonl") if not is_held_back(r)]
    scenes = read_scenes(records, data / "scenes" / "train.zip", read_cache(_cache(run, "scenes")))
    for group in CHIP_STEP:
        scenes += read_face_chips(
            data / group / "train.zip", group, read_cache(_cache(run, group)), CHIP_PADDING
        )
    groups = {group: [s for s in scenes if s.group == group] for group in SHARES}
    print(", ".join(f"{len(s)} {group}" for group, s in groups.items()), flush=True)
    return groups


def train(
    groups: dict[str, list[Scene]], course: Course, learner: PeopleNet, run: Path
) -> nn.Module:
    """The running average of `learner`'s weights over one course, which begins at its own."""
    augments = [
        SceneAugmentation(
            side,
            mosaic=course.mosaic,
            enlarged=course.enlarged,
            prints=course.prints,
            backs=course.backs,
            hidden=course.hidden,
        )
        for side in course.sides
    ]
    judge = PeopleLoss()

    def batches(epoch: int) -> Iterable[Batch]:
        return ahead(drawn(epoch))

    def drawn(epoch: int) -> Iterator[Batch]:
        random = generator_for(course.seed, epoch)
        for _ in range(course.crops // BATCH):
            augment = augments[random.integers(len(augments))]
            picked = [pick(groups, 4, random) for _ in range(BATCH)]
            yield collated([augment.sample(scenes, random) for scenes in picked])

    def loss(model: nn.Module, batch: Batch, _: float) -> torch.Tensor:
        images, objects, ignored = batch
        pixels = (images.float() / 255).contiguous(memory_format=torch.channels_last)
        outputs = model(pixels)
        with torch.autocast(pixels.device.type, enabled=False):
            return judge(outputs, objects, ignored)

    plan = Plan(
        epochs=course.epochs,
        learning_rate=course.learning_rate,
        seed=course.seed,
    )
    return fit(learner, batches, loss, plan, run, steps_per_epoch=course.crops // BATCH)


def pick(groups: dict[str, list[Scene]], count: int, random: np.random.Generator) -> list[Scene]:
    """Pictures by the groups' shares."""
    names = [name for name in SHARES if groups[name]]
    shares = np.array([SHARES[name] for name in names])
    chosen = random.choice(len(names), count, p=shares / shares.sum())
    return [groups[names[i]][random.integers(len(groups[names[i]]))] for i in chosen]


def _cache(run: Path, group: str) -> Path:
    return run / f"teacher-{group}.jsonl"


def _pictures(
    data: Path, group: str, step: int, seen: set[str]
) -> Iterator[tuple[str, np.ndarray, tuple[float, ...]]]:
    """What the teacher has still to see of one data set, with the scales to look at."""
    with zipfile.ZipFile(data / group / "train.zip") as archive:
        names = sorted(n for n in archive.namelist() if n.lower().endswith((".jpg", ".png")))
        for name in names[::step]:
            if Path(name).name in seen or name in seen:
                continue
            image = decode(archive.read(name), name)
            if group == "scenes":
                high = Path(name).name.startswith(_HIGH_CAMERAS)
                yield Path(name).name, image, (1, 2, 3) if high else (0.5, 1, 1.5, 2.5)
            else:
                border = int(image.shape[0] * CHIP_PADDING)
                grey = (114, 114, 114)
                yield (
                    name,
                    cv2.copyMakeBorder(image, *(border,) * 4, cv2.BORDER_CONSTANT, value=grey),
                    (0.5, 1.0),
                )


def _arguments() -> argparse.ArgumentParser:
    parser = parser_for("people", __doc__, data="root of the data sets", threads=2)
    add_after(parser, COURSES)
    return parser


if __name__ == "__main__":
    main()
