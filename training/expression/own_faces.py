"""A folder of pictures, in one sub-folder per emotion, as faces to learn from."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_agent.devices import clock
from edge_agent.devices.images import IMAGE_ENDINGS, Image, read_image
from edge_agent.devices.manifest import find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.errors import InputError
from edge_agent.domain.frame import Frame
from edge_agent.domain.geometry import Box
from edge_agent.domain.observation import Emotion
from edge_agent.perception.alignment import AS_IT_STANDS, alignment_of
from edge_agent.perception.expression import crop_of
from edge_agent.perception.face_geometry import FaceGeometryReader
from edge_agent.perception.people import PeopleDetector
from edge_agent.settings import DetectionSettings
from training.data import FERPLUS_SIDE, FerPlus
from training.expression.network import CROP_SIDE

FEWEST_EMOTIONS = 2
FEWEST_FACES = 3
"""Of each emotion."""
CROP_LONG_SIDE = 512
"""Pixels up to which a picture in which no face is found may be the crop of one."""
CROP_ASPECT = 1.5
"""Its long by its short side, at most."""
SMALLEST_FACE_SIDE = 20
"""Pixels below which a face shows too little to learn from, and may be a mistake."""
NO_FACE = Box(0, 0, 0, 0)
VOTES = 10.0
"""A sub-folder's name counts as that many votes: all who were asked agree."""
SYNONYMS = {
    Emotion.NEUTRAL: ("none", "calm", "normal"),
    Emotion.HAPPINESS: ("happy", "joy", "smile", "smiling"),
    Emotion.SURPRISE: ("surprised", "astonished", "astonishment"),
    Emotion.SADNESS: ("sad",),
    Emotion.ANGER: ("angry",),
    Emotion.DISGUST: ("disgusted",),
    Emotion.FEAR: ("afraid", "fearful", "scared"),
    Emotion.CONTEMPT: ("contemptuous",),
}
EMOTION_BY_NAME = {
    name: emotion for emotion, others in SYNONYMS.items() for name in (emotion.value, *others)
}
PERSON = re.compile(r"([A-Za-z]*\d+)[_-]")
"""How names begin where several pictures are of one person or sitting, as CK+'s S010_002_014."""


@dataclass(frozen=True, slots=True, eq=False)
class OwnFaces:
    """Faces cut as the daemon cuts them.

    `faces` are uint8 of shape (n, 48, 48), grey; `emotions` of shape (n,) indexes `Emotion`;
    `people` has who each is of, as far as the files' names tell. `remarks` say what was left out.
    """

    faces: npt.NDArray[np.uint8]
    emotions: npt.NDArray[np.intp]
    people: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.faces)

    def counts(self) -> dict[Emotion, int]:
        """How many faces each emotion has, of those that have any."""
        found = Counter(int(index) for index in self.emotions)
        return {emotion: found[i] for i, emotion in enumerate(Emotion) if found[i]}

    def chosen(self, which: npt.NDArray[np.generic]) -> OwnFaces:
        """The faces at these indices."""
        people = tuple(self.people[int(index)] for index in which)
        return OwnFaces(self.faces[which], self.emotions[which], people)

    def voted(self) -> FerPlus:
        """As faces on whose emotion all agree."""
        votes = np.zeros((len(self), len(Emotion) + 2), np.float32)
        votes[np.arange(len(self)), self.emotions] = VOTES
        return FerPlus(self.faces, votes)


