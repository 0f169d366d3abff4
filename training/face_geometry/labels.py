"""All faces that the geometry is learned from, each with what is known of it.

What the labels of `landmarks` do not say, and all of the other sets, comes from the teachers:
points from the mesh as the labellers would have put them, gaze from the gaze network and the
irises, open eyes from the lids of the mesh, the smile from its mouth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.devices.manifest import find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.observation import Emotion
from edge_agent.perception.expression import ExpressionReader
from training.face_geometry.chips import read_chips, read_points
from training.face_geometry.eyelids import CLOSED_RATIO, OPEN_RATIO, aspect_ratios
from training.face_geometry.gaze_teacher import Gazes
from training.face_geometry.head_pose import solved
from training.face_geometry.irises import IRISES, IrisGaze
from training.face_geometry.kept import keep, kept
from training.face_geometry.mesh_convention import Convention
from training.face_geometry.mesh_teacher import MESH_GROUPS
from training.face_geometry.meshes import Meshes
from training.face_geometry.smiles import Smiles

Grey = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float32]

SPLIT_SEED = 11
VALIDATION_PERSONS = 36
CALIBRATION_PERSONS = 20
"""Of the 287 of `landmarks`."""
STRAIGHT_RAD = 0.14
"""Head yaw and pitch up to which a portrait of `utkface` counts as one of a look into the lens."""
POSED_RAD = 0.25
"""Deviation of a gaze from the lens from which it is believed of somebody who poses for a portrait:
the teacher's error is 9 degrees (Open Model Zoo says 7)."""
MESH_PART = 0.75
"""Part of the mesh in the points of the faces of `landmarks` that are trained on."""
IRIS_PART = np.array([1.0, 0.7], np.float32)
"""Part of the irises in the gaze's yaw and pitch; the gaze network has the rest."""
PORTRAITS_HELD_BACK = 20
"""Every so manieth portrait is not learned from (from the seventh stage on)."""
SMILE_FACES = 3000


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """n faces: `images` in grey, of any size, and what is known of them, NaN where nothing is.

    `points` (n, 68, 2) in pixels of the image, whose upper left pixel covers [0, 1) x [0, 1);
    `head` (n, 3), `gaze` (n, 2) in radian; `eyes_open` and `smile` (n,) in [0, 1]; `persons` (n,)
    are those of `landmarks`, -1 in other sets; `meshes` (n, 478, 3) those of the teacher, and
    `lids` (n, 2) the aspect ratios of their eyes; `irises` (n, 2, 2) in pixels, of open eyes.
    """

    names: tuple[str, ...]
    images: Sequence[Grey]
    points: Array
    head: Array
    gaze: Array
    eyes_open: Array
    smile: Array
    persons: npt.NDArray[np.intp]
    meshes: Array
    lids: Array
    irises: Array

    def __len__(self) -> int:
        return len(self.names)

    def chosen(self, which: npt.NDArray[np.intp]) -> Faces:
        """The faces at these indices."""
        arrays = [f.name for f in fields(self) if f.name not in ("names", "images")]
        return Faces(
            tuple(self.names[i] for i in which),
            [self.images[i] for i in which],
            **{name: getattr(self, name)[which] for name in arrays},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """`landmarks` by persons, and the other sets for training; `labelled` is `training` as it was
    labelled, without the mesh's part; `portraits` are those of `utkface` that are held back,
    labelled by the teachers."""

    training: Faces
    labelled: Faces
    calibration: Faces
    validation: Faces
    taught: dict[str, Faces]
    portraits: Faces


@dataclass(frozen=True, slots=True, eq=False)
class Knowledge:
    """What chips are labelled by: regressions from the mesh, and by the names of `landmarks` their
    68 points and persons."""

    convention: Convention
    smiles: Smiles
    labelled: dict[str, Array]
    person: dict[str, int]


def persons_of(persons: npt.NDArray[np.intp]) -> tuple[set[int], set[int]]:
    """Which persons of `landmarks` measure, and which calibrate; the same in every run."""
    order = np.random.default_rng(SPLIT_SEED).permutation(np.unique(persons)).tolist()
    last = VALIDATION_PERSONS + CALIBRATION_PERSONS
    return set(order[:VALIDATION_PERSONS]), set(order[VALIDATION_PERSONS:last])


def read_split(data: Path, run: Path) -> Split:
    """Everything, from the data sets and what the teachers said of them in `run`."""
    names, persons, points = read_points(data / "landmarks" / "train.jsonl")
    meshes = {group: Meshes.read(run / f"mesh-{group}.npz") for group in MESH_GROUPS}
    held_back, calibrating = persons_of(persons)
    learned = ~np.isin(persons, list(held_back | calibrating))
    knowledge = Knowledge(
        convention=_convention(names, points, learned, meshes["landmarks"]),
        smiles=_smiles(data, meshes["utkface"]),
        labelled=dict(zip(names, points, strict=True)),
        person=dict(zip(names, persons.tolist(), strict=True)),
    )
    groups = {group: _faces(data, group, meshes[group], run, knowledge) for group in MESH_GROUPS}
    _join_irises(groups)
    offset = _lens_offset(groups["utkface"])
    print(f"told of looks into the lens: {np.degrees(offset).round(2)} degrees", flush=True)
    for faces in groups.values():
        faces.gaze[:] -= offset
    groups["utkface"].gaze[:] = _posed(groups["utkface"].gaze)
    known, portraits = groups.pop("landmarks"), groups.pop("utkface")
    held = np.arange(len(portraits)) % PORTRAITS_HELD_BACK == 0
    groups["utkface"] = portraits.chosen(np.flatnonzero(~held))
    validating = np.isin(known.persons, list(held_back))
    calibration = np.isin(known.persons, list(calibrating))
    labelled = known.chosen(np.flatnonzero(~validating & ~calibration))
    return Split(
        training=_denoised(labelled, knowledge),
        labelled=labelled,
        calibration=known.chosen(np.flatnonzero(calibration)),
        validation=known.chosen(np.flatnonzero(validating)),
        taught=groups,
        portraits=portraits.chosen(np.flatnonzero(held)),
    )


def _convention(
    names: list[str], points: Array, learned: npt.NDArray[np.bool_], meshes: Meshes
) -> Convention:
    place = {name: number for number, name in enumerate(meshes.names)}
    both = [i for i in np.flatnonzero(learned) if names[i] in place]
    there = meshes.points[[place[names[i]] for i in both]].astype(np.float64)
    return Convention.between(there, points[both].astype(np.float64))


def _smiles(data: Path, meshes: Meshes) -> Smiles:
    """Fitted to what the expression model says of every so manieth portrait."""
    reader = ExpressionReader(TfliteEngine(find_model("expression")))
    place = {name: number for number, name in enumerate(meshes.names)}
    step = max(len(place) // SMILE_FACES, 1)
    wanted = set(meshes.names[::step])
    happiness, chosen = [], []
    for name, chip in read_chips(data, "utkface"):
        if name in wanted:
            small = cv2.resize(cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY), (48, 48), None, 0, 0, 3)
            said = reader.probabilities(np.asarray(small, np.uint8))
            happiness.append(said[tuple(Emotion).index(Emotion.HAPPINESS)])
            chosen.append(place[name])
    return Smiles.between(meshes.points[chosen].astype(np.float64), np.array(happiness))


def _faces(
    data: Path,
    group: str,
    meshes: Meshes,
    run: Path,
    knowledge: Knowledge,
) -> Faces:
    images = {
        name: np.asarray(cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY), np.uint8)
        for name, chip in read_chips(data, group)
    }
    cache = run / f"labels-{group}.npz"
    if not cache.exists():
        table = _table(tuple(images), meshes, Gazes.read(run / f"gaze-{group}.npz"), knowledge)
        keep(cache, **table)
    table = kept(cache)
    names = tuple(table.pop("names").tolist())
    table["lids"] = aspect_ratios(table["meshes"].astype(np.float64)).astype(np.float32)
    irises = table["meshes"][:, list(IRISES), :2]
    table["irises"] = np.where((table["eyes_open"] == 1)[:, None, None], irises, np.nan)
    return Faces(names, [images[name] for name in names], **table)


