"""What of the picamera2 source can be tried without a camera; the rest is in tests/system."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timezone

import cv2
import numpy as np
import pytest

from edge_agent.devices.cameras import open_camera, verify
from edge_agent.devices.cameras.picamera import (
    Layout,
    lores_size,
    to_bgr,
    wanted_controls,
    warn_of_missing,
)
from edge_agent.devices.clock import captured_at
from edge_agent.domain.errors import MissingDependencyError
from edge_agent.domain.frame import Frame, Instant
from edge_agent.domain.geometry import Size
from edge_agent.settings import CameraSettings, PicameraSettings

SIZE = Size(40, 24)
STRIDE = 64


@pytest.fixture
def picture() -> np.ndarray:
    """Four fields of colour, which survive the coarser colour of YUV."""
    image = np.zeros((SIZE.height, SIZE.width, 3), np.uint8)
    image[:12, :20] = (200, 40, 40)
    image[:12, 20:] = (40, 200, 40)
    image[12:, :20] = (40, 40, 200)
    image[12:, 20:] = (128, 128, 128)
    return image


def i420(picture: np.ndarray, stride: int) -> np.ndarray:
    """A buffer: rows of `stride` bytes, below them those of U and V, two to a row."""
    planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).ravel()
    height, width = picture.shape[:2]
    luma = np.zeros((height, stride), np.uint8)
    luma[:, :width] = planes[: width * height].reshape(height, width)
    chroma = np.full((2, height // 2, stride // 2), 77, np.uint8)
    chroma[:, :, : width // 2] = planes[width * height :].reshape(2, height // 2, width // 2)
    return np.concatenate([luma.ravel(), chroma.ravel()])


def padded(image: np.ndarray, stride: int) -> np.ndarray:
    """A buffer with rows of `stride` bytes, and some bytes at its end that mean nothing."""
    rows = image.reshape(image.shape[0], -1)
    buffer = np.full((rows.shape[0], stride), 99, np.uint8)
    buffer[:, : rows.shape[1]] = rows
    return np.concatenate([buffer.ravel(), np.full(4096, 55, np.uint8)])


@pytest.mark.parametrize("stride", [SIZE.width, STRIDE])
def test_rows_longer_than_the_picture_are_cut(picture: np.ndarray, stride: int) -> None:
    pixels = to_bgr(i420(picture, stride), Layout("YUV420", SIZE, stride))
    assert pixels.shape == picture.shape
    assert pixels.flags.c_contiguous
    assert np.abs(pixels[2:10, 2:18].astype(int) - picture[2:10, 2:18]).max() < 6
    assert np.abs(pixels[14:22, 22:38].astype(int) - 128).max() < 6


@pytest.mark.parametrize(
    ("form", "conversion"),
    [
        ("RGB888", None),
        ("BGR888", cv2.COLOR_BGR2RGB),
        ("XRGB8888", cv2.COLOR_BGR2BGRA),
        ("XBGR8888", cv2.COLOR_BGR2RGBA),
    ],
)
def test_colours_are_right_in_every_format(
    picture: np.ndarray, form: str, conversion: int | None
) -> None:
    array = picture if conversion is None else cv2.cvtColor(picture, conversion)
    row = array.shape[1] * array.shape[2]
    for stride in (row, row + 24):
        pixels = to_bgr(padded(array, stride), Layout(form, SIZE, stride))
        assert pixels.shape == picture.shape
        assert np.abs(pixels[2:10, 2:18].astype(int) - picture[2:10, 2:18]).max() < 6


@pytest.mark.parametrize("stride", [SIZE.width, STRIDE])
def test_colour_in_pairs_below_brightness(picture: np.ndarray, stride: int) -> None:
    planes = i420(picture, SIZE.width)
    area = SIZE.width * SIZE.height
    luma = planes[:area].reshape(SIZE.height, SIZE.width)
    u, v = planes[area:].reshape(2, SIZE.height // 2, SIZE.width // 2)
    pairs = np.stack([u, v], axis=-1).reshape(SIZE.height // 2, SIZE.width)
    pixels = to_bgr(padded(np.concatenate([luma, pairs]), stride), Layout("NV12", SIZE, stride))
    assert pixels.shape == picture.shape
    assert np.abs(pixels[2:10, 2:18].astype(int) - picture[2:10, 2:18]).max() < 6


def test_lores_is_even_has_the_same_shape_and_is_smaller_or_none() -> None:
    assert lores_size(Size(1920, 1080), 640) == Size(640, 360)
    assert lores_size(Size(1000, 333), 320) == Size(320, 106)
    assert lores_size(Size(640, 480), 640) is None


def test_controls_follow_the_settings() -> None:
    settings = CameraSettings(
        frame_rate=25,
        picamera=PicameraSettings(
            exposure_time_us=8000,
            analogue_gain=2.5,
            white_balance="indoor",
            autofocus="fixed",
            lens_position=1.5,
        ),
    )
    assert wanted_controls(settings) == {
        "FrameDurationLimits": (40_000, 40_000),
        "AwbMode": "Indoor",
        "AfMode": "Manual",
        "LensPosition": 1.5,
        "ExposureTime": 8000,
        "AnalogueGain": 2.5,
    }


def test_what_a_camera_cannot_follow_is_said_if_it_was_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    warn_of_missing(PicameraSettings(), {"AwbMode"})
    assert caplog.text == ""
    warn_of_missing(PicameraSettings(autofocus="fixed", lens_position=2.0), {"AwbMode"})
    assert "camera.picamera: autofocus, lens_position" in caplog.text


def test_without_picamera2_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    settings = CameraSettings(source="picamera")
    for use in (verify, open_camera):
        with pytest.raises(MissingDependencyError, match="apt install python3-picamera2"):
            use(settings)


@pytest.mark.parametrize("clock_id", [time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME])
def test_capture_time_is_that_of_the_sensor(clock_id: int) -> None:
    before_s = time.monotonic()
    instant = captured_at(time.clock_gettime_ns(clock_id) - 40_000_000)
    assert instant.monotonic_s == pytest.approx(before_s - 0.04, abs=0.03)
    lag_s = (datetime.now(timezone.utc) - instant.utc).total_seconds()
    assert lag_s == pytest.approx(0.04, abs=0.03)


@pytest.mark.parametrize("timestamp_ns", [None, 0, 10**19])
def test_a_timestamp_of_none_of_the_board_s_clocks_is_not_believed(
    timestamp_ns: int | None,
) -> None:
    assert captured_at(timestamp_ns).monotonic_s == pytest.approx(time.monotonic(), abs=0.03)


def test_frame_gives_the_smallest_picture_that_is_large_enough() -> None:
    large, small = np.zeros((720, 1280, 3), np.uint8), np.zeros((360, 640, 3), np.uint8)
    frame = Frame(large, Instant(datetime.now(timezone.utc), 0.0), small)
    assert frame.at_least(320) is small
    assert frame.at_least(640) is small
    assert frame.at_least(641) is large
    assert Frame(large, frame.captured_at).at_least(320) is large
