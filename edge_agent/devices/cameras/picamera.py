"""Cameras on a Raspberry Pi's own connector, through picamera2: the only module that knows it."""

from __future__ import annotations

import contextlib
import importlib
import logging
import threading
from collections.abc import Collection, Mapping
from concurrent.futures import TimeoutError as CaptureTimeoutError
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from edge_agent.devices.clock import captured_at
from edge_agent.devices.images import Image, rotated
from edge_agent.domain.errors import CameraError, MissingDependencyError
from edge_agent.domain.frame import Frame
from edge_agent.domain.geometry import Size
from edge_agent.settings import CameraSettings, PicameraSettings

log = logging.getLogger(__name__)

MAIN_FORMAT, LORES_FORMAT = "RGB888", "YUV420"
"""What picamera2 calls RGB888 lies in memory as blue, green, red; YUV is all that every board can
deliver as second stream."""
CONVERSIONS = {
    "RGB888": None,
    "BGR888": cv2.COLOR_RGB2BGR,
    "XRGB8888": cv2.COLOR_BGRA2BGR,
    "XBGR8888": cv2.COLOR_RGBA2BGR,
    "YUV420": cv2.COLOR_YUV2BGR_I420,
    "YVU420": cv2.COLOR_YUV2BGR_YV12,
    "NV12": cv2.COLOR_YUV2BGR_NV12,
    "NV21": cv2.COLOR_YUV2BGR_NV21,
    "YUYV": cv2.COLOR_YUV2BGR_YUYV,
    "UYVY": cv2.COLOR_YUV2BGR_UYVY,
}
PLANAR = frozenset({"YUV420", "YVU420", "NV12", "NV21"})
"""Half as many rows of colour stand below those of brightness."""
PIXEL_BYTES = {"RGB888": 3, "BGR888": 3, "XRGB8888": 4, "XBGR8888": 4, "YUYV": 2, "UYVY": 2}
AF_MODES = {"continuous": "Continuous", "once": "Auto", "fixed": "Manual"}
BUFFERS = 4
CLOSE_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class Layout:
    """How a stream's pictures lie in memory; `stride` is the length of a row in bytes."""

    form: str
    size: Size
    stride: int


class PicameraCamera:
    """A camera with a main stream, and a second, small one to look for people in."""

    def __init__(self, settings: CameraSettings) -> None:
        picamera2, libcamera = require()
        self._settings = settings
        try:
            self._camera = picamera2.Picamera2(settings.picamera.number)
        except (RuntimeError, IndexError) as error:
            reason = error.__cause__ or error
            raise CameraError(
                f"no camera {settings.picamera.number} that libcamera can open ({reason}): see to "
                "its cable, that no other program holds it, and rpicam-hello --list-cameras"
            ) from error
        try:
            self._start(libcamera)
        except Exception as error:  # whatever a driver or an unfit configuration raises
            self.close()
            raise CameraError(f"the camera does not start: {error}") from error

    def read(self) -> Frame | None:
        """The next frame; raises CameraError where none is completed in `timeout_s`."""
        # Not `capture_request(wait=...)`: before 0.3.19 a number there means to wait for ever.
        job = self._camera.capture_request(wait=False)
        try:
            request = self._camera.wait(job, timeout=self._settings.timeout_s)
        except (CaptureTimeoutError, TimeoutError):
            raise CameraError(
                f"the camera has completed no frame in {self._settings.timeout_s:g} s"
            ) from None
        except RuntimeError as error:
            raise CameraError(f"the camera gives no frames: {error}") from error
        try:
            timestamp_ns = request.get_metadata().get("SensorTimestamp")
            # Not `make_array`: it does not stand a buffer that is longer than its picture.
            buffers = {name: request.make_buffer(name) for name in self._streams}
        except RuntimeError as error:
            raise CameraError(f"the camera gives a frame that cannot be read: {error}") from error
        finally:
            request.release()
        turn = self._settings.rotation
        images = {
            name: rotated(to_bgr(buffer, self._streams[name]), turn)
            for name, buffer in buffers.items()
        }
        return Frame(images["main"], captured_at(timestamp_ns), images.get("lores"))

    def close(self) -> None:
        """Let go of the camera; one that hangs is left behind, not waited for."""

        def close() -> None:
            with contextlib.suppress(RuntimeError):
                self._camera.close()

        closing = threading.Thread(target=close, name="closing the camera", daemon=True)
        closing.start()
        closing.join(CLOSE_TIMEOUT_S)
        if closing.is_alive():
            log.warning("the camera does not let itself be closed within %g s", CLOSE_TIMEOUT_S)

    def _start(self, libcamera: Any) -> None:
        settings, own = self._settings, self._settings.picamera
        main = Size(settings.width - settings.width % 2, settings.height - settings.height % 2)
        lores = lores_size(main, own.lores_long_side)
        controls = wanted_controls(settings)
        offered = self._camera.camera_controls
        warn_of_missing(own, offered)
        asked: dict[str, dict[str, Any]] = {
            "main": {"size": (main.width, main.height), "format": MAIN_FORMAT}
        }
        if lores is not None:
            asked["lores"] = {"size": (lores.width, lores.height), "format": LORES_FORMAT}
        configuration = self._camera.create_video_configuration(
            **asked,
            transform=libcamera.Transform(hflip=own.horizontal_flip, vflip=own.vertical_flip),
            controls={
                name: _value(libcamera, name, value)
                for name, value in controls.items()
                if name in offered
            },
            buffer_count=BUFFERS,
        )
        self._camera.configure(configuration)
        self._streams = self._granted(asked)
        self._camera.start()

    def _granted(self, asked: Mapping[str, Mapping[str, Any]]) -> dict[str, Layout]:
        """How each stream lies in memory now: libcamera adjusts what it is asked without a word."""
        granted = self._camera.camera_configuration()
        streams: dict[str, Layout] = {}
        for name, wish in asked.items():
            form, size = str(granted[name]["format"]), tuple(granted[name]["size"])
            if form not in CONVERSIONS:
                raise CameraError(f"its stream {name} has the format {form}")
            if (form, size) != (wish["format"], wish["size"]):
                log.info("the camera gives its stream %s as %s of %d x %d", name, form, *size)
            streams[name] = Layout(form, Size(*size), int(granted[name]["stride"]))
        return streams


