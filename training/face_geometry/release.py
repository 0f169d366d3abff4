"""From the trained geometry network to the file, its calibration, its figures and its card."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from edge_agent.devices.manifest import find_model
from edge_agent.devices.tflite import TfliteEngine
from training.card import rounded
from training.export import export_int8
from training.face_geometry.agreement import error_scales
from training.face_geometry.card import write_card
from training.face_geometry.clips import LENS_RAD, measure_clips
from training.face_geometry.evaluate import (
    box_about,
    crop_of,
    measure,
    read_images,
    reference_errors,
)
from training.face_geometry.labels import Faces, Split
from training.face_geometry.network import OUTPUTS, SIDE, FaceGeometryNet, eye_distances
from training.face_geometry.samples import (
    CROP_SHIFT_DOWN,
    CROP_SIDE,
    MILD,
    CropAugmentation,
    five_of,
)
from training.face_geometry.visibility import visible_shares
from training.publish import describe, publish

NAME = "face_geometry"
DATA = "YouTube Faces key points, UTKFace, scene faces; taught by MediaPipe and Open Model Zoo"
LICENCE = "UTKFace: non-commercial research use; the others: MIT, Apache-2.0, CC BY 4.0, CC0"
RANGE_FACES = 600
FIT_LOOKS, FIT_RIDGE = 3, 300.0
"""How often each labelled face is drawn for the last fit, and how far that is held back."""
CLIP_FRAMES = 150
TURNED_RAD = (0.17, 0.44)
"""Yaw of the turned portraits whose looks into the lens are counted: 10 to 25 degrees."""
SPLIT_NAME = "persons held back from landmarks"

Array = npt.NDArray[np.floating]


def plain_crops(faces: Faces) -> tuple[torch.Tensor, Array]:
    """Labelled faces as evaluations cut them: images (n, 1, 96, 96), points in shares of them."""
    images, shares = [], []
    for image, points in zip(faces.images, faces.points, strict=True):
        crop, square = crop_of(image, SIDE, box_about(points))
        images.append(crop)
        shares.append((points - [square.x, square.y]) / square.width)
    return torch.from_numpy(np.stack(images)[:, None]), np.array(shares, np.float64)


def publish_model(trained: FaceGeometryNet, split: Split, data: Path, folder: Path) -> None:
    """Quantize, calibrate and measure the trained network, and put it into the manifest."""
    file = folder / f"{NAME}.tflite"
    lie_right = as_labelled(trained, split.labelled)
    fit_points(trained, split.labelled, lie_right)
    of_float = errors_of(trained, split.validation, plain_crops(split.validation))
    export_int8(trained, torch.zeros(1, 1, SIDE, SIDE), shown_faces(split), file)
    entry = describe(
        file,
        task=NAME,
        channels="grey",
        outputs=OUTPUTS,
        labels=(),
        parameters={
            "crop_side": CROP_SIDE,
            "crop_shift_down": CROP_SHIFT_DOWN,
            "points_lie_right": round(lie_right, 4),
            "points_error_scale": 1.0,
            "head_error_scale": 1.0,
            "gaze_error_scale": 1.0,
        },
        data=DATA,
        licence=LICENCE,
        figures={},
    )
    publish(NAME, entry, folder)
    entry["parameters"] |= error_scales(find_model(NAME, folder), split.calibration)
    publish(NAME, entry, folder)
    model = find_model(NAME, folder)
    _, figures = measure(model, list(split.validation.images), split.validation.points)
    entry["figures"] = {"split": SPLIT_NAME, **rounded(figures)}
    publish(NAME, entry, folder)
    print(f"{file}: {entry['figures']} {entry['parameters']}", flush=True)
    colour = read_images(data / "landmarks" / "train.zip", split.validation.names)
    write_card(
        folder / "cards" / f"{NAME}.md",
        TfliteEngine(model),
        split.validation,
        figures=figures,
        of_float=of_float,
        references=reference_errors(data / "teachers", colour, split.validation.points),
        clips=measure_clips(model, data, CLIP_FRAMES),
        visible=visible_shares(TfliteEngine(model), data),
        portraits=split.portraits,
    )


def as_labelled(network: FaceGeometryNet, faces: Faces) -> float:
    """Move the points of a network, in place, to where the labels of these faces lie on average:
    they are off to one side, which mirrored faces do not let it learn. Returns how far to the
    right, in shares of the crop's side."""
    images, shares = plain_crops(faces)
    told = _told(network.cpu().eval(), images)[0]
    off = np.median(five_of(shares).reshape(len(shares), -1) - told, axis=0)
    with torch.no_grad():
        network.points.bias += torch.from_numpy(off).to(network.points.bias)
    return float(off[::2].mean())


