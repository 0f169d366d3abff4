"""The card of the face geometry model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.geometry import Box
from training import card
from training.demographics.card import ORIGINS
from training.face_geometry.agreement import actual_errors, stated_errors
from training.face_geometry.evaluate import (
    Errors,
    answers,
    box_about,
    errors_between,
    face_box,
    heads_of,
)
from training.face_geometry.labels import Faces
from training.face_geometry.samples import five_of

Grey = npt.NDArray[np.uint8]
Array = npt.NDArray[np.floating]

YAW_BANDS = ((0, 10), (10, 20), (20, 30), (30, 90))
FEWEST = 20

HEAD = """# Face geometry

Reads five points of a face (eyes, tip of the nose, corners of the mouth), where the head and the
eyes point, whether the eyes are open, how broadly the mouth smiles, and how far off it expects to
be. Input: a grey face crop of 96 x 96 pixels, int8. Outputs, int8: `points`, in shares of the
crop's side; `head`, yaw, pitch and roll, and `gaze`, yaw and pitch relative to the camera, in
radian; `errors`, logarithms of the expected errors of these three; `logits` of open eyes, a smile
and a face that can be seen. What scales the errors is in the manifest. The daemon shows it each
face and its mirror image and takes the mean, and so do the figures here; `macs` is for one look."""

DATA = """## Data and terms

`landmarks`: 3,515 faces of 287 people from YouTube Faces, with 68 points (Udacity's key-point set,
MIT); 36 people are held back to measure, 20 more to fit the three scales. UTKFace (non-commercial
research use), and bare faces of scenes (CC0, CC BY 4.0), without labels of their own: points come
from the MediaPipe face mesh (Apache-2.0; the mean of a face and its mirror image), moved to where
the labellers of `landmarks` put them by a ridge regression; open eyes and smiles from its lids and
lips. Gaze is what the irises of the mesh and the head's pose say, by coefficients fitted to
gaze-estimation-adas-0002 (Open Model Zoo, Apache-2.0); 30 % of the pitch is what that network says
itself. The head's pose is solved from the 68 points and a mean 3-D face that was found from the
same labels. A model trained on UTKFace is for research and private use unless the owners of the
pictures allow more."""

METHOD = """## Method

A residual network of 3x3 convolutions whose last map goes into one convolution as a whole, so that
places keep their meaning; all 68 points, the irises and the opening of the lids are learned beside
the five points. Faces are turned by up to 45 degrees, mirrored, moved and scaled as detectors'
boxes are, blurred, lit, covered; the labels follow exactly. Closed eyes are rare, so open ones are
shut by drawing the upper lid down. Expected errors are learned as scales of Laplace distributions,
without a say in what is learned. The labels lie a pixel to the right of what they mark, which
mirrored faces do not let a network learn: it is taken away before training and put back at the
release. In the last stage three quarters of each label come from the mesh, against the noise of the
labels; at the release the layer that tells the points is fitted to the labels as they are.
Quantized to int8 throughout. `python -m training.face_geometry` makes the file again;
`training/RESULTS.md` has what was tried."""

WEAK = """## Known weaknesses

- The labels are a tracker's, rounded to a grid of 6.5 % of the distance between the eyes, which
  alone makes 2 % of error: the mesh teacher, moved to them as well as a linear map can, is 4.6 %
  off on the same people held back. Faces turned by over 30 degrees are few and read worse.
- The pitch called 0 is a convention: that of the median portrait. Other mean faces differ by up to
  7 degrees.
- Gaze was never measured by anybody: it is what another network says, whose own error is 7 degrees
  by its makers; of a face and its mirror image it says things that differ by 8. Portraits are taken
  to look into the lens rather than nearly so. With sunglasses gaze is a guess from the head. Faces
  of 60 pixels, turned but looking into the lens, are still given part of their turn (asl_book: 5 of
  11 degrees).
