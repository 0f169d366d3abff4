"""USB cameras and all else that Linux shows as /dev/video*, through OpenCV."""

from __future__ import annotations

import math
import os
from pathlib import Path

import cv2
import numpy as np

from edge_agent.devices.clock import now
from edge_agent.devices.images import as_bgr, rotated
from edge_agent.domain.errors import CameraError
from edge_agent.domain.frame import Frame
from edge_agent.settings import CameraSettings

SELECT_TIMEOUT = "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"


class V4l2Camera:
    """A video capture device of the kernel."""

    def __init__(self, settings: CameraSettings) -> None:
        self._settings = settings
        self._device = _device_path(settings.source)
        if not self._device.exists():
            raise CameraError(
                f"no camera at {self._device}: plug it in, or set camera.source "
                f"(here: {_devices_here()})"
            )
        if not os.access(self._device, os.R_OK | os.W_OK):
            raise CameraError(f"no permission for {self._device}: add the user to the group video")
        # The time that OpenCV waits for a frame, in whole seconds; read when a device is opened.
        os.environ[SELECT_TIMEOUT] = str(max(math.ceil(settings.timeout_s), 1))
        self._capture = cv2.VideoCapture(str(self._device), cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise CameraError(
                f"{self._device} is there but cannot be opened: another program may hold it, or "
                "it captures no video"
            )
        # The pixel format comes first: drivers offer sizes and rates by format.
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height)
        self._capture.set(cv2.CAP_PROP_FPS, settings.frame_rate)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def read(self) -> Frame | None:
        was_read, image = self._capture.read()
        captured_at = now()
        if not was_read or image is None:
            raise CameraError(f"{self._device} gives no frames")
        pixels = as_bgr(np.asarray(image))
        return Frame(rotated(pixels, self._settings.rotation), captured_at)

    def close(self) -> None:
        self._capture.release()


def _device_path(source: str) -> Path:
    return Path(f"/dev/video{source}") if source.isdigit() else Path(source)


def _devices_here() -> str:
    return ", ".join(str(path) for path in sorted(Path("/dev").glob("video*"))) or "no /dev/video*"