@torch.no_grad()
def fit_points(network: FaceGeometryNet, faces: Faces, lie_right: float) -> None:
    """Fit the layer that tells the points, in place, to the labels of these faces as detectors and
    cameras deliver them: ridge regression of what it is off by, weighted by the distance between
    the eyes. `lie_right` is what `as_labelled` returned."""
    random, augment = np.random.default_rng(5), replace(MILD, cover=0.0, hide=0.0)
    inside: list[torch.Tensor] = []
    off, weights = [], []
    for start in np.tile(np.arange(0, len(faces), 128), FIT_LOOKS):
        numbers = range(start, min(start + 128, len(faces)))
        drawn = [augment.face(faces, number, faces.images[number], random) for number in numbers]
        images = torch.from_numpy(np.stack([crop for crop, _ in drawn])[:, None]).float() / 255
        inside.append(network.features(images).flatten(1).double())
        labelled = torch.from_numpy(five_of(np.stack([target.points for _, target in drawn])))
        labelled[..., 0] += lie_right
        off.append(labelled.flatten(1) - network.points(inside[-1].float()))
        weights.append(1 / eye_distances(labelled))
    factors, wanted, weight = torch.cat(inside), torch.cat(off), torch.cat(weights)[:, None]
    middle, spread = factors.mean(0), factors.std(0) + 1e-2
    factors = torch.cat([(factors - middle) / spread, torch.ones(len(factors), 1)], 1)
    held_back = torch.diag(torch.tensor([FIT_RIDGE] * len(middle) + [0.0]).double())
    weighted = factors * weight**2 / (weight**2).mean()
    change = torch.linalg.solve(weighted.T @ factors + held_back, weighted.T @ wanted)
    slope = change[:-1] / spread[:, None]
    network.points.weight += slope.T.float()
    network.points.bias += (change[-1] - middle @ slope).float()


def shown_faces(split: Split) -> Iterator[npt.NDArray[np.float32]]:
    """Inputs of the file from training data, as different as the daemon may see them."""
    random = np.random.default_rng(6)
    augment = CropAugmentation(side=SIDE, cover=0.05, hide=0.0)
    for faces in (split.training, split.taught["utkface"]):
        for number in random.permutation(len(faces))[: RANGE_FACES // 2]:
            crop, _ = augment.face(faces, int(number), faces.images[number], random)
            yield crop[None, :, :, None].astype(np.float32) / 255


def errors_of(
    model: nn.Module, faces: Faces, crops: tuple[torch.Tensor, Array]
) -> dict[str, float]:
    """Of the float network on plain crops of labelled faces; angles in degrees."""
    images, shares = crops
    points, head, gaze, _, logits = _told(model, images)
    true = five_of(shares)
    unit = np.linalg.norm(true[:, 1] - true[:, 0], axis=1)
    off = np.linalg.norm(points.reshape(-1, 5, 2) - true, axis=2).mean(1) / unit
    angles = np.degrees(np.abs(head - faces.head).mean(0))
    known = np.isfinite(faces.eyes_open)
    looks = np.isfinite(faces.gaze[:, 0])
    gaze_off = np.degrees(np.abs(gaze - faces.gaze)[looks].mean(0))
    right = (logits[known, 0] > 0) == (faces.eyes_open[known] > 0.5)
    return {
        "nme": float(off.mean()),
        "yaw": float(angles[0]),
        "pitch": float(angles[1]),
        "roll": float(angles[2]),
        "gaze_yaw": float(gaze_off[0]),
        "gaze_pitch": float(gaze_off[1]),
        "eyes": float(right.mean()),
    }


def lens_shares(model: nn.Module, portraits: Faces, images: torch.Tensor) -> dict[str, float]:
    """Of portraits with open eyes, whose people mostly look into the lens, those said to do so: of
    all, and of those whose heads are turned."""
    gaze = _told(model, images)[2]
    into = np.hypot(*gaze.T) < LENS_RAD
    looks = portraits.eyes_open == 1
    yaw = np.abs(portraits.head[:, 0])
    turned = looks & (yaw > TURNED_RAD[0]) & (yaw < TURNED_RAD[1])
    return {"into_lens": float(into[looks].mean()), "turned": float(into[turned].mean())}


@torch.no_grad()
def _told(model: nn.Module, images: torch.Tensor) -> list[Array]:
    """The answers to crops (n, 1, 96, 96) uint8, in the order of the network's outputs."""
    target = next(model.parameters()).device
    answers: list[list[torch.Tensor]] = []
    for part in images.split(128):
        pixels = part.to(target).float() / 255
        answers.append(list(model(pixels.contiguous(memory_format=torch.channels_last))))
    return [torch.cat(parts).float().cpu().numpy() for parts in zip(*answers, strict=True)]