- Whether eyes are open was judged by the mesh, too; eyes narrowed by a laugh were left out.
- Masked faces were shown as faces to be seen, without points: expect them to be poor there.
- UTKFace represents children from 5 to 14, people over 80 and dark skin badly; head coverings and
  glasses are not labelled and were not measured."""


def write_card(
    path: Path,
    engine: TfliteEngine,
    faces: Faces,
    *,
    figures: Mapping[str, float],
    of_float: Mapping[str, float],
    references: Errors,
    clips: Mapping[str, Mapping[str, float]],
    portraits: Faces,
    visible: Mapping[str, tuple[int, float]],
) -> None:
    """Everything that was measured on the int8 file; `faces` are those held back."""
    told, points = answers(engine, list(faces.images))
    errors = errors_between(points, heads_of(told), faces.points)
    others = ((name, _errors_of(engine, seen)) for name, seen in seen_otherwise(faces))
    eyes = np.array([answer.eyes_open for answer in told])
    actual, stated = actual_errors(told, points, faces), stated_errors(told)
    card.write(
        path,
        HEAD,
        DATA,
        METHOD,
        "## Figures\n\nOf the int8 file on the people held back, through the daemon's engine:",
        card.table(("figure", "value"), card.rounded(figures).items()),
        f"The float network, at one look: points {of_float['nme']:.2%}, yaw {of_float['yaw']:.2f},"
        f" pitch {of_float['pitch']:.2f}, roll {of_float['roll']:.2f} degrees.",
        "Beside the networks of the Open Model Zoo on the same crops, each in the part of them in"
        " which it does best:",
        card.table(
            ("network", *COLUMNS),
            [
                _row("this one", errors),
                _row(
                    "landmarks-regression-retail-0009, head-pose-estimation-adas-0001", references
                ),
            ],
        ),
        "By the head's yaw, degrees, and as seen by other cameras and detectors:",
        card.table(("faces", *COLUMNS), [*_by_yaw(errors, faces), *(_row(*one) for one in others)]),
        f"Eyes: {_eyes(eyes, faces)}",
        "Said to be faces that can be seen, of scenes held back:",
        card.table(
            ("crops", "n", "visible"),
            ((kind, count, f"{share:.1%}") for kind, (count, share) in visible.items()),
        ),
        "What the stated errors are worth: faces from the surest fifth to the least sure, as"
        " stated; each the mean error, stated and actual:",
        card.table(("of", *(f"fifth {i}" for i in range(1, 6))), _by_certainty(stated, actual)),
        "By origin, as UTKFace has it, beside the mesh teacher; only the last two stages did not"
        " learn from these faces, so rather the differences between the rows tell something:",
        card.table(("origin", "faces", "points", "yaw, degrees"), _origins(engine, portraits)),
        "On clips, none of which was trained on: correlation of the gaze with gaze-estimation-"
        "adas-0002; that of this network with itself made symmetric, which is what a perfect"
        " imitation would reach that knows that left and right are alike; frames within 0.15 rad of"
        " the lens; and jitter of still faces from frame to frame (points by the width of the face;"
        " head and gaze in degrees):",
        card.table(("clip", *CLIP_COLUMNS.values()), _clips(clips)),
        WEAK,
    )


REFERENCES = "landmarks-regression-retail-0009, head-pose-estimation-adas-0001"
COLUMNS = ("n", "points", "yaw", "pitch", "roll")
CLIP_COLUMNS = {
    "faces": "faces",
    "gaze_yaw_correlation": "yaw",
    "gaze_pitch_correlation": "pitch",
    "symmetric_reference_yaw_correlation": "symmetric reference: yaw",
    "symmetric_reference_pitch_correlation": "pitch ",
    "into_lens": "into the lens",
    "into_lens_reference": "the reference's",
    "points_jitter": "jitter: points",
    "head_jitter_deg": "head",
    "gaze_jitter_deg": "gaze",
}


def seen_otherwise(faces: Faces) -> Iterator[tuple[str, tuple[Faces, Sequence[Box]]]]:
    """The same faces from afar, in less light, in looser boxes, and turned, with their boxes."""
    usual = [face_box(*image.shape[1::-1]) for image in faces.images]

    def through(change: Callable[[Grey], Grey]) -> Faces:
        return replace(faces, images=[change(image) for image in faces.images])

    yield "face of 40 pixels", (through(lambda image: _shrunk(image, 40)), usual)
    yield "face of 24 pixels", (through(lambda image: _shrunk(image, 24)), usual)
    yield (
        "a fifth of the light",
        (
            through(lambda image: np.round(image * 0.2).astype(np.uint8)),
            usual,
        ),
    )
    yield "box a sixth larger", (faces, [box.grown(7 / 6) for box in usual])
    yield "box moved by a twelfth", (faces, [box.moved(box.width / 12, 0) for box in usual])
    yield "turned by 30 degrees", (_turned(faces, 30), usual)


def _errors_of(engine: TfliteEngine, seen: tuple[Faces, Sequence[Box]]) -> Errors:
    faces, boxes = seen
    told, points = answers(engine, list(faces.images), list(boxes))
    return errors_between(points, heads_of(told), faces.points)


def _row(name: str, errors: Errors, chosen: npt.NDArray[np.bool_] | None = None) -> list[object]:
    which = np.ones(len(errors.points), bool) if chosen is None else chosen
    angles = np.degrees(errors.head[which].mean(0))
    off = errors.points[which].mean()
    return [name, int(which.sum()), f"{off:.2%}", *(f"{angle:.2f}" for angle in angles)]


def _by_yaw(errors: Errors, faces: Faces) -> Iterator[list[object]]:
    yaw = np.degrees(np.abs(faces.head[:, 0]))
    for low, high in YAW_BANDS:
        yield _row(f"yaw {low} - {high}", errors, (yaw >= low) & (yaw < high))


def _eyes(told: Array, faces: Faces) -> str:
    known = np.isfinite(faces.eyes_open)
    is_open = faces.eyes_open[known] > 0.5
    said = told[known] > 0.5
    return (
        f"{(said == is_open).mean():.2%} right on {known.sum()} faces held back, by the mesh;"
        f" of the {is_open.sum()} open {said[is_open].mean():.2%}, of the {(~is_open).sum()} closed"
        f" {(~said[~is_open]).mean():.2%}."
    )


def _by_certainty(stated: Mapping[str, Array], actual: Mapping[str, Array]) -> Iterator[list[str]]:
    for name, unit in (("points", 1.0), ("head", 180 / np.pi), ("gaze", 180 / np.pi)):
        known = np.isfinite(actual[name])
        order = np.argsort(stated[name][known])
        fifths = np.array_split(order, 5)
        for kind, errors in (("stated", stated[name][known]), ("actual", actual[name][known])):
            label = f"{name}, {kind}" + ("" if unit == 1 else ", degrees")
            digits = 3 if unit == 1 else 1
            yield [label, *(f"{errors[part].mean() * unit:.{digits}f}" for part in fifths)]


def _origins(engine: TfliteEngine, portraits: Faces) -> Iterator[list[object]]:
    boxes = [box_about(points) for points in portraits.points]
    told, points = answers(engine, list(portraits.images), boxes)
    true = five_of(portraits.points.astype(np.float64))
    unit = np.linalg.norm(true[:, 1] - true[:, 0], axis=1)
    off = np.linalg.norm(points - true, axis=2).mean(1) / unit
    yaw = np.degrees(np.abs(heads_of(told)[:, 0] - portraits.head[:, 0]))
    origins = np.array(
        [
            name.split("_")[2] if name.count("_") > 2 else ""
            for name in (Path(name).name for name in portraits.names)
        ]
    )
    for code, origin in ORIGINS.items():
        which = origins == code
        if which.sum() >= FEWEST:
            yield [origin, int(which.sum()), f"{off[which].mean():.2%}", f"{yaw[which].mean():.2f}"]


def _clips(clips: Mapping[str, Mapping[str, float]]) -> Iterator[list[object]]:
    for name, figures in clips.items():
        yield [name, *(_shown(figures.get(key)) for key in CLIP_COLUMNS)]


def _shown(value: float | None) -> object:
    if value is None or isinstance(value, int):
        return "" if value is None else value
    return f"{value:.3f}"


def _shrunk(image: Grey, side: int) -> Grey:
    """The picture with its face `side` pixels large, enlarged again."""
    height, width = image.shape[:2]
    scale = side / face_box(width, height).width
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height)), np.uint8)


def _turned(faces: Faces, degrees: float) -> Faces:
    """Pictures turned clockwise about their middle, points with them."""
    images, points = [], []
    for image, marked in zip(faces.images, faces.points, strict=True):
        middle = (image.shape[1] / 2, image.shape[0] / 2)
        pixels = (middle[0] - 0.5, middle[1] - 0.5)
        matrix = cv2.getRotationMatrix2D(pixels, -degrees, 1.0)
        images.append(
            np.asarray(
                cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE),
                np.uint8,
            )
        )
        points.append((marked - middle) @ matrix[:, :2].T + middle)
    return replace(faces, images=images, points=np.array(points, np.float32))
