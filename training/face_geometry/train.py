"""Train the face geometry model: python -m training.face_geometry --data ../shared/data

From `landmarks`, `utkface`, the faces of `scenes` and three teachers to the model
models/face_geometry.tflite, its manifest entry and its card. Before it, in this order:
`python -m training.face_geometry.mesh_teacher` (in an environment of its own) and
`python -m training.face_geometry.gaze_teacher`. A run that was interrupted goes on where it was.

The file takes an upright grey square of 96 x 96 pixels, `crop_side` times the mean side of the
detector's face box, and answers `points` (1, 10): x and y of the left eye, right eye, nose's tip,
left and right corner of the mouth as seen in the image, in shares of the crop's side; `head`
(1, 3): yaw, pitch, roll; `gaze` (1, 2): yaw, pitch relative to the camera, all in radian with the
contract's signs; `errors` (1, 3): natural logarithms of the expected errors of points (mean
distance by the distance between the eyes), head and gaze (mean over the angles, radian); `logits`
(1, 3): eyes open, smile, face visible.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch
from torch import nn

from training.data import data_root
from training.face_geometry.batches import Sources
from training.face_geometry.labels import Split, read_split
from training.face_geometry.network import SIDE, FaceGeometryNet, loss
from training.face_geometry.release import errors_of, lens_shares, plain_crops, publish_model
from training.face_geometry.samples import MILD, CropAugmentation
from training.fit import Batch, Plan, ahead, fit, generator_for, mean_of
from training.options import parser_for


@dataclass(frozen=True, slots=True)
class Stage:
    """One run of the training loop, which begins with the average of the one before."""

    name: str
    plan: Plan
    augment: CropAugmentation
    batch: int = 64
    crops: int = 15_000
    until: int | None = None

    @property
    def steps(self) -> int:
        return self.crops // self.batch


RELEASED = 2
"""Stages of whose averaged weights the mean is released."""
STAGES = (
    Stage(
        "first",
        Plan(epochs=7, learning_rate=2e-3, weight_decay=0.03, warmup_epochs=0.5, ema_decay=0.997),
        batch=128,
        augment=CropAugmentation(side=SIDE),
    ),
    Stage(
        "second",
        Plan(epochs=64, learning_rate=1.8e-3, weight_decay=0.05, warmup_epochs=0.3, seed=2),
        augment=CropAugmentation(side=SIDE),
        until=13,
    ),
    Stage(
        "third",
        Plan(epochs=48, learning_rate=1.6e-3, weight_decay=0.05, warmup_epochs=0.3, seed=3),
        augment=CropAugmentation(side=SIDE),
        until=5,
    ),
    Stage(
        "fourth",
        Plan(epochs=42, learning_rate=1.6e-3, weight_decay=0.05, warmup_epochs=0.3, seed=4),
        augment=CropAugmentation(side=SIDE),
        until=19,
    ),
    Stage(
        "fifth",
        Plan(epochs=24, learning_rate=1e-3, weight_decay=0.05, warmup_epochs=0.3, seed=5),
        augment=MILD,
        until=16,
    ),
    Stage(
        "sixth",
        Plan(epochs=17, learning_rate=8e-4, weight_decay=0.05, warmup_epochs=0.3, seed=6),
        augment=MILD,
    ),
    Stage(
        "seventh",
        Plan(epochs=38, learning_rate=1.2e-3, weight_decay=0.05, warmup_epochs=0.3, seed=7),
        augment=MILD,
    ),
    Stage(
        "eighth",
        Plan(epochs=36, learning_rate=1e-3, weight_decay=0.05, warmup_epochs=0.3, seed=8),
        augment=MILD,
    ),
)
"""The last looks are at faces more like those of a good detector and camera."""


def main(argv: list[str] | None = None) -> None:
    arguments = _arguments().parse_args(argv)
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    data = arguments.data or data_root()
    split = read_split(data, arguments.run)
    sources = Sources.of(split, data, arguments.run)
    print(
        f"{len(split.training)} labelled faces to train on, {len(split.calibration)} to calibrate, "
        f"{len(split.validation)} to validate; "
        + ", ".join(f"{len(faces)} {kind}" for kind, faces in sources.faces.items())
        + f", {len(sources.masked)} masked, {len(sources.nothing)} nothing",
        flush=True,
    )
    network, reached = FaceGeometryNet(), []
    for stage in STAGES[: arguments.stages]:
        reached.append(train(network, sources, split, stage, arguments.run).state_dict())
        network.load_state_dict(reached[-1])
    network.load_state_dict(mean_of(reached[-RELEASED:]))
    publish_model(network, split, data, arguments.models)


def train(network: nn.Module, sources: Sources, split: Split, stage: Stage, run: Path) -> nn.Module:
    """The network after a stage that begins with this one."""
    measured = {"valid": split.validation, "calibration": split.calibration}
    crops = {name: plain_crops(faces) for name, faces in measured.items()}
    posing, _ = plain_crops(split.portraits)

    def batches(epoch: int) -> Iterable[Batch]:
        random = generator_for(stage.plan.seed, epoch)
        return ahead(sources.batches(stage.augment, random, stage.batch, stage.steps))

    def of_batch(network: nn.Module, batch: Batch, _: float) -> torch.Tensor:
        images, targets = batch
        pixels = (images.float() / 255).contiguous(memory_format=torch.channels_last)
        outputs = network(pixels)
        with torch.autocast(pixels.device.type, enabled=False):
            return loss(outputs, targets)

    def validate(model: nn.Module) -> str:
        figures = {name: errors_of(model, measured[name], crops[name]) for name in measured}
        figures["portraits"] = lens_shares(model, split.portraits, posing)
        return "; ".join(f"{name}: {_listed(values)}" for name, values in figures.items())

    return fit(
        network,
        batches,
        of_batch,
        stage.plan,
        run / stage.name,
        steps_per_epoch=stage.steps,
        validate=validate,
        until=stage.until,
    )


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in values.items())


def _arguments() -> argparse.ArgumentParser:
    parser = parser_for("face_geometry", __doc__, data="root of the data sets")
    parser.add_argument(
        "--stages", type=int, default=len(STAGES), help="go through the first of them only"
    )
    return parser


if __name__ == "__main__":
    main()
