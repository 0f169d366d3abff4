"""Where frames come from. `open_camera` chooses; all of them keep the one protocol `Camera`."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from edge_agent.domain.errors import CameraError, InputError
from edge_agent.domain.frame import Frame
from edge_agent.settings import CameraSettings

PICAMERA = "picamera"


class Camera(Protocol):
    """An opened source of frames, used by one thread."""

    def read(self) -> Frame | None:
        """The next frame, waited for; None at the end of a recording.

        Raises CameraError when the camera gives no frame in its time.
        """

    def close(self) -> None:
        """Let go of the device; harmless when done twice."""


def is_recording(settings: CameraSettings) -> bool:
    """Whether the source is a file or a folder, which ends, and not a camera."""
    return not _is_device(settings.source)


def verify(settings: CameraSettings) -> None:
    """Raise what no waiting heals: InputError of a recording, MissingDependencyError of a camera.

    A camera that is not there yet is none of these.
    """
    if settings.source == PICAMERA:
        from edge_agent.devices.cameras.picamera import require

        require()
    elif is_recording(settings):
        open_camera(settings).close()


def open_camera(settings: CameraSettings) -> Camera:
    """The camera of the settings, opened.

    Raises CameraError where a device is not there (it may come), InputError where a file is not.
    """
    if settings.source == PICAMERA:
        from edge_agent.devices.cameras.picamera import PicameraCamera

        return PicameraCamera(settings)
    if _is_device(settings.source):
        from edge_agent.devices.cameras.v4l2 import V4l2Camera

        return V4l2Camera(settings)
    from edge_agent.devices.cameras.replay import ImageFolder, VideoFile

    if not settings.source:
        raise InputError("camera.source is empty; name a video, a folder of images, or a camera")
    try:
        path = Path(settings.source).expanduser()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, RuntimeError) as error:  # a name too long, a home that nobody has
        raise InputError(f"camera.source {settings.source!r}: {error}") from error
    if is_folder:
        return ImageFolder(path, settings)
    if is_file:
        return VideoFile(path, settings)
    raise InputError(
        f"camera.source {settings.source!r}: no such file or folder; name a video, a folder of "
        "images, or a camera: picamera, or one such as 0 or /dev/video0"
    )


def _is_device(source: str) -> bool:
    is_in_memory = source.startswith("/dev/shm/")  # noqa: S108 - files that lie in memory
    return (
        source == PICAMERA or source.isdigit() or (source.startswith("/dev/") and not is_in_memory)
    )


__all__ = ["Camera", "CameraError", "is_recording", "open_camera", "verify"]
