"""Recordings in the place of a camera: whole, cut off, and partly damaged."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_agent.devices.cameras import is_recording, open_camera
from edge_agent.devices.cameras.replay import ImageFolder, Recording
from edge_agent.domain.errors import CameraError, InputError
from edge_agent.domain.frame import Frame
from edge_agent.settings import CameraSettings

FRAMES = 20


def settings(source: Path | str, **options: Any) -> CameraSettings:
    return CameraSettings.model_validate({"source": str(source), "pace": "fast", **options})


def opened(source: Path, **options: Any) -> Recording:
    recording = open_camera(settings(source, **options))
    assert isinstance(recording, Recording)
    return recording


def all_of(recording: Recording) -> list[Frame]:
    frames = []
    while (frame := recording.read()) is not None:
        frames.append(frame)
    recording.close()
    return frames


def brightness(frame: Frame) -> int:
    return round(float(frame.pixels.mean()) / 10)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Frames that grow brighter by 10 from one to the next, 10 to the second."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for index in range(FRAMES):
        writer.write(np.full((48, 64, 3), index * 10, np.uint8))
    writer.release()
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(5):
        cv2.imwrite(str(folder / f"{index}.png"), np.full((8, 8, 3), index * 10, np.uint8))
    (folder / "notes.txt").write_text("not a picture, and not named like one")
    return folder


def test_video_gives_every_frame_at_the_times_of_the_recording(clip: Path) -> None:
    video = opened(clip)
    assert (video.length, video.frame_rate) == (FRAMES, 10.0)
    frames = all_of(video)
    assert [brightness(frame) for frame in frames] == list(range(FRAMES))
    start = frames[0].captured_at
    for index, frame in enumerate(frames):
        assert frame.captured_at.since(start) == pytest.approx(index / 10)
        assert (frame.captured_at.utc - start.utc).total_seconds() == pytest.approx(index / 10)


def test_real_time_waits_for_each_frame(pictures: Path) -> None:
    started_s = time.monotonic()
    frames = all_of(opened(pictures, pace="real_time", frame_rate=50))
    assert len(frames) == 5
    assert time.monotonic() - started_s >= 4 / 50


def test_loop_starts_over_and_time_goes_on(clip: Path) -> None:
    video = opened(clip, loop=True)
    frames = [video.read() for _ in range(2 * FRAMES + 1)]
    video.close()
    assert all(frame is not None for frame in frames)
    times = [frame.captured_at.monotonic_s for frame in frames if frame is not None]
    assert times == sorted(set(times))
    last = frames[-1]
    assert last is not None
    assert brightness(last) == 0


def test_video_that_is_cut_off_gives_what_it_has_and_says_so(
    clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 3 // 4])
    frames = all_of(opened(clip))
    assert 0 < len(frames) < FRAMES
    assert f"{clip} is cut off or damaged" in caplog.text


def test_whole_video_is_not_called_cut_off(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    all_of(opened(clip))
    assert caplog.text == ""


@pytest.mark.parametrize("content", [b"", b"no video at all\n" * 99, b"RIFF\0\0\0\0AVI LIST"])
def test_what_is_no_video_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.mp4"):
        open_camera(settings(path))


def test_folder_gives_its_pictures_in_order(pictures: Path) -> None:
    assert [brightness(frame) for frame in all_of(opened(pictures))] == list(range(5))


def test_one_damaged_picture_is_left_out_counted_and_said(
    pictures: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (pictures / "2.png").write_bytes(b"damaged")
    folder = opened(pictures, loop=True)
    assert isinstance(folder, ImageFolder)
    frames = [folder.read() for _ in range(8)]
    assert [brightness(frame) for frame in frames if frame is not None] == [0, 1, 3, 4] * 2
    assert folder.left_out == 1
    assert caplog.text.count("2.png") == 1


def test_folder_of_damaged_pictures_only_is_an_error(pictures: Path) -> None:
    for path in pictures.glob("*.png"):
        path.write_bytes(b"damaged")
    with pytest.raises(InputError, match="none of its 5 images can be read"):
        all_of(opened(pictures, loop=True))


def test_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no images"):
        open_camera(settings(tmp_path))


@pytest.mark.parametrize("source", ["", "nowhere.mp4", "a" * 300, "~nobody-of-this-name/clip.mp4"])
def test_source_that_is_not_there_is_named(source: str) -> None:
    with pytest.raises(InputError, match=source[:20] or "is empty"):
        open_camera(settings(source))


def test_rotation_turns_the_frames(clip: Path) -> None:
    assert all_of(opened(clip, rotation=90))[0].size.width == 48


def test_device_that_is_not_there_is_a_camera_that_may_come() -> None:
    with pytest.raises(CameraError, match=r"no camera at /dev/video63: plug it in"):
        open_camera(settings("63"))
    with pytest.raises(CameraError, match=r"/dev/null is there but cannot be opened"):
        open_camera(settings("/dev/null"))


@pytest.mark.parametrize(
    ("source", "recorded"),
    [("0", False), ("/dev/video0", False), ("/dev/shm/clip.mp4", True), ("clip.mp4", True)],
)
def test_recordings_are_told_from_devices(source: str, recorded: bool) -> None:
    assert is_recording(settings(source)) is recorded
