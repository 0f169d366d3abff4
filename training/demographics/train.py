"""Train the age and gender model: python -m training.demographics --data ../shared/data/utkface

From UTKFace chips to models/demographics.tflite, its manifest entry and its card. A run that was
interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
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
from training.augment import FaceAugmentation, Phase, phase_at
from training.calibrate import deviation_scale_for, temperature_for
from training.card import rounded
from training.data import data_root
from training.demographics.card import worse_cameras, write_card
from training.demographics.evaluate import GROWN_UP, Answers, answers, measure
from training.demographics.utkface import Split, UtkFace, whole
from training.export import export_int8
from training.fit import Batch, Plan, fit, generator_for
from training.networks import ResidualNet
from training.options import add_after, behind, parser_for
from training.publish import MODELS, describe, publish
from training.recover import recover

NAME = "demographics"
AGES = 117
"""Bins of one year, from 0 to the oldest of the data."""
SIDE = 80
CHIP_SIDE = 112
CROP_SIDE = 1.13
"""Side of the crop by the mean side of the detector's box, and how far below the box's centre its
own lies: so that eyes and mouth come to lie where they are in the chips (medians over clips)."""
CROP_SHIFT_DOWN = -0.045
PLACED_CROP_SIDE = 1.058
"""The same about the box that the points of the face give, so that the crop is the chip (medians
over 622 chips to train on, within 3 %)."""
PLACED_CROP_SHIFT_DOWN = 0.008
RANGE_FACES = 512
DATA = "UTKFace chips with age and gender"
LICENCE = "UTKFace: non-commercial research use"
SPLIT_SEED = 7
RECOVERY_STEP = 20
"""Every how many-th face is looked at where a network is recovered from its file."""
CALIBRATION_FACES = 1200
VALIDATION_FACES = 1400
STRONG = FaceAugmentation(
    scale=0.16,
    shift=0.06,
    shear=0.06,
    soften=0.25,
    smallest_side=26,
    erase=0.25,
    tint=0.12,
    grey=0.15,
    jpeg=0.25,
)
MILD = replace(
    STRONG,
    rotation_rad=STRONG.rotation_rad / 2,
    scale=0.08,
    shift=0.03,
    shear=0.03,
    contrast=0.2,
    brightness=0.1,
    gamma=0.2,
    soften=0.15,
    erase=0.1,
)
LIGHT = replace(
    MILD,
    rotation_rad=STRONG.rotation_rad / 3,
    scale=0.06,
    contrast=0.15,
    gamma=0.15,
    erase=0.05,
    soften=0.12,
    jpeg=0.1,
    grey=0.08,
    tint=0.08,
    dim=0.05,
)
MEDIUM = replace(
    STRONG,
    rotation_rad=STRONG.rotation_rad * 0.8,
    scale=0.12,
    shift=0.05,
    shear=0.05,
    contrast=0.28,
    brightness=0.15,
    gamma=0.3,
    soften=0.2,
    jpeg=0.2,
    dim=0.1,
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One run of the training loop, of which the first `until` epochs are gone through.

    `taught` is the part that the answers of the network at the stage's begin have in the targets;
    the labels have the rest.
    """

    name: str
    plan: Plan
    batch: int
    phases: tuple[Phase, ...]
    age_error_weight: float
    gender_weight: float
    until: int | None = None
    taught: float = 0.0

    def phase(self, epoch: int) -> Phase:
        return phase_at(self.phases, epoch / self.plan.epochs)


