"""The camera's thread: keeps the newest frame only, and opens the camera anew when it is lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from enum import Enum

from edge_agent.devices.backoff import Backoff
from edge_agent.devices.cameras import Camera
from edge_agent.devices.recurring import Trouble
from edge_agent.domain.errors import CameraError
from edge_agent.domain.frame import Frame

log = logging.getLogger(__name__)


RETRY_CAP_S = 5.0
"""The longest wait until a lost camera is tried again; a look at a device costs little."""


class CameraState(str, Enum):
    OPENING = "opening"
    DELIVERING = "delivering"
    LOST = "lost"
    ENDED = "ended"


class NewestFrame:
    """Frames of a camera as they come; those that nobody fetched in time are dropped and counted.

    `lossless` keeps every frame and waits instead: for recordings at the pace "fast".
    """

    def __init__(
        self,
        open_camera: Callable[[], Camera],
        *,
        timeout_s: float,
        stuck_after_s: float | None = None,
        lossless: bool = False,
        backoff: Backoff | None = None,
    ) -> None:
        self._open_camera = open_camera
        self._timeout_s = timeout_s
        self._stuck_after_s = stuck_after_s
        self._lossless = lossless
        self._backoff = backoff or Backoff(cap_s=RETRY_CAP_S)
        self._changed = threading.Condition()
        self._newest: Frame | None = None
        self._stopping = threading.Event()
        self._failure: Exception | None = None
        self._trouble = Trouble(log)
        self._last_frame_s = self._moved_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self.state = CameraState.OPENING
        self.dropped = 0

    def start(self) -> None:
        self._last_frame_s = self._moved_s = time.monotonic()
        self._thread.start()

    def next(self, timeout_s: float) -> Frame | None:
        """The newest frame that was not yet given, or None when none came in `timeout_s`.

        Raises what made the camera's thread end, if anything did, and CameraError when it hangs
        in the driver for `stuck_after_s`: from that only a new process recovers.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._newest is not None or self.state is CameraState.ENDED, timeout_s
            )
            frame, self._newest = self._newest, None
            self._changed.notify_all()
        if frame is None and self._failure is not None:
            raise self._failure
        if frame is None:
            self._notice_silence()
        return frame

    @property
    def has_ended(self) -> bool:
        """Whether `next` has no more to give, and nothing to raise."""
        with self._changed:
            is_over = self.state is CameraState.ENDED
            return is_over and self._newest is None and self._failure is None

    @property
    def is_lost(self) -> bool:
        """Whether the camera fails, and has given no frame for longer than its timeout."""
        silent_s = time.monotonic() - self._last_frame_s
        return self.state is CameraState.LOST and silent_s > self._timeout_s

    @property
    def trouble(self) -> str:
        """Why no frame comes; empty when they come, or none was due yet."""
        return self._trouble.what

    def stop(self, timeout_s: float = 1.0) -> None:
        """End the thread; one that hangs in a driver is left behind after that time."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._moved_s = time.monotonic()
                try:
                    self._deliver(self._open_camera())
                    return
                except CameraError as error:
                    self.state = CameraState.LOST
                    self._trouble.happened(f"{error}; trying again")
                    self._stopping.wait(self._backoff.next_s())
        except Exception as error:  # the boundary of the thread: `next` raises it in the loop
            self._failure = error
        finally:
            with self._changed:
                self.state = CameraState.ENDED
                self._changed.notify_all()

    def _deliver(self, camera: Camera) -> None:
        try:
            while not self._stopping.is_set():
                self._moved_s = time.monotonic()
                frame = camera.read()
                if frame is None:
                    return
                self._trouble.is_over("the camera delivers again")
                self._backoff.succeeded()
                self._offer(frame)
        finally:
            self._moved_s = time.monotonic()
            camera.close()

    def _offer(self, frame: Frame) -> None:
        with self._changed:
            if self._lossless:
                self._changed.wait_for(lambda: self._newest is None or self._stopping.is_set())
            elif self._newest is not None:
                self.dropped += 1
            self._newest = frame
            self._last_frame_s = time.monotonic()
            self.state = CameraState.DELIVERING
            self._changed.notify_all()

    def _notice_silence(self) -> None:
        """A driver that hangs raises nothing; the time since the last frame tells."""
        silent_s = time.monotonic() - self._last_frame_s
        if silent_s <= self._timeout_s:
            return
        with self._changed:
            is_due = self.state in (CameraState.OPENING, CameraState.DELIVERING)
            if is_due:
                self.state = CameraState.LOST
        if is_due:
            self._trouble.happened(f"the camera has given no frame for {silent_s:.0f} s")
        stuck_s = time.monotonic() - self._moved_s
        if self._stuck_after_s is not None and stuck_s > self._stuck_after_s:
            raise CameraError(f"the camera's driver has not come back for {stuck_s:.0f} s")
