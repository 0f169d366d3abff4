"""Scenes with people: labels of several makers, made one, and what none of them says.

The sets label different things: `complete` names the classes that an image labels exhaustively.
Where a class is not, faces come from the teacher; what stays unknown is an ignored region, in
which the network learns nothing about that class.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.perception.corners import iou
from training.data import decode
from training.people.pseudo_faces import TeacherFaces

FACE, HEAD, BODY = 0, 1, 2
CLASSES = {"face": FACE, "masked_face": FACE, "head": HEAD, "person": BODY}
GROUPS = ("crowd", "street", "people", "room", "station")
HELD_BACK_SHARE = 0.12
BACK_OF_HEAD_SIDE = 14.0
"""Pixels of the picture from which a labelled head in which the teacher suspects no face, at any
scale, is one from behind or above; a smaller one may have a face that it did not see."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One picture and what is known of the people in it, in its pixels.

    `image` is uint8 (h, w, 3) in BGR. `boxes` (n, 4) are left, top, right, bottom; `classes` (n,)
    are FACE, HEAD or BODY; `points` (n, 5, 2) as in `TeacherFaces`, NaN where not known;
    `masked` (n,) tells labelled masked faces. `ignored` (m, 5) are regions of which nothing is
    said: class, left, top, right, bottom. `complete` names the exhaustively labelled classes.
    """

    name: str
    group: str
    image: npt.NDArray[np.uint8]
    boxes: Array
    classes: npt.NDArray[np.int64]
    points: Array
    masked: npt.NDArray[np.bool_]
    ignored: Array
    complete: frozenset[int]


def read_labels(path: Path) -> list[dict[str, Any]]:
    """The records of a labels file, one JSON object per line."""
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def is_held_back(record: Mapping[str, Any]) -> bool:
    """Whether a picture is kept for validation: decided by its place, the same in every run."""
    return _digest(place_of(record))[0] < HELD_BACK_SHARE * 256


def place_of(record: Mapping[str, Any]) -> str:
    """Where a picture was taken: those of one video or camera that lie close together share it, so
    that neighbours are not on both sides of a split."""
    source, group = str(record["source"]), str(record["group"])
    numbers = re.findall(r"\d+", source)
    place = source
    if group == "station":
        place = str(int(numbers[0]) // 32)
    elif group in ("room", "people") and numbers:
        stem = re.sub(r"\d+(?=\D*$)", "", source)
        window = 20 if group == "room" else 8
        number = int(numbers[-1])
        place = f"{stem}/{number // (window if number < 10_000 else window * 100)}"
    return f"{group}/{place}"


def in_halves(
    records: Sequence[Mapping[str, Any]],
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The pictures in two halves, as equal as their places allow, the same in every run."""
    of_place: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        of_place.setdefault(place_of(record), []).append(record)
    first: list[Mapping[str, Any]] = []
    second: list[Mapping[str, Any]] = []
    for place in sorted(of_place, key=_digest):
        (second if len(second) < len(first) else first).extend(of_place[place])
    return first, second


def _digest(place: str) -> bytes:
    return hashlib.sha256(place.encode()).digest()