FIRST = Stage(
    "first",
    Plan(epochs=20, learning_rate=2e-3, weight_decay=0.05),
    batch=128,
    phases=(
        Phase(0.0, replace(STRONG, side=64)),
        Phase(0.4, replace(STRONG, side=SIDE)),
    ),
    age_error_weight=0.15,
    gender_weight=1.5,
    until=15,
)
"""Strong changes, at first on smaller images (Tan, Le, "EfficientNetV2", 2021): much for little."""
SECOND = Stage(
    "second",
    Plan(epochs=28, learning_rate=1.5e-3, weight_decay=0.05, warmup_epochs=0.5, seed=2),
    batch=64,
    phases=(Phase(0.0, replace(MILD, side=SIDE, shift=0.05, jpeg=0.15, grey=0.1, dim=0.1)),),
    age_error_weight=0.3,
    gender_weight=2.0,
    until=12,
)
"""From there on with the changes that a good detector and camera still leave."""
THIRD = Stage(
    "third",
    Plan(epochs=17, learning_rate=1e-3, weight_decay=0.05, warmup_epochs=0.5, seed=3),
    batch=64,
    phases=(
        Phase(0.0, replace(MEDIUM, side=SIDE)),
        Phase(0.7, replace(MILD, side=SIDE, shift=0.04, jpeg=0.15, dim=0.1)),
    ),
    age_error_weight=0.3,
    gender_weight=2.0,
    taught=0.5,
)
"""Against the noise of the labels: half of each target is what the network said of the chip before
(Furlanello et al., "Born Again Neural Networks", 2018)."""
FOURTH = replace(
    THIRD,
    name="fourth",
    plan=Plan(epochs=12, learning_rate=1e-3, weight_decay=0.05, warmup_epochs=0.5, seed=4),
    phases=(
        Phase(0.0, replace(MILD, side=SIDE, shift=0.05, jpeg=0.15, grey=0.1, dim=0.1)),
        Phase(0.6, replace(LIGHT, side=SIDE)),
    ),
    taught=0.35,
)
"""Another generation, which in the end sees nearly what a good detector and camera deliver."""
FIFTH = replace(
    THIRD,
    name="fifth",
    plan=Plan(epochs=40, learning_rate=1.5e-3, weight_decay=0.05, seed=5),
    phases=(
        Phase(0.0, replace(MEDIUM, side=SIDE)),
        Phase(0.6, replace(MILD, side=SIDE, shift=0.05, jpeg=0.15, grey=0.1, dim=0.1)),
        Phase(0.85, replace(LIGHT, side=SIDE)),
    ),
)
"""The same at length: every shorter stage was still gaining when it ended."""
SIXTH = replace(
    FIFTH,
    name="sixth",
    plan=Plan(epochs=16, learning_rate=1e-3, weight_decay=0.05, seed=6),
)
"""Once more, towards what the fifth has learned."""
SEVENTH = replace(
    FIFTH,
    name="seventh",
    plan=Plan(epochs=60, learning_rate=1.5e-3, weight_decay=0.05, seed=7),
    phases=(
        *(replace(phase, mixup=0.3, cutmix=0.3) for phase in FIFTH.phases[:-1]),
        FIFTH.phases[-1],
    ),
)
"""At length again, with faces mixed: the sixth knows those it learned from by a year better than
others."""
STAGES = (FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, SEVENTH)


