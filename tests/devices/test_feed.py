"""The camera's thread, with a camera that does as the test says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from edge_agent.devices import clock
from edge_agent.devices.backoff import Backoff
from edge_agent.devices.feed import CameraState, NewestFrame
from edge_agent.domain.errors import CameraError, InputError
from edge_agent.domain.frame import Frame

PATIENCE_S = 10.0


def frame(number: int) -> Frame:
    return Frame(np.full((4, 4, 3), number, np.uint8), clock.now())


def number(of: Frame | None) -> int:
    assert of is not None
    return int(of.pixels[0, 0, 0])


class ScriptedCamera:
    """Gives the frames of the script; raises its errors; calls what can be called."""

    def __init__(self, *script: object) -> None:
        self._script = list(script)
        self.is_closed = False
        self.given = 0

    def read(self) -> Frame | None:
        while self._script:
            step = self._script.pop(0)
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Frame):
                self.given += 1
                return step
            assert callable(step)
            step()
        return None

    def close(self) -> None:
        self.is_closed = True


def feed_of(*cameras: ScriptedCamera | Exception, **options: object) -> NewestFrame:
    queue = list(cameras)

    def opened() -> ScriptedCamera:
        camera = queue.pop(0)
        if isinstance(camera, Exception):
            raise camera
        return camera

    quick = Backoff(first_s=0.01, cap_s=0.02)
    return NewestFrame(opened, **{"timeout_s": 5.0, "backoff": quick, **options})  # type: ignore[arg-type]


def until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.005)


def drained(feed: NewestFrame) -> list[int]:
    found = []
    while True:
        got = feed.next(PATIENCE_S)
        if got is None:
            assert feed.has_ended
            return found
        found.append(number(got))


def test_only_the_newest_frame_is_kept_and_the_others_are_counted() -> None:
    feed = feed_of(ScriptedCamera(*map(frame, range(1, 6))))
    feed.start()
    until(lambda: feed.state is CameraState.ENDED)
    assert drained(feed) == [5]
    assert feed.dropped == 4


def test_lossless_feed_gives_every_frame_however_slow_the_reader() -> None:
    feed = feed_of(ScriptedCamera(*map(frame, range(1, 30))), lossless=True)
    feed.start()
    assert drained(feed) == list(range(1, 30))
    assert feed.dropped == 0


def test_pending_frame_comes_before_the_end() -> None:
    feed = feed_of(ScriptedCamera(frame(7)))
    feed.start()
    until(lambda: feed.state is CameraState.ENDED)
    assert not feed.has_ended
    assert number(feed.next(0.0)) == 7
    assert feed.next(0.0) is None
    assert feed.has_ended


def test_failure_is_raised_before_the_end_is_told() -> None:
    feed = feed_of(ScriptedCamera(frame(1), ValueError("a bug")))
    feed.start()
    until(lambda: feed.state is CameraState.ENDED)
    assert number(feed.next(0.0)) == 1
    assert not feed.has_ended
    with pytest.raises(ValueError, match="a bug"):
        feed.next(0.0)


def test_file_that_cannot_be_opened_is_not_tried_again() -> None:
    feed = feed_of(InputError("no such file"))
    feed.start()
    with pytest.raises(InputError, match="no such file"):
        feed.next(PATIENCE_S)


def test_lost_camera_is_closed_and_opened_anew(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    first = ScriptedCamera(frame(1), CameraError("unplugged"))
    absent = CameraError("no camera at /dev/video0")
    feed = feed_of(first, absent, absent, absent, ScriptedCamera(frame(2)), lossless=True)
    feed.start()
    assert drained(feed) == [1, 2]
    assert first.is_closed
    assert caplog.text.count("no camera at /dev/video0") == 1
    assert caplog.text.count("unplugged") == 1
    assert caplog.text.count("delivers again") == 1


@pytest.mark.parametrize("before", [(), (frame(1),)], ids=["while opening", "while delivering"])
def test_camera_that_hangs_is_noticed_and_taken_back(before: tuple[Frame, ...]) -> None:
    hangs = threading.Event()
    feed = feed_of(ScriptedCamera(*before, hangs.wait, frame(9)), timeout_s=0.05)
    feed.start()
    for _ in before:
        assert number(feed.next(PATIENCE_S)) == 1

    def is_lost() -> bool:
        assert feed.next(0.02) is None
        return feed.state is CameraState.LOST

    until(is_lost)
    assert "no frame for" in feed.trouble
    hangs.set()
    assert number(feed.next(PATIENCE_S)) == 9
    assert feed.trouble == ""


def test_stop_frees_a_producer_that_waits_for_its_reader() -> None:
    camera = ScriptedCamera(*map(frame, range(1, 9)))
    feed = feed_of(camera, lossless=True)
    feed.start()
    until(lambda: camera.given == 2)  # the second one waits for the first to be fetched
    feed.stop(PATIENCE_S)
    assert camera.is_closed
    assert feed.state is CameraState.ENDED


def test_stop_ends_the_wait_before_the_next_try() -> None:
    feed = feed_of(CameraError("gone"), backoff=Backoff(first_s=60.0, cap_s=60.0))
    feed.start()
    until(lambda: feed.state is CameraState.LOST)
    feed.stop(PATIENCE_S)
    assert feed.state is CameraState.ENDED


def test_stop_leaves_a_hanging_driver_behind() -> None:
    hangs = threading.Event()
    feed = feed_of(ScriptedCamera(hangs.wait))
    feed.start()
    feed.stop(0.05)
    assert feed.state is not CameraState.ENDED
    hangs.set()


def test_stop_before_the_start_is_harmless() -> None:
    feed_of().stop()


def test_a_driver_that_never_comes_back_ends_the_wait_with_an_error() -> None:
    hangs = threading.Event()
    feed = feed_of(ScriptedCamera(frame(1), hangs.wait), timeout_s=0.05, stuck_after_s=0.3)
    feed.start()
    until(lambda: feed.next(0.01) is not None)
    until(lambda: feed.next(0.01) is None and feed.state is CameraState.LOST)
    with pytest.raises(CameraError, match="driver has not come back"):
        until(lambda: feed.next(0.01) is not None)
    hangs.set()


def test_a_camera_that_is_tried_in_vain_is_not_stuck() -> None:
    failing = [CameraError("gone") for _ in range(1000)]
    feed = feed_of(*failing, timeout_s=0.05, stuck_after_s=0.2)
    feed.start()
    ends_s = time.monotonic() + 0.6
    until(lambda: feed.next(0.01) is not None or time.monotonic() > ends_s)
    assert feed.state is CameraState.LOST
    feed.stop(PATIENCE_S)
