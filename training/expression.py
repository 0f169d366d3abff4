"""Train the expression model: python -m training.expression --data ../shared/data/ferplus

From FER+ faces to models/expression.tflite, its manifest entry and its card. A run that was
interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterable
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
from training.card import rounded
from training.data import FERPLUS_CLASSES, FERPLUS_SIDE, FerPlus, data_root
from training.evaluate_expression import Answers, answers, measure
from training.export import export_int8
from training.expression_card import disturbances, write_card
from training.fit import Batch, Plan, device, fit, generator_for
from training.networks import ResidualNet
from training.options import parser_for
from training.publish import describe, publish

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


SECOND_PART = 3
"""How many times longer the first course is than the second."""
TEACHER_SHARE = 0.5
"""How much of the second course's targets comes from the network of the first."""


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
    trained = train(training, validation, arguments.epochs, arguments.run)
    publish_model(trained, training, held_back, validation, arguments.models)


def publish_model(
    trained: nn.Module, training: FerPlus, held_back: FerPlus, validation: FerPlus, folder: Path
) -> None:
    """Quantize, calibrate, measure and describe the trained network."""
    float_figures = Answers(softmax(logits_of(trained, validation.faces)), validation).figures()
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
    engine = TfliteEngine(find_model(NAME, folder))
    measured, figures = measure(find_model(NAME, folder), validation)
    entry["figures"] = {"split": "ferplus valid", **rounded(figures)}
    publish(NAME, entry, folder)
    disturbed = ((name, answers(engine, faces)) for name, faces in disturbances(validation))
    card = folder / "cards" / f"{NAME}.md"
    write_card(card, measured, figures, float_figures, disturbed)
    print(f"{file}: {entry['figures']}", flush=True)


def train(training: FerPlus, validation: FerPlus, epochs: int, run: Path) -> nn.Module:
    """Two courses: the votes alone, then on from there with what the first has learned as well.

    Ten votes are a rough measure of a face; a network that has seen many faces smooths them
    (Furlanello et al., "Born-Again Neural Networks", 2018).
    """
    first = take_course(training, validation, Plan(epochs), run / "first", network())
    second = Plan(max(epochs // SECOND_PART, 1), learning_rate=1e-3, seed=2)
    return take_course(
        training, validation, second, run / "second", copy.deepcopy(first), teacher=first
    )


def take_course(
    training: FerPlus,
    validation: FerPlus,
    plan: Plan,
    run: Path,
    pupil: nn.Module,
    *,
    teacher: nn.Module | None = None,
) -> nn.Module:
    """`pupil` trained towards the votes or, with a teacher, the mean of these and its answers."""
    faces, targets = torch.from_numpy(training.faces), torch.from_numpy(training.distributions())
    augment = FaceAugmentation()
    if teacher is not None:
        teacher.to(device())

    def batches(epoch: int) -> Iterable[Batch]:
        order = generator_for(plan.seed, epoch).permutation(len(faces))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = torch.from_numpy(order[start : start + BATCH])
            images = augment(faces[chosen][:, None].float() / 255)
            yield mixed(images, targets[chosen], strength=0.4, share=0.5)

    def loss(model: nn.Module, batch: Batch, _: float) -> torch.Tensor:
        images, votes = batch
        images = images.contiguous(memory_format=torch.channels_last)
        if teacher is not None:
            with torch.no_grad():
                votes = votes.lerp(teacher(images).float().softmax(1), TEACHER_SHARE)
        return F.cross_entropy(model(images).float(), votes)

    def validate(model: nn.Module) -> str:
        majority, plurality = _accuracies(logits_of(model, validation.faces), validation)
        return f"valid: majority {majority:.2%}, plurality {plurality:.2%}"

    return fit(
        pupil, batches, loss, plan, run, steps_per_epoch=len(faces) // BATCH, validate=validate
    )


@torch.no_grad()
def logits_of(model: nn.Module, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Logits of shape (n, 8) of grey faces of shape (n, 48, 48)."""
    target = next(model.parameters()).device
    parts = [
        model((torch.from_numpy(faces[start : start + 256])[:, None].float() / 255).to(target))
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
        "--epochs", type=int, default=36, help="of the first course (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    main()
