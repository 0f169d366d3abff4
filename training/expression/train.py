"""Train the expression model: python -m training.expression --data ../shared/data/ferplus

From FER+ faces, and those of utkface beside them, to models/expression.tflite, its manifest entry
and its card. A run that was interrupted goes on where it was.

With --faces FOLDER the shipped model learns your own pictures, in one sub-folder per emotion, and
becomes a file that the configuration can name.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edge_agent.devices.manifest import find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.errors import AgentError
from edge_agent.perception.crops import grey
from edge_agent.perception.expression import softmax
from training.calibrate import temperature_for
from training.data import FERPLUS_SIDE, FerPlus, data_root
from training.demographics.utkface import UtkFace
from training.expression.card import measure_and_describe
from training.expression.certainty import doubts_for, parted, read
from training.expression.courses import COURSES, Course, take_course
from training.expression.evaluate import Answers, answers
from training.expression.network import NAME, Faces, entry_of, logits_of, network, write_file
from training.expression.own import FOLDS, learn_own
from training.options import add_after, behind, parser_for
from training.publish import MODELS, publish
from training.recover import recover

DATA = "FER2013 faces with the votes of FER+; UTKFace chips without votes"
LICENCE = (
    "labels: MIT (Microsoft FER+); images: FER2013 challenge, research use; UTKFace: non-"
    "commercial research use"
)
RECOVERY_STEP = 20
"""Every how many-th face is looked at where the network is recovered from its file."""


def main(argv: list[str] | None = None) -> None:
    arguments = _arguments().parse_args(argv)
    torch.set_num_threads(arguments.threads)
    if arguments.faces is not None:
        _learn_own(arguments)
        return
    data = arguments.data or data_root() / "ferplus"
    every = FerPlus.read(data / "train.zip", data / "train.csv").nameable()
    validation = FerPlus.read(data / "valid.zip", data / "valid.csv").nameable()
    held_back, training = parted(every)
    print(
        f"{len(training.faces)} faces to train on, {len(held_back.faces)} to calibrate, "
        f"{len(validation.faces)} to validate",
        flush=True,
    )
    courses = [
        replace(course, plan=replace(course.plan, epochs=arguments.epochs or course.plan.epochs))
        for course in COURSES
    ]
    trained = network()
    coming = begun(trained, training, courses, arguments.after)
    others = None
    if any(course.others for course in coming):
        others = faces_without_votes(data.parent / "utkface")
    for course in coming:
        trained = take_course(trained, training, validation, course, arguments.run, others=others)
    publish_model(trained, training, held_back, validation, arguments.models)


def faces_without_votes(folder: Path) -> Faces:
    """The chips of UTKFace, which show about as much of a face as FER2013's pictures, in grey."""
    read = UtkFace.read(folder / "train.zip", folder / "train.csv")
    return np.stack([grey(chip) for chip in read.stacked(FERPLUS_SIDE)])


def begun(
    fresh: nn.Module, training: FerPlus, courses: Sequence[Course], after: str | None
) -> Sequence[Course]:
    """The courses to come: all, or those behind `after`, where the shipped file fills `fresh`."""
    if after is None:
        return courses
    shown = torch.from_numpy(training.faces[::RECOVERY_STEP])[:, None].float() / 255
    recover(fresh, find_model(NAME, MODELS).path, shown)
    return behind(courses, after)


def publish_model(
    trained: nn.Module, training: FerPlus, held_back: FerPlus, validation: FerPlus, folder: Path
) -> None:
    """Quantize, calibrate, measure and describe the trained network."""
    float_answers = Answers(softmax(logits_of(trained, validation.faces)), validation)
    file = folder / f"{NAME}.tflite"
    write_file(trained, training.faces, file)
    parameters = {"temperature": 1.0, "blur_temperature": 0.0, "turn_temperature": 0.0}
    entry = entry_of(file, parameters=parameters, data=DATA, licence=LICENCE, figures={})
    publish(NAME, entry, folder)
    plain = np.log(answers(TfliteEngine(find_model(NAME, folder)), held_back).probabilities + 1e-9)
    entry["parameters"]["temperature"] = round(temperature_for(plain, held_back.one_hot()), 3)
    publish(NAME, entry, folder)
    entry["parameters"] |= doubts_for(read(find_model(NAME, folder), held_back))
    publish(NAME, entry, folder)
    figures = measure_and_describe(
        find_model(NAME, folder),
        validation,
        folder,
        courses=len(COURSES),
        float_accuracy=float_answers.figures()["accuracy_majority"],
    )
    print(f"{file}: {figures}", flush=True)


def _learn_own(arguments: argparse.Namespace) -> None:
    try:
        learn_own(
            arguments.faces,
            arguments.output,
            scratch=arguments.from_scratch,
            data=arguments.data,
            folds=arguments.folds,
            epochs=arguments.epochs,
        )
    except AgentError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)


def _arguments() -> argparse.ArgumentParser:
    data = "folder of ferplus (default: that of the data)"
    parser = parser_for("expression", __doc__, data=data)
    parser.add_argument(
        "--epochs", type=int, help="of each course instead of its own number, for a trial"
    )
    add_after(parser, COURSES[:-1])
    own = parser.add_argument_group("your own faces")
    own.add_argument(
        "--faces",
        type=Path,
        metavar="FOLDER",
        help="pictures to learn, in sub-folders named by emotion; --data is then rehearsed, too",
    )
    own.add_argument(
        "--output",
        type=Path,
        default=Path("my-expression.tflite"),
        metavar="FILE",
        help="the model that comes of it (default: %(default)s)",
    )
    own.add_argument(
        "--from-scratch",
        action="store_true",
        help="learn from the folder alone: for thousands of faces, and takes an hour",
    )
    own.add_argument(
        "--folds",
        type=int,
        default=FOLDS,
        help="parts of the faces, each held back in turn to measure what is learned from the "
        "others; 0 measures nothing (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    main()
