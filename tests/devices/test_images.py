"""Pictures of every kind, and files that are none."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.devices.images import as_bgr, read_image, rotated
from edge_agent.domain.errors import InputError

RAMP = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))


def written(path: Path, pixels: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize(
    "pixels",
    [
        RAMP,
        RAMP.astype(np.uint16) * 257,
        np.dstack([RAMP] * 3),
        np.dstack([RAMP, RAMP, RAMP, np.full_like(RAMP, 7)]),
        np.dstack([RAMP.astype(np.uint16) * 257] * 4),
    ],
    ids=["grey", "grey 16-bit", "colour", "alpha", "alpha 16-bit"],
)
def test_every_depth_and_channel_count_becomes_8_bit_colour(
    pixels: np.ndarray, tmp_path: Path
) -> None:
    for image in (read_image(written(tmp_path / "a.png", pixels)), as_bgr(pixels)):
        assert image.dtype == np.uint8
        assert np.abs(image.astype(int) - np.dstack([RAMP] * 3)).max() <= 1


def test_smallest_picture(tmp_path: Path) -> None:
    assert read_image(written(tmp_path / "a.png", RAMP[:1, :1])).shape == (1, 1, 3)


def test_huge_picture_is_read_without_many_copies(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jpg", np.zeros((9000, 12000), np.uint8))
    tracemalloc.start()
    image = read_image(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert image.shape == (9000, 12000, 3)
    assert peak < 1.2 * image.nbytes


def png_that_says(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels)


def cut_off(ending: str, share: float) -> bytes:
    noise = np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8)
    data = cv2.imencode(ending, noise)[1].tobytes()
    return data[: int(len(data) * share)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.png", b""),
        ("text.jpg", b"not a picture at all\n"),
        ("half.jpg", cut_off(".jpg", 0.5)),
        ("half.png", cut_off(".png", 0.5)),
        ("huge.png", png_that_says(60_000, 60_000)),
        ("zeros.bmp", bytes(5000)),
    ],
)
def test_what_is_no_picture_is_named(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=name):
        read_image(path)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"away\.png: No such file"):
        read_image(tmp_path / "away.png")
    with pytest.raises(InputError, match=str(tmp_path)):
        read_image(tmp_path)


def test_orientation_of_the_camera_is_obeyed(tmp_path: Path) -> None:
    jpeg = cv2.imencode(".jpg", np.dstack([RAMP] * 3))[1].tobytes()
    # One TIFF entry: orientation (0x0112), short, 6: turned clockwise by 90 degrees.
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    path = tmp_path / "turned.jpg"
    path.write_bytes(jpeg[:2] + segment + jpeg[2:])
    image = read_image(path)
    assert image.shape == (64, 48, 3)
    assert image[0].mean() < image[-1].mean()  # the left, dark edge is now the upper one


@pytest.mark.parametrize(("degrees", "dark"), [(90, "top"), (180, "right"), (270, "bottom")])
def test_rotation_is_clockwise(degrees: int, dark: str) -> None:
    image = rotated(np.dstack([RAMP] * 3), degrees)
    edges = {"top": image[0], "right": image[:, -1], "bottom": image[-1], "left": image[:, 0]}
    assert min(edges, key=lambda name: float(edges[name].mean())) == dark
