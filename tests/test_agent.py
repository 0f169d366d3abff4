"""The loop, with a camera, a detector and a broker that a test holds in its hands."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone

import numpy as np
import pytest

from edge_agent.agent import Agent, Pipeline
from edge_agent.devices.backoff import Backoff
from edge_agent.devices.broker import BrokerState
from edge_agent.devices.feed import NewestFrame
from edge_agent.devices.systemd import Notifier
from edge_agent.domain.detection import Detection, Part, Region
from edge_agent.domain.errors import CameraError
from edge_agent.domain.frame import Frame, Instant
from edge_agent.domain.geometry import Box
from edge_agent.domain.message import Message
from edge_agent.messages.composer import Composer
from edge_agent.messages.topics import Topics
from edge_agent.perception.observer import Observer
from edge_agent.scene.scene import Scene
from edge_agent.settings import SceneSettings, TrackingSettings
from edge_agent.tracking.tracker import Tracker

TOPICS = Topics("base", "board", "door")
CAMERA_TIMEOUT_S = 0.3
PATIENCE_S = 10.0


class HandCamera:
    """Gives the frames that a test puts in; an error in the queue is raised, None ends it."""

    def __init__(self) -> None:
        self.frames: queue.SimpleQueue[Frame | CameraError | None] = queue.SimpleQueue()

    def read(self) -> Frame | None:
        item = self.frames.get()
        if isinstance(item, CameraError):
            raise item
        return item

    def close(self) -> None:
        """Nothing is held."""


class OnePerson:
    """Sees the same person in every frame that is not black."""

    def detect(self, frame: Frame) -> tuple[Detection, ...]:
        if not frame.pixels.any():
            return ()
        return (Detection(face=Region(Part.FACE, Box(100, 80, 60, 70), 0.95)),)


@dataclass
class Shelf:
    """A broker that only keeps what it is given."""

    messages: list[Message] = field(default_factory=list)
    state: BrokerState = BrokerState.CONNECTED
    is_stopped: bool = False

    def start(self) -> None: ...

    def publish(self, message: Message) -> None:
        self.messages.append(message)

    def stop(self, timeout_s: float = 1.5) -> None:
        self.is_stopped = True

    def event_types(self) -> list[str]:
        return [json.loads(m.payload)["type"] for m in self.messages if m.topic == TOPICS.event]


@dataclass
class Running:
    camera: HandCamera
    broker: Shelf
    agent: Agent
    thread: threading.Thread
    failures: list[BaseException]
    time_s: float = 1000.0

    def show(self, seconds: float, *, somebody: bool) -> None:
        """Frames of that many seconds of capture time, ten a second."""
        for _ in range(round(seconds * 10)):
            self.time_s += 0.1
            pixels = np.full((240, 320, 3), 128 if somebody else 0, np.uint8)
            instant = Instant(datetime.now(timezone.utc), self.time_s)
            before = self.agent.summary.frames
            self.camera.frames.put(Frame(pixels, instant))
            self.wait_until(lambda before=before: self.agent.summary.frames > before)  # type: ignore[misc]

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < deadline_s, "waited in vain"
            time.sleep(0.002)

    def end(self) -> None:
        self.camera.frames.put(None)
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()


@pytest.fixture
def running() -> Iterator[Running]:
    camera, broker = HandCamera(), Shelf()
    agent = Agent(
        feed=NewestFrame(
            lambda: camera, timeout_s=CAMERA_TIMEOUT_S, backoff=Backoff(first_s=0.01, cap_s=0.01)
        ),
        pipeline=Pipeline(
            OnePerson(), Tracker(TrackingSettings()), Observer(None), Scene(SceneSettings())
        ),
        composer=Composer(TOPICS, interval_s=1.0),
        broker=broker,
        notifier=Notifier({}),
    )
    failures: list[BaseException] = []

    def run() -> None:
        try:
            agent.run()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield Running(camera, broker, agent, thread, failures)
    agent.stop()
    camera.frames.put(None)
    thread.join(PATIENCE_S)


def test_who_is_in_view_when_the_recording_ends_has_gone(running: Running) -> None:
    running.show(2.0, somebody=True)
    running.end()
    types = running.broker.event_types()
    assert types[0] == "appearance"
    assert types[-1] == "disappearance"
    assert running.broker.is_stopped


def test_a_camera_that_fails_for_a_moment_loses_nobody(running: Running) -> None:
    running.show(2.0, somebody=True)
    running.camera.frames.put(CameraError("the plug is loose"))
    running.show(1.0, somebody=True)
    assert running.broker.event_types().count("appearance") == 1
    assert "disappearance" not in running.broker.event_types()


def test_visits_end_when_the_camera_stays_silent(running: Running) -> None:
    running.show(2.0, somebody=True)
    running.wait_until(lambda: "disappearance" in running.broker.event_types())
    counts = [m.payload for m in running.broker.messages if m.topic == TOPICS.count]
    assert counts[-1] == b"0"
    running.time_s += 5
    running.show(2.0, somebody=True)
    assert running.broker.event_types().count("appearance") == 2


def test_an_unexpected_fault_of_the_camera_ends_the_run_with_it(running: Running) -> None:
    running.show(0.5, somebody=True)
    running.camera.frames.put("no frame at all")  # type: ignore[arg-type]
    running.thread.join(PATIENCE_S)
    assert running.failures
    assert running.broker.is_stopped