def require() -> tuple[Any, Any]:
    """picamera2 and libcamera's binding; raises MissingDependencyError with the remedy."""
    try:
        return importlib.import_module("picamera2"), importlib.import_module("libcamera")
    except ImportError as error:
        raise MissingDependencyError(
            f"camera.source picamera needs picamera2, which cannot be imported here ({error}): "
            "sudo apt install python3-picamera2, and an environment that sees the system's "
            "packages (python3 -m venv --system-site-packages); deploy/install.sh sees to both"
        ) from error


def to_bgr(buffer: Image, layout: Layout) -> Image:
    """The bytes of a buffer as pixels of shape (height, width, 3) in BGR.

    Rows may be longer than the picture, and the buffer longer than its rows.
    """
    width, height, stride = layout.size.width, layout.size.height, layout.stride
    conversion = CONVERSIONS[layout.form]
    is_planar = layout.form in PLANAR
    rows = height * 3 // 2 if is_planar else height
    array: Image = buffer[: rows * stride].reshape(rows, stride)
    if layout.form in {"NV12", "NV21"}:
        array = array[:, :width]
    elif not is_planar:
        depth = PIXEL_BYTES[layout.form]
        array = array[:, : width * depth].reshape(height, width, depth)
    pixels = np.ascontiguousarray(array)
    if conversion is not None:
        pixels = np.asarray(cv2.cvtColor(pixels, conversion), np.uint8)
    return np.ascontiguousarray(pixels[:height, :width])


def lores_size(main: Size, long_side: int) -> Size | None:
    """The second stream's size, of the same shape and even; None where main is no larger."""
    scale = long_side / max(main.width, main.height)
    if scale >= 1.0:
        return None
    width, height = (max(round(side * scale / 2) * 2, 2) for side in (main.width, main.height))
    return Size(width, height)


def wanted_controls(settings: CameraSettings) -> dict[str, Any]:
    """libcamera's controls by name; values of its enumerations are still words."""
    own = settings.picamera
    period_us = round(1e6 / settings.frame_rate)
    controls: dict[str, Any] = {
        "FrameDurationLimits": (period_us, period_us),
        "AwbMode": own.white_balance.capitalize(),
        "AfMode": AF_MODES[own.autofocus],
    }
    if own.autofocus == "once":
        controls["AfTrigger"] = "Start"
    if own.autofocus == "fixed" and own.lens_position is not None:
        controls["LensPosition"] = own.lens_position
    if own.exposure_time_us is not None:
        controls["ExposureTime"] = own.exposure_time_us
    if own.analogue_gain is not None:
        controls["AnalogueGain"] = own.analogue_gain
    if own.exposure_value:
        controls["ExposureValue"] = own.exposure_value
    return controls


def warn_of_missing(settings: PicameraSettings, offered: Collection[str]) -> None:
    """Say which settings that were made this camera cannot follow."""
    control_of = {
        "exposure_time_us": "ExposureTime",
        "analogue_gain": "AnalogueGain",
        "exposure_value": "ExposureValue",
        "white_balance": "AwbMode",
        "autofocus": "AfMode",
        "lens_position": "LensPosition",
    }
    made = settings.model_fields_set
    missing = [key for key, name in control_of.items() if key in made and name not in offered]
    if missing:
        log.warning("this camera cannot follow camera.picamera: %s", ", ".join(missing))


def _value(libcamera: Any, control: str, value: Any) -> Any:
    """A word of a control's enumeration as libcamera has it."""
    if not isinstance(value, str):
        return value
    return getattr(getattr(libcamera.controls, f"{control}Enum"), value)