def labelled_scene(record: Mapping[str, Any], image: npt.NDArray[np.uint8]) -> Scene:
    """The picture with its own labels alone."""
    objects = record["objects"]
    boxes = np.array([o["box"] for o in objects], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return Scene(
        name=record["file"],
        group=record["group"],
        image=image,
        boxes=boxes,
        classes=np.array([CLASSES[o["class"]] for o in objects], np.int64),
        points=np.full((len(objects), 5, 2), np.nan, np.float32),
        masked=np.array([o["class"] == "masked_face" for o in objects], np.bool_),
        ignored=np.zeros((0, 5), np.float32),
        complete=_complete(record["complete"]),
    )


def taught(scene: Scene, teacher: TeacherFaces | None) -> Scene:
    """The picture with the teacher's faces and points, and with its unknown regions marked."""
    height, width = scene.image.shape[:2]
    ignored = [
        [float(kind), 0.0, 0.0, float(width), float(height)]
        for kind in (HEAD, BODY)
        if kind not in scene.complete
    ]
    boxes, classes = scene.boxes, scene.classes
    points, masked = scene.points.copy(), scene.masked
    if FACE in scene.complete:
        if teacher is not None:
            ignored += _lend_points(scene, teacher, points)
    elif teacher is None:
        ignored.append([float(FACE), 0.0, 0.0, float(width), float(height)])
    else:
        sure, doubtful = teacher.sure, teacher.doubtful
        boxes = np.concatenate([boxes, teacher.boxes[sure]])
        classes = np.concatenate([classes, np.full(sure.sum(), FACE, np.int64)])
        points = np.concatenate([points, teacher.points[sure]])
        masked = np.concatenate([masked, np.zeros(sure.sum(), np.bool_)])
        ignored += [[float(FACE), *box] for box in teacher.boxes[doubtful].tolist()]
        ignored += [[float(FACE), *box] for box in _heads_that_may_show_a_face(scene, teacher)]
    return Scene(
        scene.name,
        scene.group,
        scene.image,
        boxes,
        classes,
        points,
        masked,
        np.array(ignored, np.float32).reshape(-1, 5),
        scene.complete,
    )


def face_only_scene(
    name: str, group: str, image: npt.NDArray[np.uint8], teacher: TeacherFaces
) -> Scene | None:
    """A face chip as a picture of one face; None where the teacher is not sure of exactly one."""
    if teacher.sure.sum() != 1:
        return None
    height, width = image.shape[:2]
    nothing = Scene(
        name,
        group,
        image,
        np.zeros((0, 4), np.float32),
        np.zeros((0,), np.int64),
        np.zeros((0, 5, 2), np.float32),
        np.zeros((0,), np.bool_),
        np.zeros((0, 5), np.float32),
        frozenset(),
    )
    found = taught(nothing, teacher)
    inside = np.array([0, 0, width, height], np.float32)
    box = found.boxes[0]
    clipped = np.concatenate([np.maximum(box[:2], inside[:2]), np.minimum(box[2:], inside[2:])])
    found.boxes[0] = clipped
    return found


def some_faces(
    scene: Scene, smallest_side: float, share: float, random: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Which boxes (n,) are faces of at least that geometric mean side and among this share of
    them, which is drawn."""
    sides = np.sqrt((scene.boxes[:, 2:] - scene.boxes[:, :2]).prod(axis=1))
    large = (scene.classes == FACE) & (sides >= smallest_side)
    return np.asarray(large & (random.random(len(large)) < share))


def read_scenes(
    records: Sequence[Mapping[str, Any]], images: Path, teacher: Mapping[str, TeacherFaces]
) -> list[Scene]:
    """The scenes of a zip, with what the teacher found in them."""
    with zipfile.ZipFile(images) as archive:
        members = {Path(name).name: name for name in archive.namelist()}
        return [
            taught(
                labelled_scene(
                    record, decode(archive.read(members[record["file"]]), record["file"])
                ),
                teacher.get(record["file"]),
            )
            for record in records
        ]


def read_face_chips(
    images: Path, group: str, teacher: Mapping[str, TeacherFaces], padding: float
) -> list[Scene]:
    """Face chips of a zip as scenes; the teacher saw them with `padding` of their height added."""
    scenes = []
    with zipfile.ZipFile(images) as archive:
        for name, faces in teacher.items():
            image = decode(archive.read(name), name, cv2.IMREAD_COLOR)
            border = int(image.shape[0] * padding)
            moved = TeacherFaces(
                faces.boxes - border, faces.points - border, faces.scores, faces.looks
            )
            scene = face_only_scene(name, group, image, moved)
            if scene is not None:
                scenes.append(scene)
    return scenes


def _heads_that_may_show_a_face(scene: Scene, teacher: TeacherFaces) -> list[list[float]]:
    heads = scene.boxes[scene.classes == HEAD]
    middles = (teacher.boxes[:, :2] + teacher.boxes[:, 2:]) / 2
    inside = (middles[None] > heads[:, None, :2]) & (middles[None] < heads[:, None, 2:])
    small = np.sqrt((heads[:, 2:] - heads[:, :2]).prod(axis=1)) < BACK_OF_HEAD_SIDE
    boxes: list[list[float]] = heads[small | inside.all(axis=2).any(axis=1)].tolist()
    return boxes


def _complete(names: Sequence[str]) -> frozenset[int]:
    """Faces are complete only where masked and bare ones both are."""
    kinds = {CLASSES[name] for name in names}
    if not {"face", "masked_face"} <= set(names):
        kinds.discard(FACE)
    return frozenset(kinds)


def _lend_points(scene: Scene, teacher: TeacherFaces, points: Array) -> list[list[float]]:
    """Fill `points` of labelled faces from the teacher's; return its sure faces without a label."""
    faces = np.flatnonzero(scene.classes == FACE)
    unlabelled = []
    for number in np.flatnonzero(teacher.scores >= 0.4):
        overlap = iou(teacher.boxes[number : number + 1], scene.boxes[faces])[0]
        if overlap.size and overlap.max() >= 0.4:
            points[faces[overlap.argmax()]] = teacher.points[number]
        elif teacher.sure[number]:
            unlabelled.append([float(FACE), *teacher.boxes[number].tolist()])
    return unlabelled
