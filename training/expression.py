"""Train the expression model: python -m training.expression --data ../shared/data/ferplus

From FER+ faces to models/expression.tflite, its manifest entry and its card. A run that was
interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import copy
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from edge_agent.devices.manifest import find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.observation import Emotion
from edge_agent.perception.expression import softmax
from training.augment import FaceAugmentation, mixed
from training.calibrate import temperature_for
from training.data import FERPLUS_CLASSES, FERPLUS_SIDE, FerPlus, data_root
from training.evaluate_expression import Answers, answers
from training.export import export_int8
from training.expression_card import measure_and_describe
from training.fit import Batch, Plan, device, fit, generator_for
from training.networks import ResidualNet
from training.options import parser_for
from training.publish import MODELS, describe, publish
from training.recover import recover

NAME = "expression"
BATCH = 128
CROP_SIDE = 1.15
"""Side of the crop by the mean side of the detector's box: the median over FER2013 faces of the
side of the picture by the square root of the box's area, measured with YuNet."""
CALIBRATION_FACES = 512
DATA = "FER2013 faces with the votes of FER+"
LICENCE = "labels: MIT (Microsoft FER+); images: FER2013 challenge, research use"
SPLIT_SEED = 20
HELD_BACK = 1024
"""Training faces that are not trained on: the temperature is fitted to them."""

RECOVERY_STEP = 20
"""Every how many-th face is looked at where the network is recovered from its file."""
STRONG = FaceAugmentation()
MILD = replace(
    STRONG,
    rotation_rad=math.radians(8),
    scale=0.1,
    shift=0.05,
    shear=0.05,
    contrast=0.2,
    brightness=0.1,
    gamma=0.2,
    soften=0.2,
    erase=0.15,
)
"""Little more than what a good detector and camera leave."""


@dataclass(frozen=True, slots=True)
class Phase:
    """How the faces are changed from the share `begins` of a course's epochs on.

    `mixup` and `cutmix` are the shares of the batches that are mixed.
    """

    begins: float
    augmentation: FaceAugmentation
    mixup: float
    cutmix: float = 0.0


@dataclass(frozen=True, slots=True)
class Course:
    """One run of the training loop.

    `taught` is the part that the answers of the network at the course's begin have in the targets;
    the votes have the rest. These answers are to the very batch that the pupil sees, or, with
    `taught_beforehand`, once for all to each face undisturbed and to its mirror image (Xie et al.,
    "Self-training with Noisy Student", 2020).
    """

    name: str
    plan: Plan
    phases: tuple[Phase, ...]
    taught: float = 0.0
    taught_beforehand: bool = False

    def phase(self, epoch: int) -> Phase:
        progress = epoch / self.plan.epochs
        return [phase for phase in self.phases if progress >= phase.begins][-1]


FIRST = Course("first", Plan(epochs=36), (Phase(0.0, STRONG, mixup=0.5),))
SECOND = Course(
    "second",
    Plan(epochs=12, learning_rate=1e-3, seed=2),
    (Phase(0.0, STRONG, mixup=0.5),),
    taught=0.5,
)
"""Ten votes are a rough measure of a face; a network that has seen many faces smooths them
(Furlanello et al., "Born-Again Neural Networks", 2018)."""
THIRD = Course(
    "third",
    Plan(epochs=30, learning_rate=1.5e-3, weight_decay=0.05, seed=3),
    (
        Phase(0.0, replace(STRONG, erase=0.5), mixup=0.3, cutmix=0.3),
        Phase(0.6, replace(STRONG, scale=0.12, shift=0.06), mixup=0.3, cutmix=0.2),
        Phase(0.85, MILD, mixup=0.1),
    ),
    taught=0.5,
    taught_beforehand=True,
)
"""At length, with more of each face hidden, and in the end nearly as the detector delivers it."""
COURSES = (FIRST, SECOND, THIRD)


def network() -> nn.Module:
    """59 million MACs, 0.9 M parameters for a grey face of 48 x 48."""
    return ResidualNet(1, 24, ((32, 1), (72, 1), (136, 2)), FERPLUS_CLASSES)


def main(argv: list[str] | None = None) -> None:
    arguments = _arguments().parse_args(argv)
    torch.set_num_threads(arguments.threads)
    data = arguments.data or data_root() / "ferplus"
    every = FerPlus.read(data / "train.zip", data / "train.csv").nameable()
    validation = FerPlus.read(data / "valid.zip", data / "valid.csv").nameable()
    order = generator_for(SPLIT_SEED, 0).permutation(len(every.faces))
    held_back, training = every.chosen(order[:HELD_BACK]), every.chosen(order[HELD_BACK:])
    print(
        f"{len(training.faces)} faces to train on, {HELD_BACK} to calibrate, "
        f"{len(validation.faces)} to validate",
        flush=True,
    )
    courses = [
        replace(course, plan=replace(course.plan, epochs=arguments.epochs or course.plan.epochs))
        for course in COURSES
    ]
    trained = network()
    for course in begun(trained, training, courses, arguments.after):
        trained = take_course(trained, training, validation, course, arguments.run)
    publish_model(trained, training, held_back, validation, arguments.models)


