"""Recordings in the place of a camera: a video file, or a folder of images."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np

from edge_agent.devices.clock import now
from edge_agent.devices.images import IMAGE_ENDINGS, Image, as_bgr, read_image, rotated
from edge_agent.domain.errors import InputError
from edge_agent.domain.frame import Frame, Instant
from edge_agent.settings import CameraSettings

log = logging.getLogger(__name__)

FALLBACK_RATE = 25.0
"""Frames per second of a file that does not tell its own."""
LEAST_SHARE_READ = 0.95
"""Of the frames that a file announces, which is not always exact; with fewer it is damaged."""


class Recording(ABC):
    """Frames at a fixed rate, whose capture times are those of the recording.

    At the pace "real_time" each frame is given when its time has come; at "fast" at once, with the
    same capture times, so that what is found does not depend on the speed of the machine.
    """

    def __init__(self, settings: CameraSettings, rate: float) -> None:
        self._settings = settings
        self._period_s = 1.0 / rate
        self._started = now()
        self._given = 0

    def read(self) -> Frame | None:
        image = self._next_image()
        if image is None and self._settings.loop:
            self._rewind()
            image = self._next_image()
        if image is None:
            return None
        captured_at = self._advance()
        return Frame(rotated(image, self._settings.rotation), captured_at)

    @property
    def frame_rate(self) -> float:
        return 1.0 / self._period_s

    @property
    def length(self) -> int | None:
        """The number of frames, where it is known."""
        return None

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def _next_image(self) -> Image | None: ...

    @abstractmethod
    def _rewind(self) -> None: ...

    def _advance(self) -> Instant:
        offset_s = self._given * self._period_s
        self._given += 1
        if self._settings.pace == "real_time":
            time.sleep(max(self._started.monotonic_s + offset_s - time.monotonic(), 0.0))
        return Instant(
            self._started.utc + timedelta(seconds=offset_s), self._started.monotonic_s + offset_s
        )


class VideoFile(Recording):
    """A video file through OpenCV."""

    def __init__(self, path: Path, settings: CameraSettings) -> None:
        self._path = path
        self._read = 0
        self._capture = cv2.VideoCapture(str(path))
        was_read, first = self._capture.read()
        self._first: Image | None = as_bgr(np.asarray(first)) if was_read else None
        if self._first is None:
            self._capture.release()
            raise InputError(f"{path} is no video that can be read, or is cut off")
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        super().__init__(settings, rate if 0.1 <= rate <= 1000 else FALLBACK_RATE)

    @property
    def length(self) -> int | None:
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        return count if count > 0 else None

    def close(self) -> None:
        self._capture.release()

    def _next_image(self) -> Image | None:
        if self._first is not None:
            image, self._first = self._first, None
            self._read = 1
            return image
        was_read, decoded = self._capture.read()
        if was_read:
            self._read += 1
            return as_bgr(np.asarray(decoded))
        promised = self.length
        if promised is not None and self._read < promised * LEAST_SHARE_READ:
            log.warning(
                "%s is cut off or damaged: only %d of its %d frames can be read",
                self._path,
                self._read,
                promised,
            )
        return None

    def _rewind(self) -> None:
        self._capture.release()
        self._read = 0
        self._capture = cv2.VideoCapture(str(self._path))


class ImageFolder(Recording):
    """The images of a folder in the order of their names, at the camera's frame rate.

    Those that cannot be read are left out, counted and said; all of them, and it is an InputError.
    """

    def __init__(self, folder: Path, settings: CameraSettings) -> None:
        self._paths = sorted(
            path for path in folder.iterdir() if path.suffix.lower() in IMAGE_ENDINGS
        )
        if not self._paths:
            raise InputError(f"{folder} holds no images ({', '.join(sorted(IMAGE_ENDINGS))})")
        self._folder = folder
        self._at = 0
        self._unreadable: set[Path] = set()
        super().__init__(settings, settings.frame_rate)

    @property
    def length(self) -> int | None:
        return len(self._paths)

    @property
    def left_out(self) -> int:
        """How many of the images could not be read so far."""
        return len(self._unreadable)

    def close(self) -> None:
        """Nothing is held open."""

    def _next_image(self) -> Image | None:
        while self._at < len(self._paths):
            path = self._paths[self._at]
            self._at += 1
            try:
                return read_image(path)
            except InputError as error:
                self._leave_out(path, error)
        return None

    def _leave_out(self, path: Path, error: InputError) -> None:
        if path not in self._unreadable:
            log.warning("%s; left out", error)
            self._unreadable.add(path)
        if len(self._unreadable) == len(self._paths):
            raise InputError(f"{self._folder}: none of its {len(self._paths)} images can be read")

    def _rewind(self) -> None:
        self._at = 0