def _table(
    given: tuple[str, ...], meshes: Meshes, gazes: Gazes, knowledge: Knowledge
) -> dict[str, npt.NDArray[np.generic]]:
    """All that `Faces` has but the images, of those that something is known of."""
    labelled = knowledge.labelled
    place = {name: number for number, name in enumerate(meshes.names)}
    looked = {name: number for number, name in enumerate(gazes.names)}
    names = tuple(name for name in given if name in place or name in labelled)
    count = len(names)
    mesh = np.full((count, 478, 3), np.nan, np.float32)
    seen = np.array([name in place for name in names])
    mesh[seen] = meshes.points[[place[name] for name in names if name in place]]
    points = np.full((count, 68, 2), np.nan)
    points[seen] = knowledge.convention.points(mesh[seen].astype(np.float64))
    open_eyes, smile = np.full((2, count), np.nan, np.float32)
    ratios = aspect_ratios(mesh.astype(np.float64)).mean(1)
    open_eyes[ratios >= OPEN_RATIO] = 1
    open_eyes[ratios <= CLOSED_RATIO] = 0
    smile[seen] = knowledge.smiles.degrees(mesh[seen].astype(np.float64))
    gaze = np.full((count, 2), np.nan, np.float32)
    for number, name in enumerate(names):
        if name in labelled:
            points[number] = labelled[name]
        if name in looked:
            gaze[number] = gazes.gaze[looked[name]]
    gaze[~(open_eyes == 1)] = np.nan
    return {
        "names": np.array(names),
        "points": points.astype(np.float32),
        "head": np.array([solved(p) for p in points], np.float32),
        "gaze": gaze,
        "eyes_open": open_eyes,
        "smile": smile,
        "persons": np.array([knowledge.person.get(name, -1) for name in names], np.intp),
        "meshes": mesh,
    }