def read_own_faces(folder: Path) -> OwnFaces:
    """The faces below `folder`; raises InputError with every fault, one to a line."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name one with a sub-folder for each emotion")
    reader = _Reader(
        PeopleDetector(TfliteEngine(find_model("people")), DetectionSettings()),
        FaceGeometryReader(TfliteEngine(find_model("face_geometry"))),
    )
    for sub_folder in sorted(folder.iterdir()):
        if sub_folder.name.startswith("."):
            continue
        if sub_folder.is_dir():
            reader.read(sub_folder)
        elif sub_folder.suffix.lower() in IMAGE_ENDINGS:
            reader.remarks.append(f"{sub_folder} is in no emotion's sub-folder: left out")
    return reader.result(folder)


def emotion_named(name: str) -> Emotion | None:
    return EMOTION_BY_NAME.get(name.strip().lower())


@dataclass(slots=True)
class _Reader:
    detector: PeopleDetector
    geometry: FaceGeometryReader
    faults: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    faces: list[Image] = field(default_factory=list)
    emotions: list[Emotion] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    seen: dict[str, tuple[Path, Emotion]] = field(default_factory=dict)
    """Where each picture was met first, and as what, by the digest of its pixels."""

    def read(self, folder: Path) -> None:
        emotion = emotion_named(folder.name)
        if emotion is None:
            near = get_close_matches(folder.name.lower(), EMOTION_BY_NAME, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            known = ", ".join(one.value for one in Emotion)
            self.faults.append(f"{folder}: no such emotion{meant} Name the folder one of: {known}")
            return
        files = [f for f in sorted(folder.rglob("*")) if f.suffix.lower() in IMAGE_ENDINGS]
        if not files:
            endings = ", ".join(sorted(IMAGE_ENDINGS))
            self.faults.append(f"{folder} has no pictures ({endings}); add some or remove it")
        for file in files:
            self._read_file(file, emotion)

    def _read_file(self, file: Path, emotion: Emotion) -> None:
        try:
            pixels = read_image(file)
        except InputError as error:
            self.faults.append(f"{error}; replace or remove it")
            return
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        known, its_emotion = self.seen.setdefault(digest, (file, emotion))
        if known != file:
            if its_emotion is not emotion:
                self.faults.append(f"{file} is the same picture as {known}; keep one of them")
            else:
                self.remarks.append(f"{file} is the same picture as {known}: left out")
            return
        crop = self._cropped(pixels)
        if crop is None:
            self.remarks.append(f"{file}: no face is found in it, left out")
            return
        self.faces.append(crop)
        self.emotions.append(emotion)
        person = PERSON.match(file.name)
        self.people.append(person[1] if person else str(file))

    def _cropped(self, pixels: Image) -> Image | None:
        """The largest face as the daemon cuts it, upright, or all of what looks like a crop."""
        found = self.detector.detect(Frame(pixels, clock.now()))
        boxes = [person.face.box for person in found if person.face is not None]
        largest = max(boxes, key=lambda box: box.area, default=NO_FACE)
        if largest.area >= SMALLEST_FACE_SIDE**2:
            alignment = alignment_of(self.geometry.read(pixels, largest))
            cropped = crop_of(pixels, largest, alignment, CROP_SIDE, FERPLUS_SIDE)
        elif _looks_like_crop(pixels):
            whole = Box(0, 0, pixels.shape[1], pixels.shape[0])
            cropped = crop_of(pixels, whole, AS_IT_STANDS, 1.0, FERPLUS_SIDE)
        else:
            return None
        return None if cropped is None else cropped[0]

    def result(self, folder: Path) -> OwnFaces:
        self.faults += self._shortages(folder)
        if self.faults:
            raise InputError("\n".join(self.faults))
        order = tuple(Emotion)
        return OwnFaces(
            np.stack(self.faces),
            np.array([order.index(emotion) for emotion in self.emotions]),
            tuple(self.people),
            tuple(self.remarks),
        )

    def _shortages(self, folder: Path) -> Iterator[str]:
        counts = Counter(self.emotions)
        if len(counts) < FEWEST_EMOTIONS:
            named = ", ".join(emotion.value for emotion in counts) or "none"
            yield (
                f"{folder}: at least {FEWEST_EMOTIONS} emotions need faces, so that one can be "
                f"told from the other; with faces: {named}"
            )
        for emotion, count in counts.items():
            if count < FEWEST_FACES:
                yield (
                    f"{folder}: {emotion.value} has {count} faces; at least {FEWEST_FACES} are "
                    "needed, 6 or more are better"
                )


def _looks_like_crop(pixels: Image) -> bool:
    long_side, short_side = max(pixels.shape[:2]), min(pixels.shape[:2])
    return long_side <= CROP_LONG_SIDE and long_side <= CROP_ASPECT * short_side
