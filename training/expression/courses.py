"""How the expression model learns from faces with votes, course by course."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from training.augment import FaceAugmentation, Phase, phase_at
from training.data import FERPLUS_CLASSES, FerPlus
from training.expression.network import Faces, logits_of, told
from training.fit import Batch, Plan, device, fit, generator_for

BATCH = 128
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
    others: float = 0.0

    def phase(self, epoch: int) -> Phase:
        return phase_at(self.phases, epoch / self.plan.epochs)


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
FOURTH = replace(
    THIRD,
    name="fourth",
    plan=Plan(epochs=28, learning_rate=1.5e-3, weight_decay=0.05, seed=4),
    others=0.5,
)
"""The same on twice as many people: those of UTKFace, whose expressions nobody labelled."""
COURSES = (FIRST, SECOND, THIRD, FOURTH)


def take_course(
    pupil: nn.Module,
    training: FerPlus,
    validation: FerPlus,
    course: Course,
    run: Path,
    *,
    others: Faces | None = None,
) -> nn.Module:
    """`pupil` trained towards the votes and, as far as the course says, its own answers before.

    `others` (m, 48, 48) are grey faces without votes, for a course that wants them.
    """
    faces, plan = torch.from_numpy(training.faces), course.plan
    targets = torch.from_numpy(training.distributions())
    teacher: nn.Module | None = None
    if course.taught and course.taught_beforehand:
        targets = targets.lerp(told(pupil, training.faces), course.taught)
    elif course.taught:
        teacher = copy.deepcopy(pupil).eval().to(device())
    voted, more = len(faces), 0
    if course.others:
        if others is None:
            raise ValueError(f"the {course.name} course needs faces without votes")
        more = min(round(course.others * voted), len(others))
        faces = torch.cat([faces, torch.from_numpy(others)])
        targets = torch.cat([targets, told(pupil, others)])

    def batches(epoch: int) -> Iterable[Batch]:
        random, phase = generator_for(plan.seed, epoch), course.phase(epoch)
        order = random.permutation(voted)
        if more:
            picked = voted + random.choice(len(faces) - voted, more, replace=False)
            order = random.permutation(np.concatenate([order, picked]))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = torch.from_numpy(order[start : start + BATCH])
            yield phase(faces[chosen][:, None].float() / 255, targets[chosen])

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
        steps_per_epoch=(voted + more) // BATCH,
        validate=validate,
    )


def _accuracies(logits: npt.NDArray[np.float32], faces: FerPlus) -> tuple[float, float]:
    right = logits.argmax(1) == faces.votes[:, :FERPLUS_CLASSES].argmax(1)
    return float(right[faces.majority()].mean()), float(right.mean())