def _denoised(faces: Faces, knowledge: Knowledge) -> Faces:
    """Most of each label from the mesh: the labels are a tracker's, and err now here, now there."""
    seen = np.isfinite(faces.meshes[:, 0, 0])
    told = knowledge.convention.points(faces.meshes[seen].astype(np.float64))
    points, head = faces.points.copy(), faces.head.copy()
    points[seen] += MESH_PART * (told - points[seen])
    head[seen] = [solved(face) for face in points[seen].astype(np.float64)]
    return replace(faces, points=points, head=head)


def _join_irises(groups: dict[str, Faces]) -> None:
    """Blend what the gaze network says, where it was asked, with what the irises say."""
    portraits = groups["utkface"]
    both = np.isfinite(portraits.gaze).all(1)
    irises = IrisGaze.between(
        portraits.meshes[both].astype(np.float64),
        portraits.head[both].astype(np.float64),
        portraits.gaze[both].astype(np.float64),
    )
    print(f"gaze by head and irises: {irises.yaw.round(2)}, {irises.pitch.round(2)}", flush=True)
    for faces in groups.values():
        told = irises.gaze(faces.meshes.astype(np.float64), faces.head.astype(np.float64))
        asked = np.isfinite(faces.gaze)
        blended = np.where(asked, IRIS_PART * told + (1 - IRIS_PART) * faces.gaze, told)
        faces.gaze[:] = np.where((faces.eyes_open == 1)[:, None], blended, np.nan)


def _lens_offset(portraits: Faces) -> Array:
    """What the teacher says on average of people who look into the lens."""
    straight = (np.abs(portraits.head[:, :2]) < STRAIGHT_RAD).all(1)
    told = portraits.gaze[straight & np.isfinite(portraits.gaze).all(1)]
    offset = np.median(told, axis=0)
    return np.array([0.0, offset[1]], np.float32)


def _posed(gaze: Array) -> Array:
    """Gaze (n, 2) of people who pose: a small deviation is rather the teacher's error."""
    size = np.hypot(*gaze.T)[:, None]
    return np.asarray(gaze * np.minimum(size / POSED_RAD, 1), np.float32)