def begun(
    fresh: nn.Module, training: FerPlus, courses: Sequence[Course], after: str | None
) -> Sequence[Course]:
    """The courses to come: all, or those behind `after`, where the shipped file fills `fresh`."""
    if after is None:
        return courses
    shown = torch.from_numpy(training.faces[::RECOVERY_STEP])[:, None].float() / 255
    recover(fresh, find_model(NAME, MODELS).path, shown)
    names = [course.name for course in courses]
    return courses[names.index(after) + 1 :]


def publish_model(
    trained: nn.Module, training: FerPlus, held_back: FerPlus, validation: FerPlus, folder: Path
) -> None:
    """Quantize, calibrate, measure and describe the trained network."""
    float_answers = Answers(softmax(logits_of(trained, validation.faces)), validation)
    file = folder / f"{NAME}.tflite"
    sample = torch.zeros(1, 1, FERPLUS_SIDE, FERPLUS_SIDE)
    shown = training.faces[:: max(len(training.faces) // CALIBRATION_FACES, 1)]
    export_int8(
        trained, sample, (face[None, :, :, None].astype(np.float32) / 255 for face in shown), file
    )
    entry = describe(
        file,
        task="expression",
        channels="grey",
        outputs=("logits",),
        labels=[emotion.value for emotion in Emotion],
        parameters={"crop_side": CROP_SIDE, "temperature": 1.0},
        data=DATA,
        licence=LICENCE,
        figures={},
    )
    publish(NAME, entry, folder)
    plain = np.log(answers(TfliteEngine(find_model(NAME, folder)), held_back).probabilities + 1e-9)
    entry["parameters"]["temperature"] = round(temperature_for(plain, held_back.one_hot()), 3)
    publish(NAME, entry, folder)
    figures = measure_and_describe(
        find_model(NAME, folder),
        validation,
        folder,
        courses=len(COURSES),
        float_accuracy=float_answers.figures()["accuracy_majority"],
    )
    print(f"{file}: {figures}", flush=True)


def take_course(
    pupil: nn.Module, training: FerPlus, validation: FerPlus, course: Course, run: Path
) -> nn.Module:
    """`pupil` trained towards the votes and, as far as the course says, its own answers before."""
    faces, plan = torch.from_numpy(training.faces), course.plan
    targets = torch.from_numpy(training.distributions())
    teacher: nn.Module | None = None
    if course.taught and course.taught_beforehand:
        targets = targets.lerp(told(pupil, training.faces), course.taught)
    elif course.taught:
        teacher = copy.deepcopy(pupil).eval().to(device())

    def batches(epoch: int) -> Iterable[Batch]:
        order, phase = generator_for(plan.seed, epoch).permutation(len(faces)), course.phase(epoch)
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = torch.from_numpy(order[start : start + BATCH])
            images = phase.augmentation(faces[chosen][:, None].float() / 255)
            yield mixed(images, targets[chosen], mixup=phase.mixup, cutmix=phase.cutmix)

    def loss(model: nn.Module, batch: Batch, _: float) -> torch.Tensor:
        images, wanted = batch
        images = images.contiguous(memory_format=torch.channels_last)
        if teacher is not None:
            with torch.no_grad():
                wanted = wanted.lerp(teacher(images).float().softmax(1), course.taught)
        return F.cross_entropy(model(images).float(), wanted)

    def validate(model: nn.Module) -> str:
        majority, plurality = _accuracies(logits_of(model, validation.faces), validation)
        return f"valid: majority {majority:.2%}, plurality {plurality:.2%}"

    return fit(
        pupil,
        batches,
        loss,
        plan,
        run / course.name,
        steps_per_epoch=len(faces) // BATCH,
        validate=validate,
    )


def told(model: nn.Module, faces: npt.NDArray[np.uint8]) -> torch.Tensor:
    """Probabilities of shape (n, 8): the mean of the answers to each grey face and its mirror
    image."""
    model.to(device()).eval()
    seen, mirrored = (softmax(logits_of(model, f)) for f in (faces, faces[:, :, ::-1]))
    return torch.from_numpy((seen + mirrored) / 2)


@torch.no_grad()
def logits_of(model: nn.Module, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Logits of shape (n, 8) of grey faces of shape (n, 48, 48)."""
    target = next(model.parameters()).device
    parts = [
        model(torch.from_numpy(faces[start : start + 256].copy())[:, None].to(target) / 255)
        for start in range(0, len(faces), 256)
    ]
    return np.asarray(torch.cat(parts).float().cpu().numpy())


def _accuracies(logits: npt.NDArray[np.float32], faces: FerPlus) -> tuple[float, float]:
    right = logits.argmax(1) == faces.votes[:, :FERPLUS_CLASSES].argmax(1)
    return float(right[faces.majority()].mean()), float(right.mean())


def _arguments() -> argparse.ArgumentParser:
    data = "folder of ferplus (default: that of the data)"
    parser = parser_for("expression", __doc__, data=data)
    parser.add_argument(
        "--epochs", type=int, help="of each course instead of its own number, for a trial"
    )
    parser.add_argument(
        "--after",
        choices=[course.name for course in COURSES[:-1]],
        help="go on behind this course from the file that is shipped, without its checkpoint",
    )
    return parser


if __name__ == "__main__":
    main()