class DemographicsNet(ResidualNet):
    """A colour face of 80 x 80 -> logits of the age's bins, of shape (n, 117), and the logit of
    the person being female, of shape (n, 1). 77 million MACs, 1.1 M parameters."""

    def __init__(self) -> None:
        super().__init__(3, 32, ((48, 1), (96, 2), (160, 1)), AGES, stem_stride=2, wide=320)
        self.gender = nn.Linear(self.width, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        embedded = self.embedded(x)
        return self.head(embedded), self.gender(embedded)


@dataclass(frozen=True, slots=True)
class Targets:
    """What n faces are to be answered with: `ages`, distributions of shape (n, 117), `years` and
    `female`, probabilities, both of shape (n,)."""

    ages: torch.Tensor
    years: torch.Tensor
    female: torch.Tensor

    @classmethod
    def of(cls, faces: UtkFace) -> Targets:
        years, female = torch.from_numpy(faces.ages), torch.from_numpy(faces.female).float()
        return cls(label_distributions(years), years, female * 0.96 + 0.02)

    @classmethod
    def from_rows(cls, rows: torch.Tensor) -> Targets:
        """As `rows` laid them out."""
        return cls(rows[:, :AGES], rows[:, AGES], rows[:, AGES + 1])

    def rows(self) -> torch.Tensor:
        """All of a face in one row, of shape (n, 119)."""
        return torch.cat([self.ages, self.years[:, None].float(), self.female[:, None]], 1)

    def taught_by(self, other: Targets, part: float) -> Targets:
        """These, but for the `part` in [0, 1] that comes from the other."""
        return Targets(
            torch.lerp(self.ages, other.ages, part),
            torch.lerp(self.years, other.years, part),
            torch.lerp(self.female, other.female, part),
        )


def loss(
    outputs: tuple[torch.Tensor, torch.Tensor], targets: Targets, stage: Stage
) -> torch.Tensor:
    """Deep label distribution learning (Gao et al., "Age Estimation Using Expectation of Label
    Distribution Learning", 2018): cross entropy towards a distribution over ages and the error of
    the expectation; beside it the cross entropy of the gender."""
    age_logits, gender_logits = (logits.float() for logits in outputs)
    spread = F.cross_entropy(age_logits, targets.ages)
    error = F.l1_loss(expectations(age_logits), targets.years)
    gender = F.binary_cross_entropy_with_logits(gender_logits[:, 0], targets.female)
    return spread + stage.age_error_weight * error + stage.gender_weight * gender


def label_distributions(ages: torch.Tensor) -> torch.Tensor:
    """Of shape (n, 117): the older a face, the less its age can be told, by labellers too."""
    deviation = (0.8 + 0.04 * ages)[:, None]
    bins = torch.arange(AGES, device=ages.device)
    return torch.softmax(-0.5 * ((bins - ages[:, None]) / deviation) ** 2, 1)


def expectations(age_logits: torch.Tensor) -> torch.Tensor:
    """Years of shape (n,)."""
    bins = torch.arange(AGES, device=age_logits.device, dtype=torch.float32)
    return torch.softmax(age_logits, 1) @ bins


def train(network: nn.Module, split: Split, stage: Stage, run: Path) -> nn.Module:
    """The network after a stage that begins with this one."""
    chips = torch.from_numpy(split.training.stacked(CHIP_SIDE))
    wished = Targets.of(split.training)
    if stage.taught > 0:
        wished = wished.taught_by(told(network, split.training.stacked(SIDE)), stage.taught)
    targets = wished.rows()

    def batches(epoch: int) -> Iterable[Batch]:
        order = generator_for(stage.plan.seed, epoch).permutation(len(chips))
        phase = stage.phase(epoch)
        for start in range(0, len(order) - stage.batch + 1, stage.batch):
            chosen = torch.from_numpy(order[start : start + stage.batch])
            yield phase(chips[chosen].permute(0, 3, 1, 2).float() / 255, targets[chosen])

    def of_batch(network: nn.Module, batch: Batch, _: float) -> torch.Tensor:
        images, wanted = batch
        outputs = network(images.contiguous(memory_format=torch.channels_last))
        return loss(outputs, Targets.from_rows(wanted), stage)

    def validate(model: nn.Module) -> str:
        errors = _errors_of(model, split.validation)
        return "valid: " + ", ".join(f"{name} {value:.4f}" for name, value in errors.items())

    return fit(
        network,
        batches,
        of_batch,
        stage.plan,
        run / stage.name,
        steps_per_epoch=len(chips) // stage.batch,
        validate=validate,
        until=stage.until,
    )


@torch.no_grad()
def told(network: nn.Module, chips: npt.NDArray[np.uint8]) -> Targets:
    """What a network says of chips of shape (n, 80, 80, 3) and of their mirror images."""
    network = network.eval().to(memory_format=torch.channels_last)
    target = next(network.parameters()).device
    ages, years, female = [], [], []
    for start in range(0, len(chips), 256):
        images = torch.from_numpy(chips[start : start + 256]).permute(0, 3, 1, 2).float() / 255
        views = torch.cat([images, images.flip(3)]).to(target)
        with torch.autocast(target.type, torch.bfloat16):
            outputs = network(views.contiguous(memory_format=torch.channels_last))
        age, logit = (output.float().cpu().unflatten(0, (2, -1)) for output in outputs)
        ages.append(torch.softmax(age, -1).mean(0))
        years.append(ages[-1] @ torch.arange(AGES, dtype=torch.float32))
        female.append(torch.sigmoid(logit[..., 0]).mean(0))
    return Targets(torch.cat(ages), torch.cat(years), torch.cat(female))


def publish_model(trained: nn.Module, split: Split, folder: Path) -> None:
    """Quantize, calibrate, measure and describe the trained network."""
    float_figures = _errors_of(trained, split.validation)
    file = folder / f"{NAME}.tflite"
    shown = split.training.chips[:: max(len(split.training) // RANGE_FACES, 1)]
    export_int8(
        trained,
        torch.zeros(1, 3, SIDE, SIDE),
        (whole(chip, SIDE)[None].astype(np.float32) / 255 for chip in shown),
        file,
    )
    entry = describe(
        file,
        task=NAME,
        channels="bgr",
        outputs=("age", "female"),
        labels=(),
        parameters={
            "crop_side": CROP_SIDE,
            "crop_shift_down": CROP_SHIFT_DOWN,
            "placed_crop_side": PLACED_CROP_SIDE,
            "placed_crop_shift_down": PLACED_CROP_SHIFT_DOWN,
            "age_deviation_scale": 1.0,
            "gender_temperature": 1.0,
        },
        data=DATA,
        licence=LICENCE,
        figures={},
    )
    publish(NAME, entry, folder)
    plain = answers(TfliteEngine(find_model(NAME, folder)), split.calibration)
    entry["parameters"] |= calibration_of(plain)
    publish(NAME, entry, folder)
    model = find_model(NAME, folder)
    measured, figures = measure(model, split.validation)
    entry["figures"] = {"split": "held back from utkface train", **rounded(figures)}
    publish(NAME, entry, folder)
    seen_otherwise = {
        name: answers(TfliteEngine(model), split.validation, seen)
        for name, seen in worse_cameras().items()
    }
    write_card(folder / "cards" / f"{NAME}.md", measured, figures, float_figures, seen_otherwise)
    print(f"{file}: {entry['figures']}", flush=True)


def calibration_of(plain: Answers) -> dict[str, float]:
    """The parameters that make the certainty true which was stated without them."""
    scale = deviation_scale_for(plain.errors, plain.deviations)
    female = np.clip(plain.female_probabilities, 1e-6, 1 - 1e-6)
    logits = np.log(np.stack([female, 1 - female], 1)).astype(np.float32)
    targets = np.stack([plain.faces.female, ~plain.faces.female], 1).astype(np.float32)
    return {
        "age_deviation_scale": round(scale, 3),
        "gender_temperature": round(temperature_for(logits, targets), 3),
    }


def _errors_of(model: nn.Module, faces: UtkFace) -> dict[str, float]:
    years, logits = outputs_of(model, faces.stacked(SIDE))
    grown_up = faces.ages > GROWN_UP
    right = (logits > 0) == faces.female
    return {
        "age_mae": float(np.abs(years - faces.ages).mean()),
        "gender_accuracy": float(right.mean()),
        "gender_accuracy_over_15": float(right[grown_up].mean()),
    }


@torch.no_grad()
def outputs_of(
    model: nn.Module, chips: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Expected years and gender logits, both of shape (n,), of chips of shape (n, 80, 80, 3)."""
    target = next(model.parameters()).device
    years, logits = [], []
    for start in range(0, len(chips), 256):
        images = torch.from_numpy(chips[start : start + 256]).permute(0, 3, 1, 2).float() / 255
        age, gender = model(images.to(target))
        years.append(expectations(age.float()).cpu())
        logits.append(gender[:, 0].float().cpu())
    return torch.cat(years).numpy(), torch.cat(logits).numpy()


def main(argv: list[str] | None = None) -> None:
    arguments = _arguments().parse_args(argv)
    torch.set_num_threads(arguments.threads)
    data = arguments.data or data_root() / "utkface"
    split = Split.of(
        UtkFace.read(data / "train.zip", data / "train.csv"),
        calibration=CALIBRATION_FACES,
        validation=VALIDATION_FACES,
        seed=SPLIT_SEED,
    )
    print(
        f"{len(split.training)} faces to train on, {len(split.calibration)} to calibrate, "
        f"{len(split.validation)} to validate",
        flush=True,
    )
    network: nn.Module = DemographicsNet()
    for stage in begun(network, split, arguments.after):
        network = train(network, split, stage, arguments.run)
    publish_model(network, split, arguments.models)


def begun(network: nn.Module, split: Split, after: str | None) -> Sequence[Stage]:
    """The stages to come: those behind `after`, `network` filled from the shipped file, or all."""
    if after is None:
        return STAGES
    shown = split.training.chosen(np.arange(0, len(split.training), RECOVERY_STEP)).stacked(SIDE)
    images = torch.from_numpy(shown).permute(0, 3, 1, 2).float() / 255
    recover(network, find_model(NAME, MODELS).path, images)
    return behind(STAGES, after)


def _arguments() -> argparse.ArgumentParser:
    data = "folder of utkface (default: that of the data)"
    parser = parser_for("demographics", __doc__, data=data)
    add_after(parser, STAGES)
    return parser


if __name__ == "__main__":
    main()
